"""What a page folds away, what it shows instead, and how long that takes.

Folded are the source of tests, of which the page shows the names, and code
that only imports.
"""

import ast
import re

from bookkit.read.chapters import Cell, Chapter
from bookkit.read.source import parse
from bookkit.run.testruns import ChapterTests
from bookkit.tangle.blocks import is_string

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
