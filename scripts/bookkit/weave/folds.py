"""What a page folds away, what it shows instead, and how long that takes.

Folded are the source of tests, of which the page shows the names, and code
that only imports.
"""

import ast
import html
import re

from bookkit.read.chapters import Cell, Chapter
from bookkit.read.source import parse
from bookkit.run.testruns import BlockTests, ChapterTests, Result
from bookkit.tangle.blocks import is_string

PASSED, SKIPPED = "<b>\N{CHECK MARK}</b>", "<i>\N{EN DASH}</i>"
ANSWER = re.compile(r"<details\b.*?</details\b", re.DOTALL)
WORDS_OF_LINE = 10  # a line of code takes as long to read as these


def is_folded(cell: Cell) -> bool:
    """Whether the source of a cell is shown on a click only."""
    return cell.is_test or bool(imported_modules(cell))


def imported_modules(cell: Cell) -> list[str]:
    """The modules that a cell imports, if it does nothing else."""
    try:
        body = parse(cell.source).body
    except SyntaxError:  # a magic of the notebook
        return []
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
        elif not is_string(node):
            return []
    return list(dict.fromkeys(names))


def fold(cell: Cell, code: str) -> str:
    """Code below a line that opens it on a click."""
    count = len(cell.source.split("\n"))
    title = f"Source, {count} line{'s' * (count > 1)}"
    if not cell.is_test:
        names = [f"<code>{name}</code>" for name in imported_modules(cell)]
        title = f"Imports from {', '.join(names)}"
    return details("dlfs-source", title, code)


def details(name: str, title: str, content: str) -> str:
    """Content that opens when its title is clicked."""
    start = f'<details class="{name}" markdown="1"><summary>{title}</summary>'
    return f"{start}\n\n{content}\n\n</details>"


def list_tests(tests: BlockTests) -> str:
    """The names of tests as sentences, each with what came of it."""
    groups: dict[str, list[Result]] = {}
    for result in tests.results:
        groups.setdefault(result.group, []).append(result)
    parts = []
    # What is in no class comes first, where no class seems to hold it.
    for group, results in sorted(groups.items(), key=lambda g: g[0] != ""):
        if len(groups) > 1 and group:
            parts.append(f"`{group}`")
        parts.append("\n".join(map(line_of_test, results)))
    return "\n\n".join(parts)


def line_of_test(result: Result) -> str:
    """One test in a list: a tick and its sentence, or why it is skipped."""
    mark = PASSED if result.passed else SKIPPED
    count = result.passed + result.skipped
    notes = [f"{count}&nbsp;cases"] if count > 1 else []
    if result.skipped:
        number = f"{result.skipped} " if result.passed else ""
        notes.append(f"{number}skipped here: {html.escape(result.reason)}")
    note = f" <small>{', '.join(notes)}</small>" if notes else ""
    return f"- {mark} {result.sentence}{note}"


def reading_minutes(chapter: Chapter, tests: ChapterTests) -> int:
    """How long it takes to read a chapter, in steps of five minutes.

    Text at 200 words a minute, code at 20 lines. Only what is shown counts:
    of tests their names, of answers nothing. Exercises do not count either.
    """
    parts = [
        result.sentence
        for block in tests.blocks.values()
        for result in block.results
    ]
    for cell in chapter.cells:
        if cell.kind == "markdown":
            parts.append(cell.source)
        elif not (
            cell.kind == "raw" or "exercise" in cell.options or is_folded(cell)
        ):
            lines = [line for line in cell.source.split("\n") if line.strip()]
            parts.append("word " * WORDS_OF_LINE * len(lines))
    words = len(ANSWER.sub("", "\n".join(parts)).split())
    return max(5, 5 * round(words / 1000))
