"""Read the chapters of the book into cells with exact line numbers.

A chapter is jupytext Markdown, `book/NN-slug.md`, so that Jupyter can open it:
a test holds that jupytext finds the same cells in every chapter. Everything
that is wrong with a chapter is collected as a `Mistake` and raised together as
one `BookError`.
"""

import functools
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bookkit.read.fences import Fence, check_fence, parse_options, scan_fences
from bookkit.read.mistakes import (
    BookError,
    Mistake,
    Mistakes,
    collect,
    disk_errors,
    raise_any,
)
from bookkit.read.source import find_conflict, parse

CHAPTER_FILE = re.compile(r"(\d\d)-([a-z0-9]+(?:-[a-z0-9]+)*)\.md")
FRONT_MATTER = {"title", "description", "kind", "words"}
# What may end a line, and what stands for a byte that cannot be read.
WRONG_CHARACTER = re.compile(
    "[\0\r\v\f\x1c-\x1e\x85\u2028\u2029\N{REPLACEMENT CHARACTER}]"
)
Found = Iterator[tuple[int, str]]  # lines, and what is wrong there


@dataclass(frozen=True)
class Cell:
    """A stretch of a chapter: its text, or one code cell.

    `kind` is "markdown" or "code"; `line` is the line of the chapter on which
    `source` starts. The fence of a code cell is the line above it.
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
    """A chapter, `path` as it is printed: "book/03-tensors.md".

    `content` are the bytes of its file, `front_matter` is what the lines above
    the text say: title, description, kind.
    """

    number: int
    slug: str
    path: str
    cells: list[Cell]
    front_matter: dict = field(default_factory=dict)
    content: bytes = b""

    @property
    def name(self) -> str:
        """The name of its file without suffix: "03-tensors"."""
        return f"{self.number:02}-{self.slug}"

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


def read_book(book: Path, until: int | None = None) -> list[Chapter]:
    """Read all chapters in order, or those up to the number `until`.

    Raises `BookError` with everything that is wrong in any of them.
    """
    paths = chapter_paths(book, until)
    chapters, mistakes = collect(read_chapter, paths)
    mistakes += check_unique_ids(chapters)
    if until is None:
        mistakes += check_unnumbered_pages(book)
    raise_any(mistakes)
    return chapters


def chapter_paths(book: Path, until: int | None = None) -> list[Path]:
    """The files of the chapters, in order, each number used once."""
    paths: dict[int, Path] = {}
    mistakes = []
    for path in sorted(book.glob("[0-9]*.md")):
        match = CHAPTER_FILE.fullmatch(path.name)
        if not match:
            message = "a chapter is named NN-slug.md: 03-tensors.md"
            mistakes.append(Mistake(label(path), 1, message))
        elif paths.setdefault(int(match[1]), path) is not path:
            message = f"{paths[int(match[1])].name} has this number already"
            mistakes.append(Mistake(label(path), 1, message))
    if not paths:
        message = f"there are no chapters NN-slug.md in {book}"
        mistakes.append(Mistake(book.name, 1, message))
    raise_any(mistakes)
    return [p for n, p in paths.items() if until is None or n <= until]


def unnumbered_pages(book: Path) -> list[Path]:
    """The pages that are no chapters. Hidden files are those of editors."""
    return sorted(book.glob("[!0-9.]*.md"))


def label(path: Path) -> str:
    """How a file of the book is named: "book/03-tensors.md"."""
    return f"{path.parent.name}/{path.name}"


def read_chapter(path: Path) -> Chapter:
    """Read one chapter; raises `BookError` with all that is wrong in it."""
    return parse_chapter(label(path), read_bytes(path))


@functools.lru_cache(64)  # `make serve` reads all after every change
def parse_chapter(path: str, content: bytes) -> Chapter:
    """Make a chapter from its text; `path` is as it is printed."""
    text = decode_chapter(path, content)
    lines = text.split("\n")
    match = CHAPTER_FILE.fullmatch(path.rpartition("/")[2])
    marks = [n for n, line in enumerate(lines, 1) if line.rstrip() == "---"]
    start = marks[1] if marks[:1] == [1] and len(marks) > 1 else 0
    fences = list(scan_fences(lines, start))
    front_matter, found = read_front_matter(lines[:start])
    found += find_fence_mistakes(lines, fences)
    if not found:
        cells = list(split_cells(lines, start, fences))
        chapter = Chapter(
            int(match[1]), match[2], path, cells, front_matter, content
        )
        found = [*check_exercises(chapter), *check_markers(chapter)]
    raise_any(Mistake(path, *each) for each in found)
    return chapter


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a chapter; raises `BookError` if that fails."""
    with disk_errors(label(path), "read"):
        return path.read_bytes()


def decode_chapter(path: str, content: bytes) -> str:
    """The text of a chapter, with line ends as `\n` whatever they are."""
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    wrong = WRONG_CHARACTER.search(text)
    if wrong:
        line = text.count("\n", 0, wrong.start()) + 1
        message = "holds a byte that is not UTF-8, or a control character"
        raise BookError([Mistake(path, line, message)])
    raise_any(find_conflict(path, text))
    return text


def read_front_matter(lines: list[str]) -> tuple[dict, list[tuple[int, str]]]:
    """What the front matter says, and what is wrong with it."""
    if not lines:
        return {}, []
    import yaml

    try:
        options = yaml.safe_load("\n".join(lines[:-1])) or {}
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        message = f"the front matter is not YAML: {problem}"
        return {}, [(mark.line + 1 if mark else 1, message)]
    is_known = isinstance(options, dict) and options.keys() <= FRONT_MATTER
    if is_known and options.get("kind", "workshop") == "workshop":
        return options, []
    message = "the front matter has title, description, words, kind: workshop"
    return {}, [(1, message)]


def find_fence_mistakes(lines: list[str], fences: list[Fence]) -> Found:
    """Find fences that are not what they look like, and wrong options.

    What follows a fence inside a string means nothing.
    """
    for fence in fences:
        found = find_open_string(lines, fence)
        if found:
            yield found
            return
        for message in check_fence(fence):
            yield fence.line, message


def find_open_string(lines: list[str], fence: Fence) -> tuple[int, str] | None:
    """Where a string of a block is open that does not end in it, and advice.

    If the block would be Python when it went on to a later end of a fence,
    its own end is inside the string.
    """
    text = "\n".join(fence.body)
    if not fence.is_cell or (text.count('"""') + text.count("'''")) % 2 == 0:
        return None
    try:
        parse(text)
        return None
    except SyntaxError as error:
        found = fence.line + error.lineno, f"syntax error: {error.msg}"
    marks = [
        number
        for number in range(fence.line, len(lines))
        if lines[number].lstrip().startswith("```")
    ]
    ends = [n for n in marks if not lines[n].strip().strip("`")]
    for end in ends[1:4]:
        with suppress(SyntaxError):
            parse("\n".join(lines[fence.line : end]))
            return marks[0] + 1, (
                "this fence is inside a string of the block that line "
                f"{fence.line} opens; use four backticks for the block"
            )
    return found


def split_cells(
    lines: list[str], start: int, fences: list[Fence]
) -> Iterator[Cell]:
    """Cut a chapter into texts and code cells, from a line on."""
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


def check_markers(chapter: Chapter) -> Found:
    """Check that text means nothing to Jupyter, and hides no cell."""
    for cell in chapter.cells:
        if cell.kind == "code":
            continue
        for number, line in enumerate(cell.source.split("\n"), cell.line):
            if line.startswith(("%%", "<!-- #")):
                yield number, "a line of text cannot start with %% or <!-- #"
        text, mark, comment = f"\n{cell.source}".rpartition("\n<!--")
        if mark and "-->" not in comment and cell is not chapter.cells[-1]:
            message = (
                "this comment has no --> before the next cell, which runs"
            )
            yield cell.line + text.count("\n"), message


def check_exercises(chapter: Chapter) -> Found:
    """Check that exercises and solutions of a chapter come in pairs."""
    lines: dict[str, dict[str, int]] = {"exercise": {}, "solution": {}}
    for cell, kind in itertools.product(chapter.code_cells, lines):
        number = cell.options.get(kind)
        if number is None:
            continue
        if not re.fullmatch(rf"{chapter.number}\.[1-9]\d*", number):
            example = f'{kind}="{chapter.number}.1"'
            yield cell.fence, f"number it by the chapter: {example}"
        elif lines[kind].setdefault(number, cell.fence) != cell.fence:
            yield cell.fence, f"{kind} {number} is there twice"
    for kind, other in itertools.permutations(lines):
        for number in lines[kind].keys() - lines[other].keys():
            yield lines[kind][number], f"{kind} {number} has no {other}"


def check_unique_ids(chapters: list[Chapter]) -> Mistakes:
    """Check that no id is used twice in the book."""
    places: dict[str, str] = {}
    for chapter in chapters:
        for cell in chapter.code_cells:
            place = f"{chapter.path}:{cell.fence}"
            name = cell.options.get("id", place)
            if places.setdefault(name, place) != place:
                message = f'id="{name}" is taken by {places[name]}'
                yield Mistake(chapter.path, cell.fence, message)


def check_unnumbered_pages(book: Path) -> Mistakes:
    """Check that only chapters hold blocks with file=."""
    for path in unnumbered_pages(book):
        text = decode_chapter(label(path), read_bytes(path))
        for fence in scan_fences(text.split("\n"), 0):
            if fence.is_cell and re.search(r"\sfile=", fence.info):
                message = "only chapters (NN-slug.md) are tangled"
                yield Mistake(label(path), fence.line, message)


def write_any_text() -> None:
    """Let standard output show letters that a terminal lacks, as escapes."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
