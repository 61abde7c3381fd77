"""Tracebacks that show the chapter line under each frame.

Nothing is guessed: a line of a generated file only gets a chapter line if the
book makes exactly this file, at its end or at the end of an earlier chapter.
In all other cases the frame is shown as usual.
"""

import contextlib
import functools
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from bookkit.read.chapters import Chapter, chapter_paths, read_chapter
from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.read.mistakes import BookError, collect
from bookkit.tangle.blocks import Line
from bookkit.tangle.disk import read_generated, snapshot_folder
from bookkit.tangle.output import tangle
from bookkit.tangle.pairs import pair_lines

FRAME = re.compile(  # with its lines of code, which stand further right
    r'^([ |]*)File "(.+)", line (\d+).*\n(?:\1  .*\n)*', re.MULTILINE
)


class ChapterLines:
    """Finds the chapter line of a line in a generated file or script."""

    def __init__(self, root: Path) -> None:
        self.book = root.resolve() / "book"
        self.lines = functools.cache(self.load)
        self.tangle = functools.cache(self.tangle_until)

    def arrow(self, filename: str | Path, number: int) -> str:
        """The line to print under a frame, or nothing."""
        try:
            origin = self.lines(Path(filename).resolve())[number - 1].origin
        except Exception:  # a plain traceback is better than none
            return ""
        name = f" ({origin.block})" if origin and origin.block else ""
        return f"    -> {origin}{name}" if origin else ""

    def load(self, path: Path) -> list[Line]:
        """The lines of a file with their origins, [] if we did not make it."""
        text = read_generated(path) or ""
        is_ours = "# Made from" in text[:20]  # to ask the book takes longer
        for lines in self.candidates(path) if is_ours else ():
            if text == "".join(f"{line.text}\n" for line in lines):
                return lines
        return []

    def candidates(self, path: Path) -> Iterator[list[Line]]:
        """What the book makes of a script now.

        Of a generated file, what it makes at the end of each chapter, the
        last one first.
        """
        folders = [
            i for i, p in enumerate(path.parts) if p in GENERATED_FOLDERS
        ]
        file = "/".join(path.parts[folders[-1] :]) if folders else ""
        for count, chapter in [*enumerate(self.chapters, 1)][::-1]:
            if path == self.book / f"py/{chapter.name}.py":
                folder = snapshot_folder(self.chapters[: count - 1])
                yield pair_lines(chapter, folder)
            elif file:
                yield self.tangle(count).get(file, [])

    @functools.cached_property
    def chapters(self) -> list[Chapter]:
        """The chapters, but for those with a mistake in them."""
        return collect(read_chapter, chapter_paths(self.book))[0]

    def tangle_until(self, count: int) -> dict[str, list[Line]]:
        """What the first chapters make, nothing if they have mistakes."""
        with contextlib.suppress(BookError):
            return tangle(self.chapters[:count]).files
        return {}


def format_exception(error: BaseException, root: Path) -> str:
    """Format an exception, with its causes, with chapter lines."""
    chapter_lines = ChapterLines(root)

    def add_arrow(frame: re.Match) -> str:
        arrow = chapter_lines.arrow(frame[2], int(frame[3]))
        return f"{frame[0]}{arrow}\n" if arrow else frame[0]

    return FRAME.sub(add_arrow, "".join(traceback.format_exception(error)))


def install_traceback_hook(root: Path | str) -> None:
    """Let uncaught exceptions show the chapter line under each frame.

    `root` is the folder that holds book/. The book is only read when there is
    a traceback to print; if that fails, the ordinary one is printed.
    """

    def show(kind, error, trace) -> None:
        with contextlib.suppress(Exception):
            if issubclass(kind, Exception):  # Ctrl-C does not wait
                text = format_exception(error, Path(root))
                print(text, end="", file=sys.stderr)
                return
        sys.__excepthook__(kind, error, trace)

    sys.excepthook = show
