"""Make the package and its tests from the chapters of the book.

    python scripts/tangle.py                      write dlfs/ and tests/
    python scripts/tangle.py --check              show what would change
    python scripts/tangle.py --back               edits of these files go back
                                                  into the chapters
    python scripts/tangle.py --watch              both, whenever one is saved
    python scripts/tangle.py --until 3 --out DIR  as they are after chapter 3
    python scripts/tangle.py where dlfs/nn/dense.py:40 which line made this one
    python scripts/tangle.py lint                 what the linter finds, with
                                                  chapter lines

A block ```python file="dlfs/nn.py" id="linear" of a chapter goes into that
file. All mistakes are printed, one line each, and then nothing is written.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bookkit import ROOT
from bookkit.read.chapters import read_book, write_any_text
from bookkit.read.mistakes import BookError, Mistake, raise_any
from bookkit.tangle import disk
from bookkit.tangle.back import bring_back
from bookkit.tangle.blocks import Line, Origin
from bookkit.tangle.output import Output, nearest_origin, tangle
from bookkit.tangle.watch import watch

CONTEXT = 3  # lines of a diff above the first that differs


def command_write(root: Path, book: Path, args: argparse.Namespace) -> None:
    """Write what changed, or a snapshot; say which files and how fast.

    Edits of generated files may go back into the chapters first.
    """
    start = time.perf_counter()
    chapters = read_book(book, args.until)
    if args.until not in (None, *(chapter.number for chapter in chapters)):
        message = f"there is no chapter {args.until:02}"
        raise BookError([Mistake(book.name, 1, message)])
    output = tangle(chapters)
    if args.out:
        changes = disk.write_snapshot(root, output, args.out)
    elif args.back:
        output, changes, report = bring_back(root, book, output)
        print("\n".join(report) or "no file was edited by hand")
    else:
        changes = disk.write_output(root, output)
    for file in changes:
        print(f"wrote {file}")
    done = f"wrote {len(changes)}" if changes else "nothing to do"
    print(
        f"{done}: {len(output.files)} files, {len(output.blocks)} blocks "
        f"from {len(output.chapters)} chapters "
        f"in {time.perf_counter() - start:.2f} s"
    )


def command_check(root: Path, book: Path) -> None:
    """Print how the files on disk differ from the book, if they do."""
    output = tangle(read_book(book))
    changes = disk.find_changes(root, output)
    for file, old in changes.items():
        show("\n".join(diff(file, old or "", output.files[file])))
    mistakes = disk.find_orphans(root, output)
    if changes:
        message = f"{len(changes)} files differ from the book: tangle the "
        message += "chapters, with --back if it was the files that were edited"
        mistakes.append(Mistake(next(iter(changes)), 1, message))
    raise_any(mistakes)


def show(text: str) -> None:
    """Print a long text; whoever reads it may stop, as `head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def diff(file: str, text: str, lines: list[Line]) -> Iterator[str]:
    """A unified diff whose hunks name the block they come from."""
    made = [line.text for line in lines]
    names = f"{file} (on disk)", f"{file} (from the book)"
    old = text.splitlines()
    for line in difflib.unified_diff(old, made, *names, lineterm=""):
        hunk = re.match(r"@@ -\S+ \+(\d+)", line)
        number = int(hunk[1]) + CONTEXT if hunk else 0
        origin = nearest_origin(lines, number) if hunk else None
        yield f"{line} {origin.path}#{origin.block}" if origin else line


def parse_place(text: str) -> tuple[str, int]:
    """The parts of FILE:LINE."""
    match = re.fullmatch("(.+):([0-9]{1,9})", text)
    if not match:
        message = "a place is FILE:LINE, such as dlfs/nn/dense.py:40"
        raise argparse.ArgumentTypeError(message)
    return match[1], int(match[2])


def command_where(root: Path, book: Path, name: str, line: int) -> None:
    """Print which chapter line made a line of a file, or the other way."""
    path = Path(name).resolve()
    if not os.path.exists(path):
        path = (root / name).resolve()  # as it is printed, from anywhere
    output = tangle(read_book(book))
    if path.parent == book:
        print(find_copy(output, f"{book.name}/{path.name}", line))
    else:
        file = path.relative_to(root) if path.is_relative_to(root) else path
        print(find_origin(output, file.as_posix(), line))


def find_origin(output: Output, file: str, number: int) -> Origin:
    """The origin of a line of a file; raises `BookError` if it has none."""
    lines = output.files.get(file, [])
    for line in lines[max(number - 1, 0) : number]:
        if line.origin:
            return line.origin
    message = f"copied from no chapter; the book makes {len(lines)} lines of "
    raise BookError([Mistake(file, number, f"{message}this file")])


def find_copy(output: Output, path: str, number: int) -> str:
    """Where a line of a chapter is copied to; raises `BookError` if not."""
    for file, lines in output.files.items():
        for index, line in enumerate(lines, 1):
            if line.origin and line.origin[:2] == (path, number):
                return f"{file}:{index}"
    message = "this is no line of a block with file="
    for old in output.blocks:
        if any(line.origin[:2] == (path, number) for line in old.lines):
            message = f"this line of {old.id} has no copy in {old.file}: it "
            message += "is blank, @extend, or an import that is there already"
            for new in [x for x in output.blocks if old.id in x.replaces]:
                message = f"{old.id} is replaced by {new.id} ({new.place})"
    raise BookError([Mistake(path, number, message)])


def command_lint(root: Path, book: Path) -> int:
    """Print what ruff finds, each with its chapter line; 1 if anything."""
    output = tangle(read_book(book))
    codes = set()
    for command in ["check"], ["format", "--check"]:
        ruff = [sys.executable, "-m", "ruff", *command]
        ruff += ["--output-format=concise", "."]
        done = subprocess.run(ruff, cwd=root, capture_output=True, text=True)
        for finding in done.stdout.splitlines():
            place = re.match(r"([^:]+):([0-9]+):", finding)
            file, line = place.groups() if place else ("", "0")
            lines = output.files.get(Path(file).as_posix())
            origin = lines and nearest_origin(lines, int(line))
            print(f"{origin}: {finding}" if origin else finding)
        print(done.stderr, end="", file=sys.stderr)
        codes.add(done.returncode)
    return int(any(codes))


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tangle.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("command", nargs="?", choices=["where", "lint"])
    for mode in ("--check", "--back", "--watch"):
        modes.add_argument(mode, action="store_true")
    modes.add_argument("--until", type=int, metavar="NN")
    add("place", nargs="?", type=parse_place, help="FILE:LINE, for where")
    add("--out", type=Path, metavar="DIR", help="a new folder, for --until")
    add("--root", type=Path, default=ROOT, metavar="DIR", help="holds book/")
    add("--book", type=Path, metavar="DIR", help="if it is not in the root")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; mistakes go to stderr and give exit code 1."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    root = args.root.resolve()
    book = (args.book or root / "book").resolve()
    is_where = args.command == "where"
    if (args.until is None, is_where) != (args.out is None, bool(args.place)):
        parser.error("--until goes with --out, where with FILE:LINE")
    write_any_text()
    try:
        if args.command == "where":
            command_where(root, book, *args.place)
        elif args.command == "lint":
            return command_lint(root, book)
        elif args.watch:
            watch(root, book, show)
        elif args.check:
            command_check(root, book)
        else:
            command_write(root, book, args)
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
