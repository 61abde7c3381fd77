"""Small books in temporary folders, for the tests of the scripts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from bookkit.run import run_chapters
from bookkit.tangle import command as tangle


class Outcome(NamedTuple):
    """What a command returned and printed."""

    code: int
    out: str
    err: str


@dataclass
class Book:
    """A book in a folder of its own; commands run in this process."""

    root: Path
    capsys: pytest.CaptureFixture

    def chapter(self, name: str, *parts: str) -> None:
        """Write a chapter, blank lines between its parts."""
        path = self.root / "book" / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")

    def tangle(self, *arguments: str) -> Outcome:
        """Run scripts/tangle.py."""
        return self.run(tangle.main, arguments)

    def chapters(self, *arguments: str) -> Outcome:
        """Run scripts/chapters.py."""
        return self.run(run_chapters.main, arguments)

    def run(self, main, arguments) -> Outcome:
        """Run a command on this book."""
        self.capsys.readouterr()
        code = main(["--root", str(self.root), *map(str, arguments)])
        return Outcome(code, *self.capsys.readouterr())

    def read(self, file: str) -> str:
        """The text of a file."""
        return (self.root / file).read_text(encoding="utf-8")

    def body(self, file: str) -> str:
        """The text of a generated file without its header."""
        return self.read(file).partition("\n")[2]

    def write(self, file: str, text: str) -> None:
        """Write a file by hand."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def make(self, *blocks: str, file: str = "dlfs/a.py") -> str:
        """Tangle one chapter and return the body of a file."""
        self.chapter("01-one", *blocks)
        outcome = self.tangle()
        assert outcome.err == ""
        return self.body(file)

    def mistake(self, *blocks: str) -> str:
        """Tangle one chapter that has a mistake and return the mistake."""
        self.chapter("01-one", *blocks)
        outcome = self.tangle()
        assert outcome.code == 1
        assert not (self.root / "dlfs").exists()
        return outcome.err.strip()


def make_cell(code: str, **options) -> str:
    """A code cell of a chapter."""
    info = "".join(f" {k}={json.dumps(v)}" for k, v in options.items())
    return f"```python{info}\n{code}\n```"


def make_block(code: str, id: str, file: str = "dlfs/a.py", **options) -> str:
    """A code cell that goes into a file."""
    return make_cell(code, file=file, id=id, **options)
