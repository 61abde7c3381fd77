"""Write the pairs of chapters; run chapters and the tests of their snapshots.

    python scripts/chapters.py pair [NN ...] [--ipynb]
    python scripts/chapters.py run [NN ...] [--jobs N]
    python scripts/chapters.py new NN-slug TITLE [--kind workshop]

`pair` writes each chapter as a script (and notebook), `run` runs the chapters
and those tests of their snapshots that they may have broken, `new` begins one.
"""

import argparse
import collections
import functools
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bookkit import ROOT
from bookkit.read.chapters import BookError, Chapter, read_book, write_any_text
from bookkit.read.lists import begin_chapter
from bookkit.run.affected import affected_tests
from bookkit.run.testruns import ARROW, outcome, run_pytest, run_python
from bookkit.tangle.assemble import module_name
from bookkit.tangle.disk import keep_snapshot, snapshot_folder
from bookkit.tangle.output import Output, tangle
from bookkit.tangle.pairs import write_pair

WITH_LINES = """\
from bookkit.tangle.tracebacks import install_traceback_hook
install_traceback_hook({!r})
"""


@dataclass
class Job:
    """A chapter to run by its script, and how often something failed.

    `before` and `after` are what is made up to it, and with it.
    """

    root: Path
    script: Path
    before: Output
    after: Output
    passed: int = 0
    failed: int = 0

    def run(self, cells: bool) -> None:
        """Run it on the snapshot before it, and the tests after it.

        Says at once what fails. Without `cells` it only runs the tests.
        """
        snapshot = keep_snapshot(self.root, self.after)
        parts = [self.run_script()] if cells else []
        if not self.run_imports(snapshot):
            parts.append("snapshot: imports FAILED")
        parts.append(f"snapshot: {self.run_tests(snapshot)}")
        say(f"{self.chapter.name}: {'; '.join(parts)}")

    @property
    def chapter(self) -> Chapter:
        """The chapter that runs."""
        return self.after.chapters[-1]

    def run_script(self) -> str:
        """Run the script in an empty folder; say how that went."""
        start = time.perf_counter()
        before = self.root / snapshot_folder(self.before.chapters)
        with tempfile.TemporaryDirectory() as folder:
            ran = run_python([str(self.script)], before, Path(folder))
        seconds = time.perf_counter() - start
        if ran.returncode:
            self.fail("its cells", ran.stdout)
        verb = "FAILED" if ran.returncode else "ran"
        return (
            f"{len(self.chapter.live_cells)} cells {verb} in {seconds:.1f} s"
        )

    def run_imports(self, snapshot: Path) -> bool:
        """Whether all modules of the package can be imported."""
        code = WITH_LINES.format(str(self.root))
        for file in self.after.files:
            if file.startswith("dlfs/") and not file.endswith("__main__.py"):
                code += f"import {module_name(file)}\n"
        ran = run_python(["-c", code], snapshot, snapshot)
        if ran.returncode:
            self.fail("imports after it", ran.stdout)
        return not ran.returncode

    def run_tests(self, snapshot: Path) -> str:
        """Run the tests that it may have broken; say how that went."""
        tests = affected_tests(self.before, self.after)
        if not tests:
            return "no tests to run"
        start = time.perf_counter()
        cases, problem = run_pytest(self.root, snapshot, tests)
        seconds = time.perf_counter() - start
        counts = collections.Counter(map(outcome, cases))
        self.passed = counts["passed"]
        if problem:
            self.fail("tests after it", problem)
            counts["FAILED"] = max(counts["FAILED"], 1)
        text = f"{self.passed} tests passed"
        for other in "FAILED", "skipped":
            text += f", {counts[other]} {other}" if counts[other] else ""
        return f"{text} in {seconds:.1f} s"

    def fail(self, what: str, output: str) -> None:
        """Say what failed and where, in the chapter if it shows there."""
        places = [(path, line) for path, line, _ in ARROW.findall(output)]
        own = [each for each in places if each[0] == self.chapter.path]
        path, line = (own or places or [(self.chapter.path, 1)])[-1]
        say(f"{path}:{line}: {self.chapter.name}: {what} FAILED\n{output}")
        self.failed += 1


def say(text: str) -> None:
    """Print a text at once, whatever other threads print."""
    print(f"{text}\n", end="", flush=True)


def command_pair(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Write the pairs of the chapters that were asked for."""
    for before, after in select(book, args.numbers):
        chapter = after.chapters[-1]
        print(f"wrote {write_pair(root, book, chapter, before, args.ipynb)}")
    return 0


def command_run(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Run the chapters that were asked for; 1 if anything failed."""
    jobs = []
    for before, after in select(book, args.numbers):
        script = write_pair(root, book, after.chapters[-1], before)
        jobs.append(Job(root, script, before, after))
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(lambda job: job.run(args.cells), jobs))
    passed = sum(job.passed for job in jobs)
    failed = sum(job.failed for job in jobs)
    print(f"{len(jobs)} chapters ran, {passed} tests passed, {failed} failed")
    return 1 if failed else 0


def command_new(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Begin a chapter."""
    for place in begin_chapter(root, book, args.name, args.title, args.kind):
        print(f"wrote {place}")
    return 0


def select(book: Path, numbers: list[int]) -> list[tuple[Output, Output]]:
    """What the book makes before and after each chapter asked for (or all)."""
    chapters = read_book(book, max(numbers) if numbers else None)
    unknown = set(numbers) - {chapter.number for chapter in chapters}
    if unknown:
        names = ", ".join(f"{number:02}" for number in sorted(unknown))
        raise SystemExit(f"there is no chapter {names} in {book}")
    after = functools.cache(lambda count: tangle(chapters[:count]))
    return [
        (after(index), after(index + 1))
        for index, chapter in enumerate(chapters)
        if not numbers or chapter.number in numbers
    ]


def at_least_one(text: str) -> int:
    """The value of --jobs."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="chapters.py",
        description="Begin and run the chapters of the book.",
    )
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR")
    parser.add_argument("--book", type=Path, metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="write book/py/NN-slug.py")
    pair.add_argument("--ipynb", action="store_true", help="and notebooks")
    pair.set_defaults(action=command_pair)
    run = commands.add_parser("run", help="run chapters and their tests")
    run.add_argument("--jobs", type=at_least_one, default=2, metavar="N")
    no_cells_help = "run only the tests; `make site` runs the cells, too"
    run.add_argument(
        "--no-cells", action="store_false", dest="cells", help=no_cells_help
    )
    run.set_defaults(action=command_run)
    new = commands.add_parser("new", help="begin a chapter, and list it")
    new.add_argument("name", metavar="NN-slug")
    new.add_argument("title")
    new.add_argument("--kind", choices=["path", "workshop"], default="path")
    new.set_defaults(action=command_new)
    for command in (pair, run):
        command.add_argument("numbers", type=int, nargs="*", metavar="NN")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; mistakes go to stderr and give exit code 1."""
    args = make_parser().parse_args(arguments)
    root = args.root.resolve()
    write_any_text()
    try:
        return args.action(root, (args.book or root / "book").resolve(), args)
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
