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
    Segment,
    first_line,
    is_string,
    split_block,
)
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

    def docstring_end(self) -> int:
        """The line on which the edited docstring ends.

        1 if no block has one.
        """
        body = parse("\n".join(self.new)).body
        if not docstring_length(self.old) or not body:
            return 1
        return body[0].end_lineno if is_string(body[0]) else 1


def docstring_length(lines: list[Line]) -> int:
    """How many lines the docstring of a generated file has."""
    copied = itertools.takewhile(lambda line: line.origin, lines[1:])
    return len(list(copied))


def find_moves(edited: Edited) -> Iterator[Move]:
    """The lines of chapters that the edits of a file change.

    Raises `BookError` if an edit is not inside one block.
    """
    try:
        check_compiles("\n".join(edited.new))
    except SyntaxError as error:
        message = f"syntax error: {error.msg}"
        raise edited.mistake(error.lineno or 1, message) from error
    yield from docstring_moves(edited)
    old, new = [line.text for line in edited.old], edited.new
    old_cuts, new_cuts = edited.cuts(old), edited.cuts(new)
    check_comments(edited, old_cuts, new_cuts)
    old_ends, new_ends = [*old_cuts[1:], len(old)], [*new_cuts[1:], len(new)]
    for i1, i2, j1, j2 in zip(old_cuts, old_ends, new_cuts, new_ends):
        if old[i1:i2] != new[j1:j2]:
            marked = [Marked(t, n) for n, t in enumerate(new[j1:j2], j1 + 1)]
            yield from stretch_moves(edited, edited.old[i1 + 1 : i2], marked)


def check_comments(
    edited: Edited, old_cuts: list[int], new_cuts: list[int]
) -> None:
    """Check that the comments above blocks are still there, in order."""
    last = 0, 0
    for i, j in itertools.zip_longest(old_cuts, new_cuts):
        old = None if i is None else edited.old[i].text
        new = None if j is None else edited.new[j]
        if old != new:
            message = (
                "the edit crosses blocks: the comments above them stay as "
                f'they are, but "{(old or new).strip()}" did not; edit inside '
                "one block"
            )
            raise edited.mistake(first_difference(edited, *last), message)
        last = i, j


def first_difference(edited: Edited, i: int, j: int) -> int:
    """The first edited line, looking from here in the old and new lines."""
    pairs = itertools.zip_longest(edited.old[i + 1 :], edited.new[j + 1 :])
    for number, (line, text) in enumerate(pairs, j + 2):
        if line is None or line.text != text:
            return number
    return j + 1


def docstring_moves(edited: Edited) -> Iterator[Move]:
    """The edits of the docstring of a module."""
    length, end = docstring_length(edited.old), edited.docstring_end()
    if length:
        block = edited.blocks[edited.old[1].origin.block]
        old = in_block(block, edited.old[1 : length + 1])
        new = [Marked(t, n) for n, t in enumerate(edited.new[1:end], 2)]
        yield from compare(edited, block, old, new, 2)


def stretch_moves(
    edited: Edited, old: list[Line], new: list[Marked]
) -> Iterator[Move]:
    """The edits below one comment, which is the first line of `new`."""
    comment, *new = new
    block = edited.blocks[next(x.origin.block for x in old if x.origin)]
    check_blank_lines(edited, old, new)
    while not old[-1].origin:
        old = old[:-1]
    while new and not new[-1].text.strip():
        new = new[:-1]
    before, after = in_block(block, old), new
    if comment.text.startswith(INDENT):
        extend = find_extend(find_segments(block)[before[0].mark].node)
        before = methods_before(block, before, extend.args[0].id)
        after = methods_after(edited, block, new, extend.args[0].id)
    first = new[0].mark if new else comment.mark + 1
    yield from compare(edited, block, before, after, first)


def check_blank_lines(
    edited: Edited, old: list[Line], new: list[Marked]
) -> None:
    """Check that the blank lines between two blocks are as they were."""
    ours, theirs = count_blank_below(old), count_blank_below(new)
    if ours != theirs < len(new):
        message = (
            "the blank lines below a block are not part of it: "
            f"{ours} belong here, not {theirs}"
        )
        raise edited.mistake(new[-1].mark + (not theirs), message)


def count_blank_below(lines: list[Line] | list[Marked]) -> int:
    """How many blank lines there are at the end."""
    blank = itertools.takewhile(lambda x: not x.text.strip(), reversed(lines))
    return len(list(blank))


def in_block(block: Block, lines: list[Line]) -> list[Marked]:
    """Lines of a file with their indices in the block they come from."""
    first = block.cell.line
    return [
        Marked(line.text, line.origin and line.origin.line - first)
        for line in lines
    ]


# --- Methods that were moved into a class ---


def find_segments(block: Block) -> dict[int, Segment]:
    """The statement that each line of a block is part of, by its index."""
    return {
        number: segment
        for segment in split_block(block)
        for number in range(segment.start, segment.start + len(segment.lines))
    }


def methods_before(
    block: Block, lines: list[Marked], name: str
) -> list[Marked]:
    """Methods of a class as their block holds them."""
    segments = find_segments(block)
    texts = [line.text for line in block.lines()]
    found: list[Marked] = []
    for method in cut_class(block, lines, name):
        mark = next(each.mark for each in method if each.mark is not None)
        segment = segments[mark]
        for above in (segment.start - 2, segment.start - 1) if found else ():
            is_blank = not texts[above].strip()
            found.append(Marked("", above if is_blank else None))
        decorator = find_extend(segment.node).lineno - 1
        found += [
            each._replace(mark=decorator) if each.mark is None else each
            for each in method
        ]
    return found


def methods_after(
    edited: Edited, block: Block, lines: list[Marked], name: str
) -> list[Marked]:
    """Edited methods of a class as a block would hold them."""
    found: list[Marked] = []
    if not lines:
        return found
    try:
        for method in cut_class(block, lines, name):
            found += [Marked(""), Marked("")] if found else []
            found += method
    except SyntaxError as error:
        index = min(error.lineno or 1, len(lines)) - 1
        message = f"only methods of class {name} can stand in this block here"
        raise edited.mistake(lines[index].mark, message) from error
    return found


def cut_class(
    block: Block, lines: list[Marked], name: str
) -> list[list[Marked]]:
    """Cut the inside of a class into methods, each under `@extend(Cls)`.

    Raises `SyntaxError`, with a number in `lines`, if there is anything else.
    """
    lines = dedent(lines, name)
    source = "\n".join(each.text for each in lines)
    tree = parse(source)
    cell = Cell("code", source, 1, block.cell.options)
    found = []
    for segment in split_block(Block(block.chapter, cell, tree)):
        method = lines[segment.start : segment.start + len(segment.lines)]
        if not isinstance(segment.node, FUNCTIONS):
            place = ("", segment.start + 1, 0, "")
            raise SyntaxError("not a method", place)
        above = first_line(segment.node) - 1 - segment.start
        method.insert(above, Marked(f"@extend({name})"))
        found.append(method)
    return found


def dedent(lines: list[Marked], name: str) -> list[Marked]:
    """Move the inside of a class to the left, except inside strings."""
    source = "\n".join([f"class {name}:", *(each.text for each in lines)])
    try:
        tree = parse(source)
    except SyntaxError as error:
        place = ("", max((error.lineno or 1) - 1, 1), 0, "")
        raise SyntaxError("not a class", place) from error
    if len(tree.body) > 1:
        place = ("", tree.body[1].lineno - 1, 0, "")
        raise SyntaxError("outside of the class", place)
    inside = lines_inside_strings(tree, source)
    return [
        each
        if number in inside
        else each._replace(text=each.text.removeprefix(INDENT))
        for number, each in enumerate(lines, 2)
    ]


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
