"""Make all generated files from the chapters, in memory."""

import difflib
import functools
import gc
from dataclasses import dataclass, field

from bookkit.read.chapters import Chapter
from bookkit.read.mistakes import Mistake, Mistakes, raise_any
from bookkit.read.source import check_compiles
from bookkit.tangle.assemble import KEPT, gather, module_name, render
from bookkit.tangle.blocks import Block, Line, Origin
from bookkit.tangle.rooms import link


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


def tangle(chapters: list[Chapter]) -> Output:
    """Make all files from the chapters; raises `BookError`.

    Only what has changed since the last run in this process is made again.
    """
    gc.set_threshold(200_000)  # to look for garbage in trees takes a while
    parsed = [parse_cells(chapter) for chapter in chapters]
    blocks = [block for found, _ in parsed for block in found]
    mistakes = [mistake for _, found in parsed for mistake in found]
    placed: dict[str, list[Block]] = {}
    mistakes += [*place_blocks(blocks, placed), *check_files(placed)]
    raise_any(mistakes)
    modules = {file: gather(file, tuple(placed[file])) for file in placed}
    raise_any(x for module in modules.values() for x in module.mistakes)
    imports = link(modules)
    files = {
        file: render(modules[file], tuple(imports[file].items()))
        for file in sorted(modules)
    }
    rooms = {m.file: m.package for m in modules.values() if m.package}
    return Output(files, chapters, blocks, rooms)


@functools.lru_cache(KEPT)
def parse_cells(chapter: Chapter) -> tuple[list[Block], list[Mistake]]:
    """Parse the cells of a chapter that go into a file."""
    cells = [cell for cell in chapter.code_cells if "file" in cell.options]
    blocks, mistakes = [Block(chapter, cell) for cell in cells], []
    for block in blocks:
        try:
            if not block.tree.body:
                message = "a block with file= needs at least one statement"
                mistakes.append(block.mistake(message))
        except SyntaxError as error:
            line = block.cell.fence + (error.lineno or 1)
            message = f"syntax error: {error.msg}"
            mistakes.append(Mistake(chapter.path, line, message))
    return blocks, mistakes


def place_blocks(
    blocks: list[Block], files: dict[str, list[Block]]
) -> Mistakes:
    """Arrange the blocks by file, each replacement in the old place.

    `newest` says for the blocks so far which one stands in their place.
    """
    newest: dict[str, Block] = {}
    for block in blocks:
        mistakes = [*check_replaces(block, newest)]
        yield from mistakes
        old = [] if mistakes else [newest[name] for name in block.replaces]
        slots = files.setdefault(block.file, [])
        slots.insert(slots.index(old[0]) if old else len(slots), block)
        for each in old:
            slots.remove(each)
        newest |= dict.fromkeys([block.id, *(b.id for b in old)], block)


def check_replaces(block: Block, newest: dict[str, Block]) -> Mistakes:
    """Check that what a block replaces stands above it, in the same file."""
    for name in block.replaces:
        now, message = newest.get(name), None
        if now is None:
            close = difflib.get_close_matches(name, newest, 1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            message = f"no block above has this id{hint}"
        elif now.id != name:
            message = "it is replaced already; say "
            message += f'replaces="{now.id}" ({now.place})'
        elif now.file != block.file:
            message = f"that block is in {now.file}"
        if message:
            yield block.mistake(f'replaces="{name}": {message}')


def check_files(files: dict[str, list[Block]]) -> Mistakes:
    """Check that no file hides a folder of the same name."""
    for file, (block, *_) in files.items():
        package = f"{file.rpartition('/')[0]}.py"
        if package in files:
            message = f"{file} and {package} cannot both be imported"
            yield block.mistake(message)


def find_syntax_error(lines: list[Line], file: str) -> Mistakes:
    """Check that a file compiles as a whole."""
    try:
        check_compiles("\n".join(line.text for line in lines))
    except SyntaxError as error:
        place = nearest_origin(lines, error.lineno or 1)
        yield Mistake(*place[:2], f"syntax error in {file}: {error.msg}")


def nearest_origin(lines: list[Line], number: int) -> Origin | None:
    """The origin of a line, or of the closest copied line above or below."""
    near = [*reversed(lines[:number]), *lines[number:]]
    return next((line.origin for line in near if line.origin), None)
