"""Tracebacks that show the chapter line under each frame.

Nothing is guessed: a line of a generated file only gets a chapter line if the
book makes exactly this file, at its end or at the end of an earlier chapter.
In all other cases the frame is shown as usual.
"""

import functools
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from bookkit.read.chapters import (
    BookError,
    Chapter,
    chapter_paths,
    read_chapter,
)
from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.tangle.blocks import Line
from bookkit.tangle.disk import read_generated, snapshot_folder
from bookkit.tangle.output import HEADER, Output, tangle
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
            lines = self.lines(Path(filename).resolve())
        except Exception:  # a plain traceback is better than none
            return ""
        origin = lines[number - 1].origin if number <= len(lines) else None
        name = f" ({origin.block})" if origin and origin.block else ""
        return f"    -> {origin}{name}" if origin else ""

    def load(self, path: Path) -> list[Line]:
        """The lines of a file with their origins, [] if we did not make it."""
        text = read_generated(path)
        candidates = []
        if path.parent == self.book / "py":
            candidates = self.make_pair(path)
        elif text and text.startswith(HEADER):
            candidates = self.make_generated(path)
        for lines in candidates:
            if text == "".join(f"{line.text}\n" for line in lines):
                return lines
        return []

    def make_pair(self, path: Path) -> Iterator[list[Line]]:
        """The script of a chapter as the book makes it now."""
        for index, chapter in enumerate(self.chapters):
            if chapter.name == path.stem:
                folder = snapshot_folder(self.chapters[:index])
                yield pair_lines(chapter, folder)

    def make_generated(self, path: Path) -> Iterator[list[Line]]:
        """A generated file at the end of each chapter, the last one first."""
        folders = [
            i for i, p in enumerate(path.parts) if p in GENERATED_FOLDERS
        ]
        file = "/".join(path.parts[folders[-1] :])
        for count in range(len(self.chapters), 0, -1):
            output = self.tangle(count)
            if output and file in output.files:
                yield output.files[file]

    @functools.cached_property
    def chapters(self) -> list[Chapter]:
        """The chapters, up to the first one with a mistake in it."""
        chapters = []
        for path in chapter_paths(self.book):
            try:
                chapters.append(read_chapter(path))
            except BookError:
                break
        return chapters

    def tangle_until(self, count: int) -> Output | None:
        """What the first `count` chapters make, None if they have mistakes."""
        try:
            return tangle(self.chapters[:count])
        except BookError:
            return None


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
        if issubclass(kind, Exception):  # Ctrl-C does not wait
            try:
                text = format_exception(error, Path(root))
            except Exception:
                pass  # and print the ordinary one
            else:
                print(text, end="", file=sys.stderr)
                return
        sys.__excepthook__(kind, error, trace)

    sys.excepthook = show
