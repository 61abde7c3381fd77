"""Find the fences of a chapter and check the options after ```python."""

import json
import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

FILE = re.compile(r"(dlfs|tests)(/[a-z_][a-z0-9_]*)+\.py")
BLOCK_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
FENCE = re.compile(
    r"((?:[ \t]|>|[-*+][ \t]|\d+[.)][ \t])*)(`{3,}(?=[^`]*$)|~{3,})(.*)"
)
TEXT = r'"(?:[^"\\]|\\.)+"'
OPTION = re.compile(rf"\s+([A-Za-z_][\w-]*)=({TEXT}|\[(?:{TEXT}[, ]*)*\])")
OPTIONS = (
    *("file", "id", "replaces", "expect", "exercise", "solution"),
    *("caption", "alt", "tags"),
)
GENERATED_FOLDERS = ("dlfs", "tests")
PYTHON_LIKE = {"py", "python", "python2", "python3", "ipython", "ipython3"}
# Jupyter would run such a fence.
MAGICS = {"bash", "html", "javascript", "js", "latex", "perl", "ruby", "sh"}


class Fence(NamedTuple):
    """A fenced block of a chapter; `line` is its opening line."""

    line: int
    indent: str
    marker: str
    info: str
    body: list[str]
    closed: bool

    @property
    def language(self) -> str:
        """The first word after the backticks."""
        return self.info.split()[0] if self.info.strip() else ""

    def is_closed_by(self, text: str) -> bool:
        """Whether a line, without blanks around it, is its closing marker."""
        return {*text} == {self.marker[0]} and len(text) >= len(self.marker)

    @property
    def numbers(self) -> range:
        """The numbers of its lines, with those of both markers."""
        return range(self.line, self.line + 1 + len(self.body) + self.closed)

    @property
    def is_shown_only(self) -> bool:
        """Whether jupytext is told not to make it a cell."""
        return ".noeval" in self.info.split()

    @property
    def is_top_level(self) -> bool:
        """Whether jupytext can see it as a fence."""
        return not self.indent and self.marker.startswith("`")

    @property
    def is_cell(self) -> bool:
        """Whether it looks like a Python cell that runs."""
        return (
            self.is_top_level
            and self.language == "python"
            and not self.is_shown_only
        )


def scan_fences(lines: list[str], start: int) -> Iterator[Fence]:
    """Find all fenced blocks, also those that are indented or quoted.

    An indented block also ends where the text is indented less.
    """
    fence = None
    for number, text in enumerate(lines[start:], start + 1):
        rest = text.strip()
        if fence and fence.is_closed_by(rest):
            yield fence._replace(closed=True)
            fence = None
            continue
        if fence and (not rest or text.startswith(fence.indent)):
            fence.body.append(text)
            continue
        if fence:
            yield fence
        match = FENCE.fullmatch(text)
        fence = Fence(number, *match.groups(), [], False) if match else None
    if fence:
        yield fence


def check_fence(fence: Fence) -> Iterator[str]:
    """Say why a fence that looks like Python would not be a cell.

    If it is one, its options are checked.
    """
    has_file = re.search(r"(^|[\s{])file *=", fence.info)
    language = re.split(r"\W", fence.language.lstrip("{."))[0].lower()
    if fence.is_top_level and not fence.closed:
        yield "this fence is never closed"
    elif fence.is_shown_only:
        if has_file:
            yield "a block with .noeval goes into no file; leave out file="
    elif fence.is_cell:
        yield from check_options(fence.info)
    elif language in MAGICS and fence.is_top_level:
        yield (
            f"a ```{language} fence is a cell and would run; write "
            "```console, ```text or add .noeval"
        )
    elif language in PYTHON_LIKE or (has_file and not fence.indent):
        yield (
            f"{fence.marker}{fence.language} here is no cell and never runs; "
            "write ```python, not indented, or only show it: ```python .noeval"
        )


def check_options(info: str) -> Iterator[str]:
    """Check the options after ```python."""
    try:
        yield from check_values(parse_options(info))
    except ValueError as error:
        yield str(error)


def parse_options(info: str) -> dict:
    """Parse `python key="value" tags=["a"]` into a dictionary.

    Raises `ValueError` if it is written in any other way.
    """
    text = info.strip().removeprefix("python")
    rest = OPTION.sub("", text).strip()
    found = OPTION.findall(text)
    try:
        options = {key: json.loads(value) for key, value in found}
        json.dumps(options, ensure_ascii=False).encode()  # no "\\ud800"
    except ValueError:
        rest = text.strip()
    if rest:
        raise ValueError(f'cannot read {rest}; options are key="value"')
    if len(options) < len(found):
        raise ValueError("an option is given twice")
    unknown = [key for key in options if key not in OPTIONS]
    if unknown:
        known = ", ".join(OPTIONS)
        raise ValueError(f"unknown option {unknown[0]}; known are {known}")
    if any(
        isinstance(options[key], list) != (key == "tags") for key in options
    ):
        raise ValueError('tags=["a"] is a list, all else a text: key="a"')
    return options


def check_values(options: dict) -> Iterator[str]:
    """Check what the options of a cell may be, and which go together."""
    if "file" in options:
        names = {*re.split("[/.]", options["file"])}
        if not FILE.fullmatch(options["file"]) or names & {*keyword.kwlist}:
            message = "is no module of dlfs/ or tests/: dlfs/nn/dense.py"
            yield f'file="{options["file"]}" {message}'
        if "id" not in options:
            yield "a block with file= needs an id="
        for key in ("exercise", "solution", "expect"):
            if key in options:
                yield f"a block with file= cannot have {key}="
    elif "replaces" in options:
        yield "replaces= is for blocks with file="
    if "id" in options and not BLOCK_ID.fullmatch(options["id"]):
        yield f'id="{options["id"]}" is not kebab-case: "tensor-mul"'
    if "expect" in options and not options["expect"].isidentifier():
        yield 'expect= names one exception class: expect="ValueError"'
    if "exercise" in options and "solution" in options:
        yield "a cell is an exercise or a solution, not both"
