"""Mistakes in files, each one line for whoever writes the book."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Mistake(NamedTuple):
    """Something wrong in a file, as one line for the reader."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


Mistakes = Iterator[Mistake]


class BookError(Exception):
    """The mistakes found in the book; nothing was written."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = list(dict.fromkeys(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))


def raise_any(mistakes: Iterable[Mistake]) -> None:
    """Raise `BookError` if there are mistakes, in the order of their lines."""
    found = sorted(mistakes)
    if found:
        raise BookError(found)


def collect(make: Callable, things: Iterable) -> tuple[list, list[Mistake]]:
    """What is made of some things, and the mistakes of all the others."""
    made, mistakes = [], []
    for thing in things:
        try:
            made.append(make(thing))
        except BookError as error:
            mistakes += error.mistakes
    return made, mistakes


@contextmanager
def disk_errors(path: str | Path, what: str) -> Iterator[None]:
    """Make a `BookError` of an error of the disk: it "cannot be read"."""
    try:
        yield
    except OSError as error:
        message = f"cannot be {what}: {error}"
        raise BookError([Mistake(str(path), 1, message)]) from error
