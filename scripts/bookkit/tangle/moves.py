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
from bookkit.tangle.disk import first_difference
from bookkit.tangle.methods import INDENT, find_extend, lines_inside_strings


class Move(NamedTuple):
    """Lines of a chapter, from `start` up to `stop`, that get other texts.

    The edit is on the lines `first` to `last` of the generated file, or where
    these were if `texts` is empty.
    """

    file: str
    first: int
    last: int
    block: Block
    start: int
    stop: int
    texts: list[str]


@dataclass(frozen=True)
class Edited:
    """A generated file that was edited by hand, and what the book makes."""

    file: str
    old: list[Line]
    new: list[str]
    blocks: dict[str, Block]

    @property
    def text(self) -> str:
        """The file as it was read."""
        return "".join(f"{line}\n" for line in self.new)

    def mistake(self, line: int, message: str) -> BookError:
        """What is wrong on a line of the file."""
        number = max(1, min(line, len(self.new)))
        return BookError([Mistake(self.file, number, message)])

    def parts(self, texts: list[str]) -> list[tuple[str, int, int]]:
        """Where the docstring is, and what stands below each comment.

        A part is its comment, the index of its first line, and where it ends.
        """
        comments = {
            indent + block.comment.text
            for block in self.blocks.values()
            for indent in ("", INDENT)
        }
        body = parse("\n".join(texts)).body
        end = body[0].end_lineno if body and is_string(body[0]) else 1
        cuts = [i for i, text in enumerate(texts) if text in comments]
        stretches = itertools.pairwise([*cuts, len(texts)])
        return [("", 1, end), *((texts[i], i + 1, j) for i, j in stretches)]


def find_moves(edited: Edited) -> Iterator[Move]:
    """The lines of chapters that the edits of a file change.

    Raises `BookError` if an edit is not inside one block.
    """
    try:
        check_compiles("\n".join(edited.new))
    except SyntaxError as error:
        message = f"syntax error: {error.msg}"
        raise edited.mistake(error.lineno or 1, message) from error
    old, texts = edited.old, [line.text for line in edited.old]
    new = [
        Line(text, Origin(edited.file, number, ""))
        for number, text in enumerate(edited.new, 1)
    ]
    old_parts, new_parts = edited.parts(texts), edited.parts(edited.new)
    i = j = 0
    for one, two in itertools.zip_longest(old_parts, new_parts):
        comments = [each and each[0] for each in (one, two)]
        if comments[0] != comments[1]:
            ours, theirs = "\n".join(edited.new[j:]), "\n".join(texts[i:])
            comment = (comments[0] or comments[1]).strip()
            raise edited.mistake(
                j + first_difference(ours, theirs),
                "the edit crosses blocks: the comments above them stay as "
                f'they are, but "{comment}" did not; edit inside one block',
            )
        i, j = one[1] - 1, two[1] - 1
    for (comment, i1, i2), (_, j1, j2) in zip(old_parts, new_parts):
        if texts[i1:i2] != edited.new[j1:j2]:
            yield from part_moves(edited, comment, old[i1:i2], new[j1:j2], j1)


def part_moves(
    edited: Edited, comment: str, old: list[Line], new: list[Line], start: int
) -> Iterator[Move]:
    """The edits below one comment, from an index of the file on."""
    while old and not old[-1].origin:
        old = old[:-1]
    while new and not new[-1].text.strip():
        new = new[:-1]
    if not old:
        return  # a docstring that no block has
    origin = next(line.origin for line in old if line.origin)
    block = edited.blocks[origin.block]
    if comment.startswith(INDENT):
        number = origin.line - block.cell.fence
        nodes = block.tree.body
        method = next(node for node in nodes if node.end_lineno >= number)
        name = find_extend(method).args[0].id
        old = find_origins(block, as_block(edited, block, old, name))
        new = as_block(edited, block, new, name) if new else []
    yield from compare(edited, block, old, new, start + 1)


# --- Methods that were moved into a class ---


def as_block(
    edited: Edited, block: Block, lines: list[Line], name: str
) -> list[Line]:
    """Methods of a class as a block would hold them.

    Each stands under its `@extend(Cls)`, with two blank lines above it.
    """
    source = "\n".join([f"class {name}:", *(each.text for each in lines)])
    found: list[Line] = []
    number = 0
    try:
        for outside in parse(source).body[1:2]:
            number = outside.lineno - 2
            raise SyntaxError
        inside = lines_inside_strings(source)
        lines = [
            each
            if number in inside
            else each._replace(text=each.text.removeprefix(INDENT))
            for number, each in enumerate(lines, 2)
        ]
        source = "\n".join(each.text for each in lines)
        cell = Cell("code", source, 1, block.cell.options)
        for segment in split_block(Block(block.chapter, cell)):
            number = segment.start
            if not isinstance(segment.node, FUNCTIONS):
                raise SyntaxError
            above = first_line(segment.node) - 1
            stop = number + len(segment.lines)
            found += [Line(""), Line("")] if found else []
            found += lines[number:above]
            found += [Line(f"@extend({name})"), *lines[above:stop]]
    except SyntaxError as error:
        message = f"only methods of class {name} can stand in this block here"
        raise edited.mistake(lines[number].origin.line, message) from error
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
        numbers = line_numbers(new[j1:j2])
        numbers = numbers or [max([first - 1, *line_numbers(new[:j1])]) + 1]
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
                message = (
                    "the lines of this edit do not stand together in the "
                    f"chapter ({block.chapter.path}:{start}); edit them one "
                    "at a time"
                )
                raise edited.mistake(numbers[0], message)
        edit = edited.file, numbers[0], numbers[-1]
        yield Move(*edit, block, start, stop, texts[1][j1:j2])


def line_numbers(lines: list[Line]) -> list[int]:
    """Where lines stand that have an origin."""
    return [line.origin.line for line in lines if line.origin]
