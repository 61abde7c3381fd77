"""Carry edits made by hand in generated files back into the chapters.

What `moves.py` finds is only a proposal. The chapters with the edits are
tangled in memory, and nothing is written unless they make the edited files
again. Imports and `__all__` may come out differently: they follow from the
blocks.

The chapters are written before the files are remembered, so that an edit is
always in one of the two. As long as it may be in both, the hashes of all
chapters, as they were and as they will be, are remembered besides: the next
run sees by them that what changed in the book are edits of these files.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

from bookkit.read.chapters import Chapter, parse_chapter
from bookkit.read.mistakes import BookError, Mistake, collect, raise_any
from bookkit.read.source import parse
from bookkit.tangle import disk
from bookkit.tangle.blocks import IMPORTS, Line
from bookkit.tangle.moves import Edited, Move, find_moves
from bookkit.tangle.output import Output, tangle


def bring_back(
    root: Path, book: Path, output: Output
) -> tuple[Output, list[str], list[str]]:
    """Put the edits of files into their chapters, and write all that changed.

    Returns what the book makes then, the names of the files that were written,
    and a line for each edit: where it is in the file and in the chapter.
    Raises `BookError`, and writes nothing, if that cannot be done.
    """
    edited = find_edited(root, output)
    if not edited:
        return output, disk.write_output(root, output), []
    new, report = put_in(edited, output)
    for each in edited:
        check_same(each, new.files[each.file])
    texts = {each.file: each.text for each in edited}
    return new, write_back(root, book, texts, output, new), report


def put_in(edited: list[Edited], output: Output) -> tuple[Output, list[str]]:
    """Put the edits into the chapters, in memory; what the book makes then.

    There is a line to report for each edit. Raises `BookError`.
    """
    found, mistakes = collect(lambda each: [*find_moves(each)], edited)
    raise_any(mistakes)
    moves = sorted(itertools.chain(*found), key=lambda move: move[:2])
    chapters, report = {each.path: each for each in output.chapters}, []
    try:
        for path, each in itertools.groupby(moves, lambda move: move.path):
            content, lines = apply_moves(chapters[path].content, each)
            chapters[path] = parse_chapter(path, content)
            report += lines
        return tangle(list(chapters.values())), report
    except BookError as error:
        mistake = error.mistakes[0]
        above = [move for move in moves if move[:2] <= mistake[:2]]
        place = (above or moves[:1])[-1].edit
        message = f"the book cannot hold this edit: {mistake}"
        raise BookError([Mistake(*place, message)]) from error


def apply_moves(
    content: bytes, moves: Iterable[Move]
) -> tuple[bytes, list[str]]:
    """A chapter with its edits, and what is to be said about each.

    Every other byte stays as it is. New lines end as the one above does.
    """
    lines, shift, report = content.decode().split("\n"), 0, []
    for move in moves:
        start, stop = move.start + shift, move.stop + shift
        end = "\r" if lines[start - 2].endswith("\r") else ""
        lines[start - 1 : stop - 1] = [text + end for text in move.texts]
        shift += len(move.texts) - (stop - start)
        file, number = move.edit
        place = f"{move.path}:{start} ({move.block})"
        report.append(f"{file}:{number} -> {place}")
    return "\n".join(lines).encode(), report


# --- What was edited ---


def find_edited(root: Path, output: Output) -> list[Edited]:
    """The files that were edited by hand.

    Raises `BookError` if one cannot be compared with what it was before.
    """
    edited, mistakes = [], []
    changes = disk.find_changes(root, output)
    for file, text in disk.find_hand_edits(root, changes).items():
        made = output.text(file)
        if disk.is_known(root, file, made) or is_midway(root, output):
            blocks = {b.id: b for b in output.blocks if b.file == file}
            edited.append(Edited(file, text, output.files[file], blocks))
        else:
            message = "edited by hand, and its chapters changed too: put the "
            message += "edit into the chapter yourself; --check shows both"
            number = disk.first_difference(text, made)
            mistakes.append(Mistake(file, number, message))
    raise_any(mistakes)
    return edited


def is_midway(root: Path, output: Output) -> bool:
    """Whether each chapter is as a run that was killed found or made it."""
    state = disk.read_state(root)
    return all(
        hash_chapter(chapter) in state.get(chapter.path, ())
        for chapter in output.chapters
    )


def hash_chapter(chapter: Chapter) -> str:
    """The hash of a chapter, whatever its line ends are."""
    return disk.hash_text(disk.plain_text(chapter.content))


# --- Whether the chapters make the edited files again ---


def check_same(edited: Edited, made: list[Line]) -> None:
    """Raise `BookError` unless the book makes a file as it was edited.

    Imports and `__all__` at its top are as they were, or as they will be.
    An import below is gathered, and blank lines around it with it.
    """
    old, texts = ([x.text for x in lines] for lines in (edited.old, made))
    was, now, will = (edited.parts(x)[1] for x in (old, edited.new, texts))
    top, old_top = edited.new[now.start : now.stop], old[was.start : was.stop]
    if top not in (old_top, texts[will.start : will.stop]):
        number = disk.first_difference("\n".join(top), "\n".join(old_top))
        message = "imports and __all__ are gathered from all blocks: undo "
        message += "this and, after --back, edit the block that needs it"
        raise edited.mistake(now.start + number, message)
    imports = {
        number
        for node in parse("\n".join(edited.new)).body
        if isinstance(node, IMPORTS) and node.lineno > now.stop
        for number in range(node.lineno, node.end_lineno + 1)
    }
    ours = [
        (number, text)
        for number, text in enumerate(edited.new, 1)
        if not now.start < number <= now.stop and number not in imports
        if text or not imports
    ]
    theirs = [
        text
        for text in texts[: will.start] + texts[will.stop :]
        if text or not imports
    ]
    ours.append((len(edited.new) + 1, None))
    for (number, edit), text in itertools.zip_longest(ours, [*theirs, None]):
        if edit != text:
            back = "missing" if text is None else f'"{text}"'
            message = "the book cannot hold this edit: it makes this line "
            raise edited.mistake(number, message + back)


# --- Writing ---


def write_back(
    root: Path, book: Path, edited: dict[str, str], old: Output, new: Output
) -> list[str]:
    """Write the chapters that hold the edits, and the files they make.

    `edited` are the texts of the files with the edits, `old` is what the book
    makes without them. Returns the names of the files that changed.
    """
    seen = disk.find_changes(root, new) | edited
    disk.check_changes(root, new, seen | dict.fromkeys(edited))
    marked = {file: new.text(file) for file in edited}
    midway, before, after = {}, {}, {}
    for one, two in zip(old.chapters, new.chapters):
        midway[one.path] = [hash_chapter(one), hash_chapter(two)]
        if one is not two:
            place = str(book / f"{one.name}.md")
            before[place] = disk.plain_text(one.content)
            after[place] = two.content
    disk.write_files(root, disk.remember(old, midway) | marked, seen)
    files = {file: new.text(file) for file in sorted(seen)}
    contents = after | files | disk.remember(new, {})
    disk.write_files(root, contents, seen | marked | before)
    return list(files)
