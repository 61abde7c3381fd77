"""Make pages of the chapters: run them and put the outputs in place.

    python scripts/weave.py                 write build/woven, for the site
    python scripts/weave.py --markdown DIR  the same pages into another folder
    python scripts/weave.py --chapter 07    only this chapter
    python scripts/weave.py --record        record the timings they print

A page is plain Markdown, with figures and the executed notebook beside it. A
chapter only runs again if its code changed, or the package it runs on.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bookkit import ROOT
from bookkit.read.chapters import (
    Cell,
    read_book,
    unnumbered_pages,
    write_any_text,
)
from bookkit.read.mistakes import BookError, collect, raise_any
from bookkit.run import recorded as timings
from bookkit.run.kernels import Run, run_chapter
from bookkit.run.testruns import ChapterTests, run_tests
from bookkit.tangle.disk import write_files
from bookkit.tangle.notebooks import make_notebook
from bookkit.tangle.output import tangle
from bookkit.weave.habits import ask_names, make_names
from bookkit.weave.listing import make_listings
from bookkit.weave.pages import Site, make_page, make_text
from bookkit.weave.reference import make_reference
from bookkit.weave.results import fill, find_facts
from bookkit.weave.terms import PAGE as GLOSSARY
from bookkit.weave.terms import make_glossary, read_terms

WOVEN = "build/woven"
JOBS = 2  # chapters that run at once
WRITTEN = ".woven"  # the names of the files in a woven folder


class Book:
    """The chapters, and what they make up to each of them.

    `outputs[n]` is what the first `n` chapters make, `report` prints a line.
    """

    def __init__(
        self,
        root: Path,
        repository: str = "",
        report: Callable[[str], None] = print,
    ) -> None:
        self.root, self.report = root, report
        self.folder = folder = root / "book"
        self.chapters = read_book(folder)
        self.outputs = [
            tangle(self.chapters[:count])
            for count in range(len(self.chapters) + 1)
        ]
        path = folder / GLOSSARY
        glossary = path.read_text("utf-8") if path.is_file() else ""
        terms = read_terms(glossary)
        self.site = Site(self.outputs[-1], repository, terms)

    def select(self, numbers: Sequence[int]) -> list[int]:
        """The indices of the chapters asked for, or of all."""
        known = {each.number: i for i, each in enumerate(self.chapters)}
        if unknown := {*numbers} - known.keys():
            raise SystemExit(
                f"weave.py: there is no chapter {min(unknown):02}"
            )
        return sorted({known[n] for n in numbers or known})


def weave(
    book: Book,
    folder: Path,
    numbers: Sequence[int] = (),
    is_plain: bool = True,
) -> list[str]:
    """Write the pages into a folder; return the names of its files.

    Unless they are plain, those of the reference are for mkdocstrings. Only
    files that changed are written. Raises `BookError` with the mistakes of
    all chapters that do not run.
    """
    files: dict[str, str | bytes] = {}
    for run, tests in run_all(book, book.select(numbers), JOBS):
        files |= woven_files(book, run, tests)
    if not numbers:
        site = book.site
        files |= other_pages(book)
        files |= make_reference(site.entries, is_plain)
        files |= make_names(ask_names(book.root, site.book), site.entries)
        delete_others(folder, files)
    write_files(folder, files)
    return [name for name in files if name != WRITTEN]


def run_all(
    book: Book, indices: list[int], jobs: int, use_cache: bool = True
) -> list[tuple[Run, ChapterTests]]:
    """Run chapters and their tests, some at the same time.

    Reports a mistake at once; raises `BookError` with those of all of them.
    """
    with ThreadPoolExecutor(jobs) as pool:
        tasks = [
            pool.submit(run_one, run, book, index, use_cache)
            for index in indices[::-1]
            for run in (run_chapter, run_tests)
        ]
    results, mistakes = collect(Future.result, tasks)
    raise_any(mistakes)
    return list(zip(results[::2], results[1::2]))[::-1]


def run_one(
    run: Callable, book: Book, index: int, use_cache: bool
) -> Run | ChapterTests:
    """Run the cells of a chapter, or its tests, and say how long it took."""
    chapter, start = book.chapters[index], time.perf_counter()
    package = book.outputs[index + (run is run_tests)]
    try:
        done = run(book.root, chapter, package, use_cache)
    except BookError as error:
        book.report(f"FAILED: {str(error.mistakes[0]).splitlines()[0]}")
        raise
    seconds, what = time.perf_counter() - start, "ran"
    if run is run_tests:
        what = f"{done.passed} tests passed" if done.blocks else ""
    if done.is_fresh and what:
        book.report(f"{chapter.name}: {what} in {seconds:.1f} s")
    return done


def woven_files(
    book: Book, run: Run, tests: ChapterTests
) -> dict[str, str | bytes]:
    """The page of a chapter, its figures and its notebook."""
    chapter = run.chapter
    recorded = timings.read_recorded(book.folder, chapter)
    if not timings.is_recorded(recorded, run):
        book.report(
            f"{chapter.name}: its timings are not recorded for this code, the "
            "page shows those of this run (scripts/weave.py --record)"
        )
    outputs, conditions = timings.with_recorded(recorded, run)
    outputs = list(map(without_docstring, chapter.live_cells, outputs))
    tests = timings.with_recorded_times(recorded, tests)
    page = make_page(chapter, outputs, conditions, book.site, tests)
    index = book.chapters.index(chapter)
    before = book.chapters[index - 1] if index else None
    notebook = make_notebook(chapter, outputs, book.site.repository, before)
    return {
        f"{chapter.name}.md": page.text,
        f"notebooks/{chapter.name}.ipynb": notebook,
        **page.figures,
    }


def without_docstring(cell: Cell, outputs: list[dict]) -> list[dict]:
    """The outputs of a cell, but not the docstring of a file that it makes.

    To the kernel it is the value of the cell.
    """
    if "file" not in cell.options:
        return outputs
    return [one for one in outputs if one["output_type"] != "execute_result"]


def other_pages(book: Book) -> dict[str, str | bytes]:
    """The pages that are no chapters: home, glossary, code."""
    site, files = book.site, {}
    facts = find_facts(book.folder, site.book)
    for path in unnumbered_pages(book.folder):
        source = path.read_text(encoding="utf-8")
        name = f"{book.folder.name}/{path.name}"
        text = make_text(fill(source, name, facts), site.repository)
        is_glossary = path.name == GLOSSARY
        files[path.name] = make_glossary(text) if is_glossary else text
    for path in sorted(book.folder.glob("pictures/*")):
        files[f"pictures/{path.name}"] = path.read_bytes()
    return files | make_listings(book.root, site.book)


def delete_others(folder: Path, files: dict[str, str | bytes]) -> None:
    """Delete what an earlier weaving wrote and this one does not.

    What it wrote stands in a file of its own, so that nothing else is lost.
    """
    written = folder / WRITTEN
    if written.is_file():
        for name in written.read_text(encoding="utf-8").splitlines():
            if name not in files:
                (folder / name).unlink(missing_ok=True)
    files[WRITTEN] = "".join(f"{name}\n" for name in sorted(files))


# --- The command ---


def record(book: Book, numbers: list[int]) -> None:
    """Record timings: one chapter at a time, on an otherwise idle machine."""
    for index in book.select(numbers):
        (first, _), (run, tests) = (
            run_all(book, [index], 1, use_cache=False)[0] for _ in range(2)
        )
        raise_any(timings.find_untagged(first, run))
        timings.write_recorded(book.folder, run, tests)
        print(f"{run.chapter.name}: recorded", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; mistakes go to stderr and give exit code 1."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="weave.py", description=__doc__, formatter_class=kind
    )
    add = parser.add_argument
    add("--markdown", type=Path, metavar="DIR")
    add("--chapter", type=int, action="append", default=[], metavar="NN")
    add("--record", action="store_true", help="runs each chapter twice")
    add("--root", type=Path, default=ROOT, help="the folder with book/")
    args = parser.parse_args(arguments)
    root = args.root.resolve()
    folder = args.markdown or root / WOVEN
    write_any_text()
    start = time.perf_counter()
    try:
        book = Book(root, os.environ.get("DLFS_REPO", ""))
        if args.record:
            record(book, args.chapter)
            return 0
        files = weave(book, folder, args.chapter)
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
    seconds = time.perf_counter() - start
    print(f"{len(files)} files in {folder} after {seconds:.1f} s")
    return 0
