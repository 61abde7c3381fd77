"""Blocks of chapters, and how they are cut into statements.

Every line that is copied from a chapter carries its `Origin` from here on.
"""

import ast
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bookkit.read.chapters import Cell, Chapter
from bookkit.read.mistakes import Mistake
from bookkit.read.source import parse

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


class Origin(NamedTuple):
    """Where a line was copied from: chapter, its line, id of the block."""

    path: str
    line: int
    block: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Line(NamedTuple):
    """A line of a generated file, with its origin if it was copied."""

    text: str
    origin: Origin | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """A code cell that goes into a file."""

    chapter: Chapter
    cell: Cell

    @property
    def tree(self) -> ast.Module:
        """Its statements; raises `SyntaxError`."""
        return parse(self.cell.source)

    @property
    def file(self) -> str:
        """The file it goes into: "dlfs/nn.py"."""
        return self.cell.options["file"]

    @property
    def id(self) -> str:
        """Its name, unique in the book."""
        return self.cell.options.get("id", "")

    @functools.cached_property
    def replaces(self) -> list[str]:
        """The ids of the blocks whose place it takes."""
        names = self.cell.options.get("replaces", "").split()
        return [*dict.fromkeys(names)]

    @property
    def place(self) -> str:
        """Where it is: "book/04-tensors.md:118"."""
        return f"{self.chapter.path}:{self.cell.fence}"

    @property
    def comment(self) -> Line:
        """The comment that stands above it in the generated file."""
        return Line(f"# {self.chapter.path}#{self.id}")

    @functools.cached_property
    def lines(self) -> list[Line]:
        """The lines of the cell, with their origins."""
        texts = enumerate(self.cell.source.split("\n"), self.cell.line)
        return [
            Line(text, Origin(self.chapter.path, number, self.id))
            for number, text in texts
        ]

    def mistake(self, message: str, node: ast.AST | None = None) -> Mistake:
        """A mistake in this block, at a node or else at its fence."""
        offset = node.lineno if node else 0
        return Mistake(self.chapter.path, self.cell.fence + offset, message)


@dataclass(eq=False)
class Segment:
    """A top-level statement of a block with the comments above it.

    `gap` are the blank lines above it, `start` is the index in the block of
    the first of its `lines`. Without a `node` it is comments only. If it is a
    class, `methods` are those that other segments add.
    """

    block: Block
    node: ast.stmt | None
    gap: list[Line]
    lines: list[Line]
    start: int
    methods: list["Segment"] = field(default_factory=list)

    def mistake(self, message: str, node: ast.AST | None = None) -> Mistake:
        """A mistake in this statement, or at a node inside it."""
        return self.block.mistake(message, node or self.node)


def split_block(block: Block) -> Iterator[Segment]:
    """Cut a block into segments that together hold all its lines."""
    start = 0
    for node in block.tree.body:
        first, stop = first_line(node) - 1, last_line(node, block.lines)
        if isinstance(node, IMPORTS) or is_string(node):
            for comments in cut(block, None, start, first):
                yield comments
                start = first
        yield from cut(block, node, start, stop)
        start = stop
    yield from cut(block, None, start, len(block.lines))


def cut(
    block: Block, node: ast.stmt | None, start: int, stop: int
) -> Iterator[Segment]:
    """Make a segment of `lines[start:stop]`, unless they are blank."""
    lines = block.lines
    filled = [n for n in range(start, stop) if lines[n].text.strip()]
    if filled:
        first, last = filled[0], filled[-1]
        gap = lines[start:first]
        yield Segment(block, node, gap, lines[first : last + 1], first)


def first_line(node: ast.stmt) -> int:
    """The line a statement starts on, that of its first decorator."""
    decorators = getattr(node, "decorator_list", [])
    return min(each.lineno for each in [node, *decorators])


def last_line(node: ast.stmt, lines: list[Line]) -> int:
    """The line a statement ends on, with indented comments below it."""
    below = itertools.takewhile(
        lambda line: not line.text.strip() or line.text[0].isspace(),
        lines[node.end_lineno :],
    )
    filled = [n for n, line in enumerate(below, 1) if line.text.strip()]
    return node.end_lineno + max(filled, default=0)


def is_string(node: ast.stmt | None) -> bool:
    """Whether a statement is only a string, as docstrings are."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(getattr(value, "value", None), str)


def assigned_names(node: ast.stmt | None) -> list[str]:
    """The names that a statement defines or assigns."""
    if isinstance(node, DEFINITIONS):
        return [node.name]
    targets = getattr(node, "targets", [])
    if isinstance(node, ast.AnnAssign) and node.value:
        targets = [node.target]
    return [
        each.id
        for target in targets
        for each in ast.walk(target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]


def changed_names(node: ast.stmt | None) -> list[str]:
    """The names that a statement defines, assigns or adds to."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return assigned_names(node)
