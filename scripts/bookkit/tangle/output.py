"""Make all generated files from the chapters, in memory."""

import ast
import contextlib
import difflib
import functools
import gc
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from bookkit.read.chapters import Chapter, Mistake, raise_any
from bookkit.read.source import check_compiles, parse
from bookkit.tangle.assemble import (
    KEPT,
    Module,
    gather,
    module_name,
    render,
)
from bookkit.tangle.blocks import Block, Line, Origin
from bookkit.tangle.rooms import find_rooms, link

HEADER = "# Made from book/ by scripts/tangle.py: edit the chapters."


@dataclass(frozen=True)
class Output:
    """The files that the book makes, each as lines with their origins."""

    files: dict[str, list[Line]]
    chapters: list[Chapter]
    blocks: list[Block]
    rooms: dict[str, str] = field(default_factory=dict)

    def public_module(self, file: str) -> str:
        """What names of a file are imported from: "dlfs.nn" for its rooms."""
        return self.rooms.get(file, module_name(file))

    def text(self, file: str) -> str:
        """The text of a file, its header included."""
        return "".join(f"{line.text}\n" for line in self.files[file])


@contextlib.contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the garbage collector, which costs two thirds of the time.

    Syntax trees are many small objects, of which none can be freed yet.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@paused_collector()
def tangle(chapters: list[Chapter]) -> Output:
    """Make all files from the chapters; raises `BookError`.

    Only what has changed since the last run in this process is made again.
    """
    parsed = [parse_cells(chapter) for chapter in chapters]
    blocks = [block for found, _ in parsed for block in found]
    mistakes = [mistake for _, found in parsed for mistake in found]
    placed, more = place_blocks(blocks)
    mistakes += [*more, *check_files(placed)]
    broken = [mistake[:2] for mistake in mistakes]
    modules = {}
    for file in sorted(placed):
        # Most that is wrong below a mistake only follows from it.
        sound = itertools.takewhile(
            lambda block: not any(block.holds(*place) for place in broken),
            placed[file],
        )
        modules[file] = gather(file, tuple(sound))
        mistakes += modules[file].mistakes
    raise_any(mistakes)
    rooms = find_rooms(modules)
    imports = link(modules, rooms)
    files = {
        file: make_file(modules[file], tuple(imports[file].items()))
        for file in sorted(modules)
    }
    packages = {m.file: name for name, each in rooms.items() for m in each}
    return Output(files, chapters, blocks, packages)


@functools.lru_cache(KEPT)
def make_file(module: Module, imports: tuple[tuple, ...]) -> list[Line]:
    """Make the lines of a file, its header included."""
    return [Line(HEADER), *render(module, dict(imports))]


@functools.lru_cache(KEPT)
def parse_cells(chapter: Chapter) -> tuple[list[Block], list[Mistake]]:
    """Parse the cells of a chapter that go into a file."""
    blocks, mistakes = [], []
    for cell in chapter.code_cells:
        if "file" not in cell.options:
            continue
        try:
            tree = parse(cell.source)
        except SyntaxError as error:
            line = cell.fence + (error.lineno or 1)
            message = f"syntax error: {error.msg}"
            mistakes.append(Mistake(chapter.path, line, message))
            tree = ast.Module([], [])
        else:
            if not tree.body:
                message = "a block with file= needs at least one statement"
                mistakes.append(Mistake(chapter.path, cell.fence, message))
        blocks.append(Block(chapter, cell, tree))
    return blocks, mistakes


def place_blocks(
    blocks: list[Block],
) -> tuple[dict[str, list[Block]], list[Mistake]]:
    """Arrange the blocks by file, each replacement in the old place."""
    files: dict[str, list[Block]] = {}
    newest: dict[str, Block] = {}
    mistakes = []
    by_id = {block.id: block for block in blocks}
    for block in blocks:
        messages = list(check_replaces(block, by_id, newest))
        mistakes += [block.mistake(message) for message in messages]
        slots = files.setdefault(block.file, [])
        old = [] if messages else [by_id[name] for name in block.replaces]
        position = slots.index(old[0]) if old else len(slots)
        slots.insert(position, block)
        for each in old:
            slots.remove(each)
        newest |= dict.fromkeys([block.id, *(b.id for b in old)], block)
    return files, mistakes


def check_files(files: dict[str, list[Block]]) -> Iterator[Mistake]:
    """Check that no file hides another one."""
    known: dict[str, str] = {}
    for file, (block, *_) in sorted(files.items()):
        package = f"{file.rpartition('/')[0]}.py"
        other = known.setdefault(file.lower(), file)
        if other != file:
            message = f"{file} and {other} are one file on some computers"
            yield block.mistake(message)
        elif package in files:
            yield block.mistake(
                f"{file} and {package} cannot both be imported"
            )


def check_replaces(
    block: Block, by_id: dict[str, Block], newest: dict[str, Block]
) -> Iterator[str]:
    """Check the blocks that a block replaces.

    `newest` says for the blocks so far which one stands in their place.
    """
    for name in block.replaces:
        if name == block.id:
            yield f'replaces="{name}": a block cannot replace itself'
        elif name not in by_id:
            close = difflib.get_close_matches(name, by_id, 1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            yield f'replaces="{name}": no block has this id{hint}'
        elif name not in newest:
            place = by_id[name].place
            yield f'replaces="{name}": that block comes later ({place})'
        elif newest[name].id != name:
            now = newest[name]
            yield (
                f'replaces="{name}": it is replaced already; say '
                f'replaces="{now.id}" ({now.place})'
            )
        elif by_id[name].file != block.file:
            yield f'replaces="{name}": that block is in {by_id[name].file}'
    if len(set(block.replaces)) < len(block.replaces):
        yield "replaces= names a block twice"


def find_syntax_error(lines: list[Line], file: str) -> list[Mistake]:
    """Check that a file compiles as a whole."""
    try:
        check_compiles("\n".join(line.text for line in lines))
    except SyntaxError as error:
        place = nearest_origin(lines, error.lineno or 1)
        message = f"syntax error in {file}: {error.msg}"
        return [Mistake(place.path, place.line, message)]
    return []


def nearest_origin(lines: list[Line], number: int) -> Origin | None:
    """The origin of a line, or of the closest copied line above or below."""
    before = [line.origin for line in lines[:number] if line.origin]
    after = [line.origin for line in lines[number:] if line.origin]
    return before[-1] if before else after[0] if after else None
