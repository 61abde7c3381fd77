"""Find the fences of a chapter and check the options after ```python."""

import json
import keyword
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

BLOCK_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
FENCE = re.compile(
    r"((?:[ \t]|>|[-*+][ \t]|\d+[.)][ \t])*)(`{3,}(?=[^`]*$)|~{3,})(.*)"
)
OPTION = re.compile(r'\s+([A-Za-z_][\w-]*)=("(?:[^"\\]|\\.)*"|\[[^\]]*\])')
OPTIONS = (
    *("file", "id", "replaces", "expect", "exercise", "solution"),
    *("caption", "alt", "tags"),
)
GENERATED_FOLDERS = ("dlfs", "tests")
PYTHON_LIKE = {"py", "python", "python2", "python3", "ipython", "ipython3"}
# Jupyter would run such a fence.
MAGICS = {"bash", "html", "javascript", "js", "latex", "perl", "ruby", "sh"}
HOW_TO_SHOW = (
    "code that is only shown is written ```python .noeval, a fence to be "
    "shown goes inside ````python .noeval"
)


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
    """Find all fenced blocks, also those that are indented or quoted."""
    number = start
    while number < len(lines):
        match = FENCE.fullmatch(lines[number])
        number += 1
        if match:
            fence = read_fence(lines, number, *match.groups())
            yield fence
            number += len(fence.body) + fence.closed


def read_fence(
    lines: list[str], line: int, indent: str, marker: str, info: str
) -> Fence:
    """Read the block that the fence on `line` opens.

    An indented block also ends where the text is indented less.
    """
    body = []
    for text in lines[line:]:
        rest = text.strip()
        if rest and set(rest) == {marker[0]} and len(rest) >= len(marker):
            return Fence(line, indent, marker, info, body, True)
        if rest and not text.startswith(indent):
            break
        body.append(text)
    return Fence(line, indent, marker, info, body, False)


def explain_no_cell(fence: Fence) -> str | None:
    """Say why a fence that looks like Python would not be a cell."""
    if fence.is_top_level and not fence.closed:
        return "this fence is never closed"
    if not fence.is_cell and re.search(r"(^|[\s{])file *=", fence.info):
        if fence.is_shown_only:
            return "a block with .noeval goes into no file; leave out file="
        if not fence.indent:
            return "only a ```python fence goes into a file"
    language = re.split(r"[^\w]", fence.language.lstrip("{."))[0].lower()
    if language in MAGICS and fence.is_top_level and not fence.is_shown_only:
        return (
            f"a ```{language} fence is a cell and would run; write "
            "```console, ```text or add .noeval"
        )
    if language not in PYTHON_LIKE or fence.is_shown_only:
        return None
    if fence.indent:
        return (
            "an indented or quoted fence is not a cell and never runs; "
            f"{HOW_TO_SHOW}"
        )
    if not fence.is_top_level:
        return "a ~~~ fence is not a cell; write ```python"
    if fence.language != "python":
        return f"```{fence.language} is not a cell; write ```python"
    return None


def check_options(fence: Fence) -> Iterator[str]:
    """Check the options after ```python."""
    try:
        options = parse_options(fence.info)
    except ValueError as error:
        yield str(error)
        return
    for key, value in options.items():
        if key not in OPTIONS:
            yield f"unknown option {key}; known are {', '.join(OPTIONS)}"
        elif key == "tags":
            if not (isinstance(value, list) and all_strings(value)):
                yield 'tags is a list of strings: tags=["hide-input"]'
        elif not isinstance(value, str) or not value.strip():
            yield f'{key} is a text in double quotes: {key}="..."'
    if all_strings(value for key, value in options.items() if key != "tags"):
        yield from check_option_values(options)


def all_strings(values: Iterable) -> bool:
    """Whether all values are strings."""
    return all(isinstance(value, str) for value in values)


def parse_options(info: str) -> dict:
    """Parse `python key="value" tags=["a"]` into a dictionary.

    Raises `ValueError` if it is written in any other way.
    """
    options: dict = {}
    rest = info.strip().removeprefix("python")
    while rest.strip():
        match = OPTION.match(rest)
        try:
            key, value = match[1], json.loads(match[2])
            json.dumps(value, ensure_ascii=False).encode()  # no "\\ud800"
        except (TypeError, ValueError):
            message = f'cannot read {rest.strip()}; options are key="value"'
            raise ValueError(message) from None
        if key in options:
            raise ValueError(f"the option {key} is given twice")
        options[key] = value
        rest = rest[match.end() :]
    return options


def check_option_values(options: dict) -> Iterator[str]:
    """Check what the values of a cell's options may be."""
    if "file" in options:
        message = check_file(options["file"])
        if message:
            yield message
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


def check_file(file: str) -> str | None:
    """Say what is wrong with a file name, None if nothing is."""
    folder, *rest = file.split("/")
    name = PurePosixPath(file)
    if folder not in GENERATED_FOLDERS or not rest:
        return f'file="{file}" is outside dlfs/ and tests/'
    if name.suffix != ".py":
        return f'file="{file}" does not end with .py'
    for part in [*rest[:-1], name.stem]:
        if not part.isidentifier() or keyword.iskeyword(part):
            return f'file="{file}" cannot be imported: not a name of a module'
    return None
