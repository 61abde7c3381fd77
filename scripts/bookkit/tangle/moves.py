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

from bookkit.read.chapters import BookError, Cell, Mistake
from bookkit.read.source import check_compiles, parse
from bookkit.tangle.blocks import (
    FUNCTIONS,
    Block,
    Line,
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


class Marked(NamedTuple):
    """A line and where it stands: a line of the chapter, or of a file.

    A line that is only added to compare two texts stands nowhere.
    """

    text: str
    mark: int | None = None


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

    def cuts(self, texts: list[str]) -> list[int]:
        """The indices of the comments that stand above blocks."""
        comments = {
            indent + block.comment.text
            for block in self.blocks.values()
            for indent in ("", INDENT)
        }
        return [i for i, text in enumerate(texts) if text in comments]


def docstring_end(texts: list[str]) -> int:
    """The line on which the docstring of a file ends; 1 if it has none."""
    body = parse("\n".join(texts)).body
    return body[0].end_lineno if body and is_string(body[0]) else 1


def find_moves(edited: Edited) -> Iterator[Move]:
    """The lines of chapters that the edits of a file change.

    Raises `BookError` if an edit is not inside one block.
    """
    texts, new = [line.text for line in edited.old], edited.new
    try:
        check_compiles("\n".join(new))
    except SyntaxError as error:
        message = f"syntax error: {error.msg}"
        raise edited.mistake(error.lineno or 1, message) from error
    old = [Marked(x.text, x.origin and x.origin.line) for x in edited.old]
    marked = [Marked(text, number) for number, text in enumerate(new, 1)]
    if edited.old[1].origin:
        block = edited.blocks[edited.old[1].origin.block]
        ends = docstring_end(texts), docstring_end(new)
        yield from compare(
            edited, block, old[1 : ends[0]], marked[1 : ends[1]], 2
        )
    old_cuts, new_cuts = edited.cuts(texts), edited.cuts(new)
    check_comments(edited, old_cuts, new_cuts)
    old_stretches = itertools.pairwise([*old_cuts, len(old)])
    new_stretches = itertools.pairwise([*new_cuts, len(new)])
    for (i1, i2), (j1, j2) in zip(old_stretches, new_stretches):
        if texts[i1:i2] != new[j1:j2]:
            name = texts[i1].rpartition("#")[2]
            yield from stretch_moves(
                edited, edited.blocks[name], old[i1 + 1 : i2], marked[j1:j2]
            )


def check_comments(
    edited: Edited, old_cuts: list[int], new_cuts: list[int]
) -> None:
    """Check that the comments above blocks are still there, in order."""
    texts = [line.text for line in edited.old]
    i = j = 0
    for next_i, next_j in itertools.zip_longest(old_cuts, new_cuts):
        old = None if next_i is None else texts[next_i]
        new = None if next_j is None else edited.new[next_j]
        if old != new:
            ours, theirs = "\n".join(edited.new[j:]), "\n".join(texts[i:])
            raise edited.mistake(
                j + first_difference(ours, theirs),
                "the edit crosses blocks: the comments above them stay as "
                f'they are, but "{(old or new).strip()}" did not; edit inside '
                "one block",
            )
        i, j = next_i, next_j


def stretch_moves(
    edited: Edited, block: Block, old: list[Marked], new: list[Marked]
) -> Iterator[Move]:
    """The edits below one comment, which is the first line of `new`."""
    comment, *new = new
    while not old[-1].mark:
        old = old[:-1]
    while new and not new[-1].text.strip():
        new = new[:-1]
    first = new[0].mark if new else comment.mark + 1
    if comment.text.startswith(INDENT):
        number = next(each.mark for each in old if each.mark)
        nodes = block.tree.body
        method = next(
            x for x in nodes if x.end_lineno >= number - block.cell.fence
        )
        name = find_extend(method).args[0].id
        old = find_marks(block, as_block(edited, block, old, name))
        new = as_block(edited, block, new, name)
    yield from compare(edited, block, old, new, first)


# --- Methods that were moved into a class ---


def as_block(
    edited: Edited, block: Block, lines: list[Marked], name: str
) -> list[Marked]:
    """Methods of a class as a block would hold them.

    Each stands under its `@extend(Cls)`, with two blank lines above it.
    """
    source = "\n".join([f"class {name}:", *(each.text for each in lines)])
    found: list[Marked] = []
    number = 0
    try:
        tree = parse(source if lines else "")
        for outside in tree.body[1:2]:
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
            found += [Marked(""), Marked("")] if found else []
            found += lines[number:above]
            found += [Marked(f"@extend({name})"), *lines[above:stop]]
    except SyntaxError as error:
        message = f"only methods of class {name} can stand in this block here"
        raise edited.mistake(lines[number].mark, message) from error
    return found


def find_marks(block: Block, lines: list[Marked]) -> list[Marked]:
    """The same lines, with marks for those that the file does not have.

    These are each `@extend(Cls)` and the blank lines above it.
    """
    texts = [None] * block.cell.line + block.cell.source.split("\n")
    found: list[Marked] = []
    below = len(texts)
    for text, mark in reversed(lines):
        if mark is None and text == texts[below - 1]:
            mark = below - 1
        below = mark or below
        found.insert(0, Marked(text, mark))
    return found


# --- From differences to lines of a chapter ---


def compare(
    edited: Edited,
    block: Block,
    old: list[Marked],
    new: list[Marked],
    first: int,
) -> Iterator[Move]:
    """The moves that turn a part of a block into its edited text.

    The marks of `old` are lines of the chapter, those of `new` lines of the
    edited file, in which this part starts on line `first`.
    """
    texts = [[each.text for each in lines] for lines in (old, new)]
    matcher = difflib.SequenceMatcher(None, *texts, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        numbers = [x.mark for x in new[j1:j2] if x.mark is not None]
        above = [x.mark + 1 for x in new[:j1] if x.mark is not None]
        numbers = numbers or above[-1:] or [first]
        start, stop = find_place(old, i1, i2)
        marks = {each.mark for each in old[i1:i2]}
        others = [x for x in block.lines if x.origin.line not in marks]
        if any(
            start < x.origin.line < stop and x.text.strip() for x in others
        ):
            message = (
                "the lines of this edit do not stand together in the chapter "
                f"({block.chapter.path}:{start}); edit them one at a time"
            )
            raise edited.mistake(numbers[0], message)
        edit = edited.file, numbers[0], numbers[-1]
        yield Move(*edit, block, start, stop, texts[1][j1:j2])


def find_place(old: list[Marked], i1: int, i2: int) -> tuple[int, int]:
    """The stretch of a chapter that `old[i1:i2]` come from.

    If there are no such lines it is empty: right above the next line, or
    below the one before if the next is blank.
    """
    inside = [each.mark for each in old[i1:i2] if each.mark is not None]
    if inside:
        return min(inside), max(inside) + 1
    above = [each.mark for each in old[:i1] if each.mark is not None]
    below = [each.mark for each in old[i2:] if each.mark is not None]
    is_close = bool(below) and bool(old[i2].text.strip())
    place = above[-1] + 1 if above and not is_close else below[0]
    return place, place
