"""Tests of the notebooks that readers take away."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from books import make_block, make_cell

from bookkit import ROOT
from bookkit.read.chapters import read_book

pytest.importorskip("nbformat")
from bookkit.tangle.notebooks import NEEDS, colab_link, make_notebook

SCRIPTS = Path(__file__).resolve().parents[1]
PACKAGE = make_block('"""Package."""', "package", file="dlfs/__init__.py")


@pytest.fixture
def chapters(book):
    """Two chapters: the second one needs what the first one makes."""
    book.chapter("01-one", PACKAGE, make_block("X = 42", "x"))
    show = make_cell("print(dlfs.a.X)")
    book.chapter("02-two", "# Two", make_cell("import dlfs.a"), show)
    return read_book(book.root / "book")


def cells_of(chapters, repository=""):
    """The cells of the second chapter's notebook."""
    text = make_notebook(chapters[1], [[], []], repository, chapters[0])
    return json.loads(text)["cells"]


def script_of(cells):
    """What its code cells would run, as one script."""
    sources = [c["source"] for c in cells if c["cell_type"] == "code"]
    return "\n".join(map("".join, sources))


def run_script(text, folder):
    """Run a script where no other copy of the package is found first."""
    path = folder / "script.py"
    path.write_text(text)
    return subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )


class TestStart:
    def test_stands_above_the_first_code(self, chapters):
        kinds = [cell["cell_type"] for cell in cells_of(chapters)]
        assert kinds == ["markdown", "markdown", "code", "code", "code"]

    def test_makes_the_package_in_a_copy_around_the_notebook(
        self, book, chapters
    ):
        (book.root / "scripts").symlink_to(SCRIPTS)
        book.write("deep/inside/x", "")
        script = script_of(cells_of(chapters))
        # The link leads to another copy, so tangle.py is told of this one.
        script = script.replace(
            '"--until"', f'"--root", "{book.root}", "--until"'
        )
        ran = run_script(script, book.root / "deep/inside")
        assert ran.stdout.endswith("42\n"), ran.stderr
        assert (book.root / "build/snapshots/01/dlfs/a.py").exists()

    def test_says_so_if_there_is_no_copy(self, chapters, tmp_path):
        ran = run_script(script_of(cells_of(chapters)), tmp_path)
        assert ran.stderr.endswith(
            "FileNotFoundError: no copy of the book's repository here\n"
        )

    def test_fetches_the_repository_if_there_is_one(self, chapters):
        script = script_of(cells_of(chapters, "https://h/o/r"))
        assert '_start(repository="https://h/o/r", last_chapter=1)' in script

    def test_installs_what_the_package_needs(self):
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        needed = tomllib.loads(text)["project"]["dependencies"]
        names = {each.partition(">=")[0] for each in needed}
        assert set(NEEDS) == names | {"pyyaml"}


class TestColab:
    def test_opens_notebooks_on_github_only(self):
        link = colab_link("https://github.com/o/r/", "01-one")
        assert link == (
            "https://colab.research.google.com/github/o/r/blob/notebooks/"
            "01-one.ipynb"
        )
        assert colab_link("https://gitlab.com/o/r", "01-one") == ""
        assert colab_link("", "01-one") == ""
