"""Mistakes that authors and disks really make: one line each, no harm."""

import os
import re
import subprocess
import sys

import pytest
from books import make_block, make_cell

from bookkit import ROOT

CLASS = make_block("class A:\n    x = 1", "a")
DEEP = "x = " + "-" * 20_000 + "1"


class TestBlocks:
    @pytest.mark.parametrize(
        "code",
        [DEEP, "x = a" + ".b" * 20_000, "x = " + "+".join("1" * 20_000)],
    )
    def test_too_deep_for_the_parser(self, book, code):
        found = book.mistake(make_block(code, "a"))
        message = "syntax error: too deeply nested for Python"
        assert found == f"book/01-one.md:2: {message}"

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("return 1", "'return' outside function"),
            ("break", "'break' outside loop"),
            ("def f(a, a): ...", "duplicate argument 'a'"),
            ("from __future__ import nope", "feature nope is not defined"),
        ],
    )
    def test_what_parses_but_does_not_compile(self, book, code, message):
        found = book.mistake(make_block(code, "a"))
        assert found.startswith("book/01-one.md:2: syntax error in dlfs/a.py")
        assert message in found

    @pytest.mark.parametrize(
        "text",
        [
            '> ```python file="dlfs/a.py" id="a"\n> x = 1\n> ```',
            '- ```python file="dlfs/a.py" id="a"\n  x = 1\n  ```',
            '1. ```python file="dlfs/a.py" id="a"\n   x = 1\n   ```',
            '```pyton file="dlfs/a.py" id="a"\nx = 1\n```',
            '```text file="dlfs/a.py" id="a"\nx = 1\n```',
            '```file="dlfs/a.py" id="a"\nx = 1\n```',
            '```python .noeval file="dlfs/a.py" id="a"\nx = 1\n```',
            f"<!-- not now\n\n{CLASS}\n\n-->",
        ],
    )
    def test_a_block_cannot_get_lost_unseen(self, book, text):
        assert book.mistake(text).startswith("book/01-one.md:1: ")

    def test_one_mistake_is_one_line(self, book):
        found = book.mistake(
            make_block("class C:\n    x = (", "one"),
            make_block("@extend(C)\ndef f(self): ...", "two"),
            make_block("class C:\n    x = 2", "three", replaces="one"),
        )
        assert found.count("\n") == 0
        assert "'(' was never closed" in found

    def test_a_wrong_replaces_is_one_line_too(self, book):
        found = book.mistake(
            make_block("class C:\n    x = 1", "one", replaces="zero"),
            make_block("@extend(C)\ndef f(self): ...", "two"),
            make_block("class C:\n    x = 2", "three", replaces="one"),
        )
        message = 'replaces="zero": no block above has this id'
        assert found == f"book/01-one.md:1: {message}"

    @pytest.mark.parametrize("code", ["if True:", "class C:", "with a:"])
    def test_extend_below_something_else(self, book, code):
        code = f"{code}\n    @extend(A)\n    def f(self): ..."
        found = book.mistake(CLASS, make_block(code, "b"))
        assert found.startswith("book/01-one.md:9: write @extend(Cls), with")

    def test_all_cannot_be_added_to(self, book):
        found = book.mistake(make_block('__all__ += ["x"]', "a"))
        assert "__all__ is generated" in found

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ("from a import np", "np means something else already"),
            ("def np(): ...", "np means something else already"),
        ],
    )
    def test_a_name_imported_and_something_else(self, book, other, message):
        found = book.mistake(
            make_block("import numpy as np", "a"), make_block(other, "b")
        )
        assert message in found
        assert re.search(r"\(book/01-one.md:[25]\)", found)

    def test_names_that_two_imports_share(self, book):
        code = "import os\nimport os.path\n\nx = os.path"
        assert "import os\nimport os.path\n" in book.make(
            make_block(code, "a")
        )

    @pytest.mark.parametrize(
        ("file", "message"),
        [
            ("dlfs/A.py", "is no module of dlfs/ or tests/"),
            ("dlfs/a/b.py", "cannot both be imported"),
        ],
    )
    def test_a_file_that_hides_another(self, book, file, message):
        assert message in book.mistake(CLASS, make_block("x = 1", "b", file))


class TestChapters:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("---\n\ttitle: x\n---", "2: the front matter is not YAML"),
            ('---\ntitle: "x\n---', "the front matter is not YAML"),
            ("---\na: b\ntitle: x: y\n---", "3: the front matter is not YAML"),
            ("---\n- a\n---", "1: the front matter has title"),
            ("---\njupytext: 3\n---", "1: the front matter has title"),
            ('```python caption="\\ud800"\n1\n```', "1: cannot read"),
        ],
    )
    def test_what_jupytext_chokes_on(self, book, text, message):
        assert message in book.mistake(text)

    def test_an_empty_chapter(self, book):
        book.chapter("01-one")
        assert book.chapters("pair", "--ipynb").code == 0

    def test_a_demonstration_too_deep_for_the_parser(self, book):
        book.chapter("01-one", make_cell(DEEP, expect="ValueError"))
        outcome = book.chapters("pair")
        assert outcome.code == 1
        assert outcome.err.startswith("book/01-one.md:2: syntax error")

    def test_a_demonstration_that_exits(self, book):
        code = "raise SystemExit(3)"
        book.chapter("01-one", make_cell(code, expect="SystemExit"), "Text.")
        book.chapters("pair")
        done = subprocess.run(
            [sys.executable, book.root / "book/py/01-one.py"],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, "SystemExit: 3\n")

    def test_files_of_an_editor(self, book):
        book.chapter("01-one", CLASS)
        (book.root / "book/.#01-one.md").symlink_to("me@here.123")
        book.write("book/.01-one.md.swp", "\0")
        assert book.tangle().code == 0

    def test_no_chapters(self, book):
        (book.root / "book").mkdir()
        outcome = book.tangle()
        assert outcome.code == 1
        assert outcome.err.startswith("book:1: there are no chapters")


class TestDisk:
    def test_all_files_are_written_or_none(self, book):
        book.chapter("01-one", CLASS, make_block("x = 1", "t", "tests/a.py"))
        (book.root / "tests").write_text("in the way")
        assert book.tangle().code == 1
        (book.root / "tests").unlink()
        (book.root / f"tests/.a.py.{os.getpid()}.tmp").mkdir(parents=True)
        outcome = book.tangle()
        assert outcome.code == 1
        assert outcome.err.startswith("tests/a.py:1: cannot be written: ")
        assert list((book.root / "dlfs").iterdir()) == []

    def test_a_script_that_cannot_be_written(self, book):
        book.chapter("01-one", CLASS)
        (book.root / "book/py").write_text("in the way")
        outcome = book.chapters("pair")
        assert outcome.code == 1
        assert "book/py/01-one.py:1: cannot be" in outcome.err

    @pytest.mark.parametrize(
        ("change", "line"),
        [
            (lambda text: text.replace("Made", "Mine", 1), 1),
            (lambda text: text[:-1], 8),
            (lambda text: "", 1),
        ],
    )
    def test_the_line_of_a_hand_edit(self, book, change, line):
        book.make(CLASS)
        book.write("dlfs/a.py", change(book.read("dlfs/a.py")))
        assert book.tangle().err.startswith(f"dlfs/a.py:{line}: edited by")


class TestCommands:
    @pytest.mark.parametrize("number", [-1, 2, 99])
    def test_until_a_chapter_that_is_not_there(self, book, number):
        book.chapter("01-one", CLASS)
        out = book.root / "out"
        outcome = book.tangle("--until", number, "--out", out)
        assert outcome.code == 1
        assert "book:1: there is no chapter" in outcome.err
        assert not out.exists()

    def test_a_snapshot_inside_the_package(self, book):
        book.chapter("01-one", CLASS)
        out = book.root / "dlfs/snapshot"
        outcome = book.tangle("--until", 1, "--out", out)
        assert outcome.code == 1
        assert "is inside dlfs/" in outcome.err
        assert not out.exists()

    def test_a_snapshot_may_be_called_run(self, book, monkeypatch):
        monkeypatch.chdir(book.root)
        book.chapter("01-one", CLASS)
        assert book.tangle("--out", "run", "--until", 1).code == 0
        assert (book.root / "run/dlfs/a.py").exists()

    @pytest.mark.parametrize(
        "arguments", [["--until", "1", "--out", "o"], ["where", "a:1"]]
    )
    def test_check_stands_alone(self, book, arguments):
        with pytest.raises(SystemExit):
            book.tangle("--check", *arguments)

    def test_where_with_a_name_too_long(self, book):
        book.chapter("01-one", CLASS)
        outcome = book.tangle("where", "a" * 5000 + ":1")
        assert outcome.err.endswith("the book makes 0 lines of this file\n")

    @pytest.mark.parametrize("jobs", ["0", "-3", "x"])
    def test_a_strange_number_of_jobs(self, book, jobs):
        with pytest.raises(SystemExit) as stop:
            book.chapters("run", "--jobs", jobs)
        assert stop.value.code == 2

    def test_a_terminal_without_the_letters(self, book):
        book.chapter("01-one", make_block('x = "é"', "a"))
        done = run_tangle(
            "--check",
            "--root",
            book.root,
            environment={"PYTHONIOENCODING": "ascii"},
        )
        assert '+x = "\\xe9"' in done.stdout
        assert "1 files differ" in done.stderr

    def test_a_reader_who_stops(self, book):
        lines = "\n".join(f"x{n} = {n}" for n in range(4_000))
        book.chapter("01-one", make_block(lines, "a"))
        read, write = os.pipe()
        os.close(read)
        done = run_tangle("--check", "--root", book.root, stdout=write)
        os.close(write)
        assert done.returncode == 1
        assert "1 files differ" in done.stderr
        assert "Error" not in done.stderr


def run_tangle(*arguments, environment=None, stdout=subprocess.PIPE):
    """Run scripts/tangle.py as a process of its own."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts/tangle.py", *arguments],
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
