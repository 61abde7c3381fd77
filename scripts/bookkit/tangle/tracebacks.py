"""Tracebacks that show the chapter line under each frame.

Nothing is guessed: a line of a generated file only gets a chapter line if the
book makes exactly this file, at its end or at the end of an earlier chapter.
In all other cases the frame is shown as usual.
"""

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
from bookkit.tangle.blocks import Line, Origin
from bookkit.tangle.disk import read_generated, snapshot_folder
from bookkit.tangle.output import HEADER, Output, tangle
from bookkit.tangle.pairs import pair_lines


class ChapterLines:
    """Finds the chapter line of a line in a generated file or script."""

    def __init__(self, root: Path) -> None:
        self.book = root.resolve() / "book"
        self.files: dict[str, list[Line]] = {}
        self.chapters: list[Chapter] | None = None
        self.outputs: dict[int, Output | None] = {}

    def find(self, filename: str, number: int | None) -> Origin | None:
        """The origin of a line, None if it has none."""
        if filename not in self.files:
            try:
                self.files[filename] = self.load(Path(filename).resolve())
            except Exception:  # a plain traceback is better than none
                self.files[filename] = []
        lines = self.files[filename]
        if number is None or not 0 < number <= len(lines):
            return None
        return lines[number - 1].origin

    def arrow(self, filename: str, number: int | None) -> str:
        """The line to print under a frame, or nothing."""
        origin = self.find(filename, number)
        if origin is None:
            return ""
        name = f" ({origin.block})" if origin.block else ""
        return f"    -> {origin}{name}"

    def load(self, path: Path) -> list[Line]:
        """The lines of a file with their origins, [] if we did not make it."""
        text = read_generated(path)
        if text is None:
            return []
        if path.parent == self.book / "py":
            candidates = self.make_pair(path)
        elif text.startswith(HEADER):
            candidates = self.make_generated(path)
        else:
            return []
        for lines in candidates:
            if text == "".join(f"{line.text}\n" for line in lines):
                return lines
        return []

    def make_pair(self, path: Path) -> Iterator[list[Line]]:
        """The script of a chapter as the book makes it now."""
        for index, chapter in enumerate(self.read_chapters()):
            if chapter.name == path.stem:
                before = self.read_chapters()[:index]
                yield pair_lines(chapter, snapshot_folder(before))

    def make_generated(self, path: Path) -> Iterator[list[Line]]:
        """A generated file at the end of each chapter, the last one first."""
        folders = [
            i for i, p in enumerate(path.parts) if p in GENERATED_FOLDERS
        ]
        file = "/".join(path.parts[folders[-1] :])
        for count in range(len(self.read_chapters()), 0, -1):
            output = self.tangle_until(count)
            if output and file in output.files:
                yield output.files[file]

    def read_chapters(self) -> list[Chapter]:
        """The chapters, up to the first one with a mistake in it."""
        if self.chapters is None:
            self.chapters = []
            for path in chapter_paths(self.book):
                try:
                    self.chapters.append(read_chapter(path))
                except BookError:
                    break
        return self.chapters

    def tangle_until(self, count: int) -> Output | None:
        """What the first `count` chapters make, None if they have mistakes."""
        if count not in self.outputs:
            try:
                self.outputs[count] = tangle(self.read_chapters()[:count])
            except BookError:
                self.outputs[count] = None
        return self.outputs[count]


class ChapterStack(traceback.StackSummary):
    """A stack whose frames are followed by their chapter lines."""

    chapter_lines: ChapterLines

    def format_frame_summary(self, frame_summary, **options) -> str:
        """Format a frame as usual, and below it its chapter line."""
        text = super().format_frame_summary(frame_summary, **options)
        arrow = self.chapter_lines.arrow(
            frame_summary.filename, frame_summary.lineno
        )
        return f"{text}{arrow}\n" if arrow else text


def format_exception(error: BaseException, root: Path) -> str:
    """Format an exception, with its causes, with chapter lines."""
    summary = traceback.TracebackException.from_exception(error)
    add_chapter_lines(summary, ChapterLines(root))
    return "".join(summary.format())


def add_chapter_lines(
    summary: traceback.TracebackException, chapter_lines: ChapterLines
) -> None:
    """Make an exception, its causes and its members show chapter lines."""
    stack = ChapterStack(summary.stack)
    stack.chapter_lines = chapter_lines
    summary.stack = stack
    others = [summary.__cause__, summary.__context__]
    for other in [*others, *(summary.exceptions or [])]:
        if other and not isinstance(other.stack, ChapterStack):
            add_chapter_lines(other, chapter_lines)


def install_traceback_hook(root: Path | str) -> None:
    """Let uncaught exceptions show the chapter line under each frame.

    `root` is the folder that holds book/. The book is only read when there is
    a traceback to print; if that fails, the ordinary one is printed.
    """

    def show(kind, error, trace) -> None:
        if not issubclass(kind, Exception):  # Ctrl-C does not wait
            sys.__excepthook__(kind, error, trace)
            return
        try:
            text = format_exception(error, Path(root))
        except Exception:
            sys.__excepthook__(kind, error, trace)
        else:
            print(text, end="", file=sys.stderr)

    sys.excepthook = show
