"""Find which lines of which block an edit in a generated file belongs to.

A generated file is cut at the comments `# book/04-tensors.md#tensor-mul` that
stand above the blocks. What differs between two of them goes to where the
lines were copied from. Methods are turned into what a block holds first: moved
to the left, each under its `@extend(Cls)`.
"""

import ast
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
    """A line and where it stands: an index in a block, or a line of a file.

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
    old, new = [line.text for line in edited.old], edited.new
    try:
        check_compiles("\n".join(new))
    except SyntaxError as error:
        message = f"syntax error: {error.msg}"
        raise edited.mistake(error.lineno or 1, message) from error
    marked = [Marked(text, number) for number, text in enumerate(new, 1)]
    origin, end = edited.old[1].origin, docstring_end(old)
    if origin:
        block = edited.blocks[origin.block]
        docstring = marked[1 : docstring_end(new)]
        before = in_block(block, edited.old[1:end])
        yield from compare(edited, block, before, docstring, 2)
    old_cuts, new_cuts = edited.cuts(old), edited.cuts(new)
    check_comments(edited, old_cuts, new_cuts)
    old_ends, new_ends = [*old_cuts[1:], len(old)], [*new_cuts[1:], len(new)]
    for i1, i2, j1, j2 in zip(old_cuts, old_ends, new_cuts, new_ends):
        if old[i1:i2] != new[j1:j2]:
            yield from stretch_moves(
                edited, edited.old[i1 + 1 : i2], marked[j1:j2]
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
    edited: Edited, old: list[Line], new: list[Marked]
) -> Iterator[Move]:
    """The edits below one comment, which is the first line of `new`."""
    comment, *new = new
    origin = next(line.origin for line in old if line.origin)
    block = edited.blocks[origin.block]
    while not old[-1].origin:
        old = old[:-1]
    while new and not new[-1].text.strip():
        new = new[:-1]
    first = new[0].mark if new else comment.mark + 1
    before = in_block(block, old)
    if comment.text.startswith(INDENT):
        number = origin.line - block.cell.fence
        nodes = block.tree.body
        method = next(node for node in nodes if node.end_lineno >= number)
        name = find_extend(method).args[0].id
        before = methods_before(block, name)
        new = methods_after(edited, block, new, name)
    yield from compare(edited, block, before, new, first)


def in_block(block: Block, lines: list[Line]) -> list[Marked]:
    """Lines of a file with their indices in the block they come from."""
    first = block.cell.line
    return [
        Marked(line.text, line.origin and line.origin.line - first)
        for line in lines
    ]


# --- Methods that were moved into a class ---


def methods_before(block: Block, name: str) -> list[Marked]:
    """The methods of a class in a block, in the form of `methods_after`."""
    found: list[Marked] = []
    texts = [line.text for line in block.lines()]
    for segment in split_block(block):
        extend = find_extend(segment.node)
        if extend is None or extend.args[0].id != name:
            continue
        for above in (segment.start - 2, segment.start - 1) if found else ():
            is_blank = not texts[above].strip()
            found.append(Marked("", above if is_blank else None))
        stop = segment.start + len(segment.lines)
        marks = [*range(segment.start, stop)]
        for number in range(extend.lineno, extend.end_lineno + 1):
            marks.remove(number - 1)
        others = segment.node.decorator_list[1:]
        first = min(each.lineno for each in (segment.node, *others))
        marks.insert(marks.index(first - 1), extend.lineno - 1)
        extended = {extend.lineno - 1: f"@extend({name})"}
        found += [Marked(extended.get(m, texts[m]), m) for m in marks]
    return found


def methods_after(
    edited: Edited, block: Block, lines: list[Marked], name: str
) -> list[Marked]:
    """Edited methods of a class as a block would hold them.

    Each stands under its `@extend(Cls)`, with two blank lines above it.
    """
    source = "\n".join([f"class {name}:", *(each.text for each in lines)])
    found: list[Marked] = []
    number = 0
    try:
        tree = parse(source) if lines else ast.Module([], [])
        for outside in tree.body[1:2]:
            number = outside.lineno - 2
            raise SyntaxError
        inside = lines_inside_strings(tree, source)
        lines = [
            each
            if number in inside
            else each._replace(text=each.text.removeprefix(INDENT))
            for number, each in enumerate(lines, 2)
        ]
        source = "\n".join(each.text for each in lines)
        cell = Cell("code", source, 1, block.cell.options)
        for segment in split_block(Block(block.chapter, cell, parse(source))):
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


# --- From differences to lines of a chapter ---


def compare(
    edited: Edited,
    block: Block,
    old: list[Marked],
    new: list[Marked],
    first: int,
) -> Iterator[Move]:
    """The moves that turn a part of a block into its edited text.

    The marks of `old` are indices in the block, those of `new` lines of the
    edited file, in which this part starts on line `first`.
    """
    marks = [each.mark for each in old]
    texts = [[each.text for each in lines] for lines in (old, new)]
    matcher = difflib.SequenceMatcher(None, *texts, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        numbers = [x.mark for x in new[j1:j2] if x.mark is not None]
        above = [x.mark + 1 for x in new[:j1] if x.mark is not None]
        numbers = numbers or above[-1:] or [first]
        start, stop = find_place(old, i1, i2)
        place = block.cell.line + start, block.cell.line + stop
        if not may_replace(block, marks[i1:i2], start, stop):
            message = (
                "the lines of this edit do not stand together in the chapter "
                f"({block.chapter.path}:{place[0]}); edit them one at a time"
            )
            raise edited.mistake(numbers[0], message)
        edit = edited.file, numbers[0], numbers[-1]
        yield Move(*edit, block, *place, texts[1][j1:j2])


def find_place(old: list[Marked], i1: int, i2: int) -> tuple[int, int]:
    """The stretch of a block that `old[i1:i2]` come from.

    If there are no such lines it is empty: right above the next line, or
    below the one before if the next is blank.
    """
    inside = [each.mark for each in old[i1:i2] if each.mark is not None]
    if inside:
        return min(inside), max(inside) + 1
    above = [each.mark for each in old[:i1] if each.mark is not None]
    below = [each.mark for each in old[i2:] if each.mark is not None]
    is_close = bool(below) and bool(old[i2].text.strip())
    place = above[-1] + 1 if above and not is_close else (below or [0])[0]
    return place, place


def may_replace(
    block: Block, marks: list[int | None], start: int, stop: int
) -> bool:
    """Whether no other code stands between the lines of an edit."""
    extends = [node for node in map(find_extend, block.tree.body) if node]
    allowed = {*marks}
    for node in extends:
        allowed.update(range(node.lineno - 1, node.end_lineno))
    return all(
        number in allowed or not line.text.strip()
        for number, line in enumerate(block.lines()[start:stop], start)
    )
