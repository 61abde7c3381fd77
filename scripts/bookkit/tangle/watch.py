"""Keep the chapters and the generated files in step while somebody writes.

    python scripts/tangle.py --watch

A chapter that is saved is tangled, an edit that is saved in a generated file
goes back into its chapter. What has not changed is neither read nor put
together again, so that this takes a fraction of a second.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from bookkit.read.chapters import read_book
from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.read.mistakes import BookError, Mistake, raise_any
from bookkit.tangle.back import bring_back
from bookkit.tangle.output import tangle

POLL = 0.05  # seconds between two looks at the disk

Stamps = dict[str, tuple[int, int, int]]


class Watch:
    """The state between two looks at the disk."""

    def __init__(self, root: Path, book: Path) -> None:
        self.root, self.book = root, book
        self.stamps: Stamps = {}
        self.is_in_step = False

    def scan(self) -> Stamps:
        """Size, time and number of every chapter and generated file."""
        paths = [*self.book.glob("[!.]*.md")]
        for folder in GENERATED_FOLDERS:
            paths += (self.root / folder).rglob("[!.]*.py")
        found = {}
        for path in paths:
            with contextlib.suppress(OSError):
                stat = path.stat()
                found[str(path)] = stat.st_size, stat.st_mtime_ns, stat.st_ino
        return found

    def wait(self) -> Stamps:
        """Wait until something has changed, and is saved whole."""
        stamps, looks = self.stamps, 0
        while stamps == self.stamps or looks < self.patience(stamps):
            time.sleep(POLL)
            now = self.scan()
            looks = looks + 1 if now == stamps else 0
            stamps = now
        return stamps

    def patience(self, stamps: Stamps) -> int:
        """How many looks have to find the same.

        Some editors empty a file or take it away before they write it.
        """
        has_shrunk = any(
            stamps.get(path, (0,))[0] < size / 2
            for path, (size, *_) in self.stamps.items()
        )
        return 10 if has_shrunk else 1

    def step(self) -> list[str]:
        """Bring everything in step; lines that say what was done.

        Raises `BookError` if that is not possible; nothing is written then.
        """
        chapters = read_book(self.book)
        message = "is empty now; delete it, or put its text back"
        empty = [each for each in chapters if not each.content.strip()]
        raise_any(Mistake(each.path, 1, message) for each in empty)
        output = tangle(chapters)
        _, names, report = bring_back(self.root, self.book, output)
        wrote = [f"wrote {', '.join(names)}"] if names else []
        return report or wrote

    def look(self, stamps: Stamps) -> str:
        """Do what the changes on disk ask for; the text to print about it.

        What this writes is seen as a change next time, like one by anybody
        else, so that none can be missed; there is nothing to say about it.
        """
        start = time.perf_counter()
        was_in_step, self.is_in_step = self.is_in_step, False
        self.stamps = stamps
        try:
            lines = self.step()
        except BookError as error:
            return str(error)
        self.is_in_step = True
        if not lines and was_in_step:
            return ""
        text = "\n".join(lines or ["chapters and files are in step"])
        return f"{text} in {time.perf_counter() - start:.2f} s"


def watch(root: Path, book: Path, show: Callable[[str], None]) -> None:
    """Watch until Ctrl-C; `show` prints a text."""
    state = Watch(root, book)
    names = [f"{name}/" for name in (book.name, *GENERATED_FOLDERS)]
    with contextlib.suppress(KeyboardInterrupt):
        stamps = state.scan()
        show(f"watching {', '.join(names)}; Ctrl-C ends it")
        while True:
            text = state.look(stamps)
            if text:
                show(text)
            stamps = state.wait()
