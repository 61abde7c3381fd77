"""Read the chapters of the book into cells with exact line numbers.

A chapter is jupytext Markdown, `book/NN-slug.md`, so that Jupyter can open it:
a test holds that jupytext finds the same cells in every chapter. Everything
that is wrong with a chapter is collected as a `Mistake` and raised together as
one `BookError`.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bookkit.read.fences import (
    Fence,
    check_options,
    explain_no_cell,
    parse_options,
    scan_fences,
)
from bookkit.read.source import find_marker, parse

CHAPTER_FILE = re.compile(r"(\d\d)-([a-z0-9]+(?:-[a-z0-9]+)*)\.md")


class Mistake(NamedTuple):
    """Something wrong in a file, as one line for the reader."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class BookError(Exception):
    """The mistakes found in the book; nothing was written."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(dict.fromkeys(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))


def raise_any(mistakes: Iterable[Mistake]) -> None:
    """Raise `BookError` if there are mistakes, in the order of their lines."""
    found = sorted(mistakes)
    if found:
        raise BookError(found)


@dataclass(frozen=True)
class Cell:
    """A stretch of a chapter: its front matter, text, or one code cell.

    `kind` is "raw" (front matter), "markdown" or "code"; `line` is the line
    of the chapter on which `source` starts. The fence of a code cell is the
    line above it.
    """

    kind: str
    source: str
    line: int
    options: dict = field(default_factory=dict)

    @property
    def fence(self) -> int:
        """The line of the fence that opens a code cell."""
        return self.line - 1

    @property
    def is_test(self) -> bool:
        """Whether it is a block of tests/.

        Such a block imports what its own chapter makes, so it cannot run on
        the package as it is before the chapter: pytest runs it on the package
        after the chapter, and the paired script only shows it.
        """
        return self.options.get("file", "").startswith("tests/")


@dataclass(frozen=True, eq=False)
class Chapter:
    """A chapter, `path` as it is printed: "book/03-tensors.md"."""

    number: int
    slug: str
    path: str
    cells: list[Cell]

    @property
    def name(self) -> str:
        """The name of its file without suffix: "03-tensors"."""
        return f"{self.number:02}-{self.slug}"

    @functools.cached_property
    def front_matter(self) -> dict:
        """What the lines above the text say: title, description, kind."""
        import yaml

        raw = [cell.source for cell in self.cells if cell.kind == "raw"]
        return yaml.safe_load(raw[0].strip("-\n")) or {} if raw else {}

    @property
    def is_workshop(self) -> bool:
        """Whether a reader of the path may pass it by."""
        return self.front_matter.get("kind") == "workshop"

    @property
    def code_cells(self) -> list[Cell]:
        """The code cells, in order."""
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def live_cells(self) -> list[Cell]:
        """The code cells that run when the chapter runs, in order."""
        return [cell for cell in self.code_cells if not cell.is_test]


def read_book(
    book: Path,
    until: int | None = None,
    read: Callable[[Path], Chapter] | None = None,
) -> list[Chapter]:
    """Read all chapters in order, or those up to the number `until`.

    `read` reads one chapter, if it is not `read_chapter`. Raises `BookError`
    with everything that is wrong in any of them.
    """
    paths = chapter_paths(book, until)
    chapters, mistakes = collect(read or read_chapter, paths)
    mistakes += check_unique_ids(chapters)
    if until is None:
        mistakes += check_unnumbered_pages(book)
    if mistakes:
        raise BookError(sorted(mistakes))
    return chapters


def collect(make: Callable, things: Iterable) -> tuple[list, list[Mistake]]:
    """What is made of some things, and the mistakes of all the others."""
    made, mistakes = [], []
    for thing in things:
        try:
            made.append(make(thing))
        except BookError as error:
            mistakes += error.mistakes
    return made, mistakes


def chapter_paths(book: Path, until: int | None = None) -> list[Path]:
    """The files of the chapters, in order, each number used once."""
    numbers: dict[int, Path] = {}
    mistakes = []
    for path in sorted(book.glob("[0-9]*.md")):
        match = CHAPTER_FILE.fullmatch(path.name)
        if not match:
            message = "a chapter is named NN-slug.md: 03-tensors.md"
            mistakes.append(Mistake(label(path), 1, message))
        elif (number := int(match[1])) in numbers:
            message = f"{numbers[number].name} has this number already"
            mistakes.append(Mistake(label(path), 1, message))
        else:
            numbers[number] = path
    if not (numbers or mistakes):
        message = f"there are no chapters NN-slug.md in {book}"
        if not book.is_dir():
            message = f"there is no such folder: {book}"
        mistakes = [Mistake(book.name, 1, message)]
    if mistakes:
        raise BookError(mistakes)
    return [
        path
        for number, path in numbers.items()
        if until is None or number <= until
    ]


def unnumbered_pages(book: Path) -> list[Path]:
    """The pages that are no chapters. Hidden files are those of editors."""
    return [
        path
        for path in sorted(book.glob("*.md"))
        if not path.name[0].isdigit() and path.name[0] != "."
    ]


def label(path: Path) -> str:
    """How a file of the book is named: "book/03-tensors.md"."""
    return f"{path.parent.name}/{path.name}"


def read_chapter(path: Path) -> Chapter:
    """Read one chapter; raises `BookError` with all that is wrong in it."""
    return parse_chapter(label(path), read_text(path))


@functools.lru_cache(64)  # `make serve` reads all after every change
def parse_chapter(path: str, text: str) -> Chapter:
    """Make a chapter from its text; `path` is as it is printed."""
    marker = find_marker(text)
    if marker:
        message = (
            "git could not join two versions here: write what this part "
            "shall be, and delete the lines <<<<<<<, ======= and >>>>>>>"
        )
        raise BookError([Mistake(path, marker, message)])
    lines = text.split("\n")
    match = CHAPTER_FILE.fullmatch(path.rpartition("/")[2])
    start = front_matter_end(lines)
    fences = list(scan_fences(lines, start))
    found = [
        *check_front_matter(lines[:start]),
        *find_fence_mistakes(lines, fences),
    ]
    if not found:
        cells = list(split_cells(lines, start, fences))
        chapter = Chapter(int(match[1]), match[2], path, cells)
        found = [*check_exercises(chapter), *check_markers(chapter)]
    if found:
        raise BookError(Mistake(path, *each) for each in found)
    return chapter


def read_text(path: Path) -> str:
    """Read a chapter, with line ends as `\n` whatever they are on disk."""
    return decode_chapter(label(path), read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a chapter; raises `BookError` if that fails."""
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error}"
        raise BookError([Mistake(label(path), 1, message)]) from error


def decode_chapter(path: str, content: bytes) -> str:
    """The text of a chapter, with line ends as `\n`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        byte = f"{content[error.start]:02x}"
        message = f"cannot be read: the byte {byte} is not UTF-8"
        raise BookError([Mistake(path, line, message)]) from error
    text = text.replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if "\0" in line or len(line.splitlines()) > 1:
            message = "holds a control character that may end a line"
            raise BookError([Mistake(path, number, message)])
    return text


def front_matter_end(lines: list[str]) -> int:
    """The number of lines of the front matter, 0 if there is none."""
    marks = [n for n, line in enumerate(lines, 1) if line.rstrip() == "---"]
    return marks[1] if marks[:1] == [1] and len(marks) > 1 else 0


def check_front_matter(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Check that the front matter can be read and is not for Jupyter."""
    if not lines:
        return
    import yaml

    for number, text in enumerate(lines, 1):
        if text.startswith(("jupyter:", "jupytext:", "kernelspec:")):
            message = "the front matter has title, description, kind and words"
            yield number, message
    try:
        options = yaml.safe_load("\n".join(lines[1:-1])) or {}
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        message = f"the front matter is not YAML: {problem}"
        yield 2 + (mark.line if mark else 0), message
    else:
        if not isinstance(options, dict):
            yield 1, "the front matter is made of lines such as title: ..."
        elif options.get("kind", "workshop") != "workshop":
            yield 1, "the front matter says kind: workshop, or nothing of it"


def find_fence_mistakes(
    lines: list[str], fences: list[Fence]
) -> Iterator[tuple[int, str]]:
    """Find fences that are not what they look like, and wrong options.

    What follows a fence inside a string means nothing.
    """
    for fence in fences:
        error = find_open_string(fence)
        if error:
            yield find_inner_fence(lines, fence) or (
                fence.line + error.lineno,
                f"syntax error: {error.msg}",
            )
            return
        message = explain_no_cell(fence)
        if message:
            yield fence.line, message
        elif fence.is_cell:
            for message in check_options(fence):
                yield fence.line, message


def find_open_string(fence: Fence) -> SyntaxError | None:
    """The error of a block whose last string does not end in it."""
    text = "\n".join(fence.body)
    if fence.is_cell and (text.count('"""') + text.count("'''")) % 2:
        try:
            parse(text)
        except SyntaxError as error:
            return error
    return None


def find_inner_fence(lines: list[str], fence: Fence) -> tuple[int, str] | None:
    """The line of a fence that cuts a string of a block in two, and advice.

    The block would be Python if it went on to a later end of a fence.
    """
    ends = [
        number
        for number, text in enumerate(lines[fence.line :], fence.line)
        if set(text.strip()) == {"`"} and len(text.strip()) >= 3
    ]
    for end in ends[1:4]:
        with suppress(SyntaxError):
            parse("\n".join(lines[fence.line : end]))
            number = fence.line
            while not lines[number].lstrip().startswith("```"):
                number += 1
            return number + 1, (
                "this fence is inside a string of the block that line "
                f"{fence.line} opens; use four backticks for the block"
            )
    return None


def split_cells(
    lines: list[str], start: int, fences: list[Fence]
) -> Iterator[Cell]:
    """Cut a chapter into its front matter, texts and code cells."""
    if start:
        yield Cell("raw", "\n".join(lines[:start]), 1)
    for fence in fences:
        if not fence.is_cell:
            continue
        yield from text_cell(lines, start, fence.line - 1)
        source = "\n".join(fence.body)
        options = parse_options(fence.info)
        yield Cell("code", source, fence.line + 1, options)
        start = fence.line + len(fence.body) + 1
    yield from text_cell(lines, start, len(lines))


def text_cell(lines: list[str], start: int, stop: int) -> Iterator[Cell]:
    """The text of `lines[start:stop]`, unless there is none."""
    filled = [n for n in range(start, stop) if lines[n].strip()]
    if filled:
        text = "\n".join(lines[filled[0] : filled[-1] + 1])
        yield Cell("markdown", text, filled[0] + 1)


def check_markers(chapter: Chapter) -> Iterator[tuple[int, str]]:
    """Check that text means nothing to Jupyter, and hides no cell."""
    for cell in chapter.cells:
        if cell.kind == "code":
            continue
        for number, line in enumerate(cell.source.split("\n"), cell.line):
            if line.startswith(("%%", "<!-- #")):
                yield number, "a line of text cannot start with %% or <!-- #"
        start = cell.source.rfind("\n<!--") + 1
        comment = cell.source[start:]
        is_open = comment.startswith("<!--") and "-->" not in comment
        if is_open and cell is not chapter.cells[-1]:
            message = (
                "this comment has no --> before the next code cell, which "
                "runs all the same"
            )
            yield cell.line + cell.source.count("\n", 0, start), message


def check_exercises(chapter: Chapter) -> Iterator[tuple[int, str]]:
    """Check that exercises and solutions of a chapter come in pairs."""
    lines: dict[str, dict[str, int]] = {"exercise": {}, "solution": {}}
    for cell in chapter.code_cells:
        for kind, found in lines.items():
            number = cell.options.get(kind)
            if number is None:
                continue
            if not re.fullmatch(rf"{chapter.number}\.[1-9]\d*", number):
                example = f'{kind}="{chapter.number}.1"'
                yield cell.fence, f"number it by the chapter: {example}"
                continue
            if number in found:
                yield cell.fence, f"{kind} {number} is there twice"
            found[number] = cell.fence
    for kind, other in [("exercise", "solution"), ("solution", "exercise")]:
        for number in lines[kind].keys() - lines[other].keys():
            yield lines[kind][number], f"{kind} {number} has no {other}"


def check_unique_ids(chapters: list[Chapter]) -> Iterator[Mistake]:
    """Check that no id is used twice in the book."""
    places: dict[str, str] = {}
    for chapter in chapters:
        for cell in chapter.code_cells:
            name = cell.options.get("id")
            if name in places:
                message = f'id="{name}" is taken by {places[name]}'
                yield Mistake(chapter.path, cell.fence, message)
            elif name:
                places[name] = f"{chapter.path}:{cell.fence}"


def check_unnumbered_pages(book: Path) -> Iterator[Mistake]:
    """Check that only chapters hold blocks with file=."""
    for path in unnumbered_pages(book):
        for fence in scan_fences(read_text(path).split("\n"), 0):
            if fence.is_cell and re.search(r"\sfile=", fence.info):
                message = "only chapters (NN-slug.md) are tangled"
                yield Mistake(label(path), fence.line, message)


def write_any_text() -> None:
    """Let standard output show letters that a terminal lacks, as escapes."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
