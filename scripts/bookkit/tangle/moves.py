"""Find which lines of which block an edit in a generated file belongs to.

A generated file is cut at the comments `# book/04-tensors.md#tensor-mul` that
stand above the blocks. What differs between two of them goes to where the
lines were copied from. Methods are turned into what a block holds first: moved
to the left, each under its `@extend(Cls)`.
"""

import difflib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bookkit.read.chapters import Cell
from bookkit.read.mistakes import BookError, Mistake
from bookkit.read.source import check_compiles, parse
from bookkit.tangle.blocks import (
    FUNCTIONS,
    Block,
    Line,
    Origin,
    first_line,
    is_string,
    split_block,
)
from bookkit.tangle.methods import INDENT, find_extend, move_lines


class Move(NamedTuple):
    """Lines of a chapter, from `start` up to `stop`, that get other texts.

    They are in `block`, and `edit` is the line of the generated file that was
    edited.
    """

    path: str
    start: int
    stop: int
    texts: list[str]
    block: str
    edit: tuple[str, int]


class Part(NamedTuple):
    """Lines of a file from an index up to another, below a comment."""

    comment: str
    start: int
    stop: int


@dataclass(frozen=True)
class Edited:
    """A generated file that was edited by hand, and what the book makes."""

    file: str
    text: str
    old: list[Line]
    blocks: dict[str, Block]

    @property
    def new(self) -> list[str]:
        """The lines of the file."""
        return self.text.removesuffix("\n").split("\n")

    def mistake(self, line: int, message: str) -> BookError:
        """What is wrong on a line of the file."""
        number = max(1, min(line, len(self.new)))
        return BookError([Mistake(self.file, number, message)])

    def parts(self, texts: list[str]) -> list[Part]:
        """The docstring, imports and `__all__`, and what is in blocks."""
        comments = {
            indent + block.comment.text
            for block in self.blocks.values()
            for indent in ("", INDENT)
        }
        body = parse("\n".join(texts)).body
        end = body[0].end_lineno if body and is_string(body[0]) else 1
        cuts = [i for i, text in enumerate(texts) if text in comments]
        stretches = itertools.pairwise([*cuts, len(texts)])
        return [
            Part("the docstring", 1, end),
            Part("imports", end, [*cuts, len(texts)][0]),
            *(Part(texts[i], i + 1, j) for i, j in stretches),
        ]


def find_moves(edited: Edited) -> Iterator[Move]:
    """The lines of chapters that the edits of a file change.

    Raises `BookError` if an edit is not inside one block.
    """
    try:
        check_compiles(edited.text)
    except SyntaxError as error:
        message = f"syntax error: {error.msg}"
        raise edited.mistake(error.lineno or 1, message) from error
    old, texts = edited.old, [line.text for line in edited.old]
    new = [
        Line(text, Origin(edited.file, number, ""))
        for number, text in enumerate(edited.new, 1)
    ]
    last = 0
    sides = edited.parts(texts), edited.parts(edited.new)
    for one, two in itertools.zip_longest(*sides):
        if not one or not two or one.comment != two.comment:
            comment = (one or two).comment.strip()
            message = f'the edit crosses blocks: below this line, "{comment}" '
            raise edited.mistake(last, f"{message}is not where it was")
        last = two.start
    for one, two in zip(*sides):
        ours, theirs = old[one.start : one.stop], new[two.start : two.stop]
        if one.comment != "imports":
            yield from part_moves(edited, two, ours, theirs)


def part_moves(
    edited: Edited, part: Part, old: list[Line], new: list[Line]
) -> Iterator[Move]:
    """The edits of a part."""
    for lines in (old, new):
        while lines and not lines[-1].text.strip():
            lines.pop()
    origin = next((line.origin for line in old if line.origin), None)
    if not origin:
        return  # a docstring that no block has
    block = edited.blocks[origin.block]
    if part.comment.startswith(INDENT):
        number = origin.line - block.cell.fence
        nodes = block.tree.body
        method = next(node for node in nodes if node.end_lineno >= number)
        name = find_extend(method).args[0].id
        old = find_origins(block, as_block(block, old, name))
        try:
            new = as_block(block, new, name) if new else []
        except SyntaxError as error:
            message = f"only methods of {name} can stand below this comment"
            raise edited.mistake(part.start, message) from error
    yield from compare(edited, block, old, new, part.start + 1)


# --- Methods that were moved into a class ---


def as_block(block: Block, lines: list[Line], name: str) -> list[Line]:
    """Methods of a class as a block would hold them.

    Each stands under its `@extend(Cls)`, with two blank lines above it. Raises
    `SyntaxError` if there is anything else.
    """
    inside = [Line(f"class {name}:"), *lines]
    _, *lines = move_lines(inside, lambda text: text.removeprefix(INDENT))
    source = "\n".join(each.text for each in lines)
    found: list[Line] = []
    cell = Cell("code", source, 1, block.cell.options)
    for segment in split_block(Block(block.chapter, cell)):
        if not isinstance(segment.node, FUNCTIONS):
            raise SyntaxError
        start, above = segment.start, first_line(segment.node) - 1
        found += [Line(""), Line("")] if found else []
        found += [*lines[start:above], Line(f"@extend({name})")]
        found += lines[above : start + len(segment.lines)]
    return found


def find_origins(block: Block, lines: list[Line]) -> list[Line]:
    """The same lines, those of the block for what the file does not have.

    These are each `@extend(Cls)` and the blank lines above it.
    """
    found: list[Line] = []
    below = len(block.lines)
    for line in reversed(lines):
        if not line.origin and line.text == block.lines[below - 1].text:
            line = block.lines[below - 1]
        if line.origin:
            below = line.origin.line - block.cell.line
        found.insert(0, line)
    return found


# --- From differences to lines of a chapter ---


def compare(
    edited: Edited, block: Block, old: list[Line], new: list[Line], first: int
) -> Iterator[Move]:
    """The moves that turn a part of a block into its edited text.

    The origins of `old` are in the chapter, those of `new` in the edited file,
    in which this part starts on line `first`. Where nothing is left of what
    was there, an edit is right above the next line of the chapter, or below
    the one before if the next is blank.
    """
    texts = [[each.text for each in lines] for lines in (old, new)]
    matcher = difflib.SequenceMatcher(None, *texts, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        number = [first, *line_numbers(new[: j1 + 1])][-1]
        inside = line_numbers(old[i1:i2])
        above, below = line_numbers(old[:i1]), line_numbers(old[i2:])
        if inside:
            start, stop = min(inside), max(inside) + 1
        elif below and (old[i2].text.strip() or not above):
            start = stop = below[0]
        else:
            start = stop = above[-1] + 1
        for line in block.lines[start - block.cell.line :][: stop - start]:
            if line.text.strip() and line.origin.line not in inside:
                place = f"{block.chapter.path}:{start}"
                message = f"other lines stand between these in {place}; edit "
                raise edited.mistake(number, f"{message}one at a time")
        edit = edited.file, number
        lines = start, stop, texts[1][j1:j2]
        yield Move(block.chapter.path, *lines, block.id, edit)


def line_numbers(lines: list[Line]) -> list[int]:
    """Where lines stand that have an origin."""
    return [line.origin.line for line in lines if line.origin]
