"""Pairs, running chapters, and chapter lines in tracebacks and reports."""

import json
import os
import subprocess
import sys

import pytest
from books import make_block, make_cell

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.tangle import pairs, tracebacks
from bookkit.tangle.tracebacks import ChapterLines, format_exception

SCRIPTS = ROOT / "scripts"
INIT = make_block(
    '''\
"""The package."""


def extend(cls):
    """Add a function to a class."""

    def add(function):
        setattr(cls, getattr(function, "__name__", "size"), function)
        return function

    return add''',
    "init",
    "dlfs/__init__.py",
)
CLASS = make_block(
    'class A:\n    """Doc."""\n\n'
    "    def __init__(self, x):\n        self.x = x",
    "one",
)
METHOD = make_block(
    "from dlfs import extend\nfrom dlfs.a import A\n\n\n"
    "@extend(A)\ndef half(self):\n    return self.x / 0",
    "two",
)
TEST = make_block(
    "from dlfs.a import A\n\n\n"
    "def test_half():\n    assert A(1).half() == 0.5",
    "test-half",
    "tests/test_a.py",
)


@pytest.fixture
def two_chapters(book):
    """A book in which the second chapter breaks the package."""
    book.chapter("00-zero", INIT, CLASS)
    book.chapter("01-one", "# One", METHOD, TEST)
    return book


def run(book, *arguments, cwd=None):
    """Run Python in a process of its own, with the scripts on the path."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd or book.root,
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
    )


class TestPairs:
    def test_a_script_runs_on_the_package_before_its_chapter(self, book):
        book.chapter("00-zero", INIT, CLASS)
        book.chapter(
            "01-one", make_cell("import dlfs.a as a\n\nprint(a.A(3).x)")
        )
        assert book.chapters("pair").code == 0
        done = run(book, "book/py/01-one.py")
        assert (done.stdout, done.stderr) == ("3\n", "")

    def test_the_start_leaves_no_names(self, book):
        book.chapter(
            "00-zero", make_cell("print([n for n in dir() if n[1] != '_'])")
        )
        book.chapters("pair")
        assert run(book, "book/py/00-zero.py").stdout == "[]\n"

    def test_every_line_of_a_cell_has_its_origin(self, book):
        code = "# %% not a cell\na = 1\n\n%matplotlib inline\n!ls\nb = 2"
        wrapped = 'x = """\nkept\n"""\n1 / 0'
        book.chapter(
            "00-zero",
            '---\ntitle: "Zero"\n---',
            "# Text",
            make_cell(code),
            "- %% text",
            make_cell(""),
            make_cell(wrapped, expect="ZeroDivisionError", id="wrong"),
            make_cell("\nc = 3\n"),
        )
        (chapter,) = read_book(book.root / "book")
        source = book.read("book/00-zero.md").split("\n")
        lines = pairs.pair_lines(chapter, "none")
        mapped = [line for line in lines if line.origin]
        for line in mapped:
            origin = source[line.origin.line - 1]
            assert line.text.strip().removeprefix(
                "# "
            ) == origin.strip().removeprefix("# ")
        copied = {line.origin.line for line in mapped}
        for cell in chapter.code_cells:
            count = len(cell.source.rstrip("\n").split("\n"))
            assert (
                copied >= set(range(cell.line, cell.line + count))
                or not cell.source
            )

    def test_tests_are_shown_but_do_not_run(self, book):
        book.chapter("00-zero", INIT, CLASS, TEST)
        book.chapters("pair", "--ipynb")
        assert run(book, "book/py/00-zero.py").stderr == ""
        assert "# def test_half():" in book.read("book/py/00-zero.py")
        cells = json.loads(book.read("book/ipynb/00-zero.ipynb"))["cells"]
        kinds = [cell["cell_type"] for cell in cells]
        assert kinds == ["code", "code", "markdown"]

    def test_a_second_pair_writes_nothing(self, book):
        book.chapter("00-zero", INIT)
        book.chapters("pair", "--ipynb")
        files = list((book.root / "book").rglob("*.*"))
        before = [path.stat().st_mtime_ns for path in files]
        book.chapters("pair", "--ipynb")
        assert [path.stat().st_mtime_ns for path in files] == before

    def test_a_notebook(self, book):
        book.chapter("00-zero", INIT)
        book.chapter("01-one", make_cell("1 / 0", expect="ZeroDivisionError"))
        book.chapters("pair", "1", "--ipynb")
        cells = json.loads(book.read("book/ipynb/01-one.ipynb"))["cells"]
        assert "sys.path.insert" in "".join(cells[1]["source"])
        assert cells[2]["source"] == ["1 / 0"]
        assert cells[2]["metadata"]["tags"] == ["raises-exception"]

    def test_a_syntax_error_names_the_chapter(self, book):
        book.chapter("00-zero", "text", make_cell("a = 1\nb = ("))
        outcome = book.chapters("pair")
        assert outcome.code == 1
        assert outcome.err.startswith("book/00-zero.md:5: syntax error")

    def test_an_unknown_chapter(self, book):
        book.chapter("00-zero", INIT)
        with pytest.raises(SystemExit, match="there is no chapter 07"):
            book.chapters("pair", "7")


class TestExpect:
    def script(self, book, code, name="ValueError"):
        book.chapter(
            "00-zero", make_cell(code, expect=name), make_cell("print(2)")
        )
        book.chapters("pair")
        return run(book, "book/py/00-zero.py")

    def test_the_script_goes_on(self, book):
        done = self.script(book, 'raise ValueError("no")')
        assert (done.stdout, done.returncode) == ("ValueError: no\n2\n", 0)

    def test_an_imported_class(self, book):
        code = "import json\n\njson.loads('')"
        assert self.script(book, code, "JSONDecodeError").returncode == 0

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("1", "expected ValueError, but nothing was raised"),
            ("1 / 0", "expected ValueError, but ZeroDivisionError was raised"),
            ("b''.decode(1)", "expected ValueError, but TypeError was raised"),
            (
                "b'\\xff'.decode()",
                "expected ValueError, but UnicodeDecodeError was raised",
            ),
        ],
    )
    def test_anything_else_is_an_error(self, book, code, message):
        done = self.script(book, code)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"AssertionError: book/00-zero.md:1: {message}")


class TestRun:
    def test_chapters_run_and_tests_pass(self, book):
        book.chapter("00-zero", INIT, CLASS)
        book.chapter("01-one", METHOD.replace("/ 0", "/ 2"), TEST)
        outcome = book.chapters("run", "--jobs", 1)
        lines = outcome.out.splitlines()
        assert outcome.code == 0, outcome.out
        assert lines[0].startswith("00-zero: 2 cells ran in ")
        assert lines[0].endswith("snapshot: no tests to run")
        assert lines[1].startswith("01-one: 1 cells ran in ")
        assert "; snapshot: 1 tests passed in " in lines[1]
        assert lines[2] == "2 chapters ran, 1 tests passed, 0 failed"

    def test_without_cells_only_the_tests_run(self, two_chapters):
        outcome = two_chapters.chapters("run", "--no-cells")
        assert "cells" not in outcome.out and "tests passed" in outcome.out

    def test_failures_have_chapter_lines(self, two_chapters):
        outcome = two_chapters.chapters("run", "1")
        assert outcome.code == 1
        assert "snapshot: 0 tests passed, 1 FAILED" in outcome.out
        assert "-> book/01-one.md:10 (two)" in outcome.out
        assert "-> book/01-one.md:18 (test-half)" in outcome.out
        assert outcome.out.endswith(
            "1 chapters ran, 0 tests passed, 1 failed\n"
        )

    def test_a_snapshot_that_cannot_be_imported(self, book):
        book.chapter(
            "00-zero", INIT, make_block("import nothing_like_this", "b")
        )
        outcome = book.chapters("run")
        assert outcome.code == 1
        assert "0 cells" not in outcome.out
        assert "snapshot: imports FAILED" in outcome.out
        assert "No module named 'nothing_like_this'" in outcome.out

    def test_a_mistake_in_a_later_chapter_does_not_matter(self, book):
        book.chapter("00-zero", INIT)
        book.chapter("01-one", "~~~python\n~~~")
        assert book.chapters("run", "0").code == 0
        outcome = book.chapters("run", "1")
        assert outcome.code == 1
        assert outcome.err.startswith("book/01-one.md:1: ")


class TestTracebacks:
    def fail(self, book):
        """Run a program that fails in the package, with the hook."""
        book.tangle()
        book.write(
            "program.py",
            f"import sys\n\nsys.path.append({str(SCRIPTS)!r})\n"
            "from bookkit.tangle import tracebacks\n"
            "tracebacks.install_traceback_hook('.')\n"
            "import dlfs.a\n\ntry:\n    dlfs.a.A(1).half()\n"
            "except ZeroDivisionError as error:\n"
            "    raise ExceptionGroup('all', [error]) from error\n",
        )
        return run(book, "program.py")

    def test_each_frame_has_its_chapter_line(self, two_chapters):
        done = self.fail(two_chapters)
        lines = done.stderr.splitlines()
        assert done.returncode == 1
        assert lines[1].endswith('program.py", line 9, in <module>')
        arrows = [
            line for line in lines if "-> book/01-one.md:10 (two)" in line
        ]
        assert len(arrows) == 2  # in the cause and in the group

    def test_a_broken_book_gives_the_ordinary_traceback(self, two_chapters):
        two_chapters.tangle()
        two_chapters.chapter("00-zero", "~~~python\n~~~")
        path = str(two_chapters.root / "dlfs" / "a.py")
        assert ChapterLines(two_chapters.root).arrow(path, 14) == ""

    def test_a_changed_file_gets_no_chapter_line(self, two_chapters):
        two_chapters.tangle()
        path = two_chapters.root / "dlfs" / "a.py"
        lines = path.read_text().splitlines()
        line = lines.index("        self.x = x") + 1
        found = ChapterLines(two_chapters.root).arrow(str(path), line)
        assert found == "    -> book/00-zero.md:20 (one)"
        path.write_text(path.read_text() + "# more\n")
        assert ChapterLines(two_chapters.root).arrow(str(path), line) == ""

    def test_snapshots_have_chapter_lines_of_their_own(self, two_chapters):
        folder = two_chapters.root / "elsewhere"
        two_chapters.tangle("--until", 0, "--out", folder)
        path = folder / "dlfs" / "a.py"
        line = path.read_text().splitlines().index("        self.x = x") + 1
        found = ChapterLines(two_chapters.root).arrow(str(path), line)
        assert found == "    -> book/00-zero.md:20 (one)"

    def test_without_a_book_there_is_an_ordinary_traceback(
        self, two_chapters, monkeypatch
    ):
        two_chapters.tangle()
        monkeypatch.setattr(tracebacks, "read_chapter", None)
        text = format_exception(ValueError("x"), two_chapters.root)
        assert text == "ValueError: x\n"
        path = str(two_chapters.root / "dlfs" / "a.py")
        assert ChapterLines(two_chapters.root).arrow(path, 14) == ""

    def test_the_hook_survives_its_own_failure(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.setattr(tracebacks, "format_exception", None)
        tracebacks.install_traceback_hook("nowhere")
        sys.excepthook(ValueError, ValueError("x"), None)
        assert capsys.readouterr().err == "ValueError: x\n"

    def test_loading_the_hook_loads_nothing_large(self):
        names = "{'jupytext', 'nbformat', 'yaml'}"
        code = (
            f"import sys, tangle; sys.exit(bool({names} & {{*sys.modules}}))"
        )
        assert run(None, "-c", code, cwd=SCRIPTS).returncode == 0


class TestPytestPlugin:
    def report(self, book, *styles) -> list[str]:
        """Run the tests of a book with the plugin, once in each style."""
        book.tangle()
        options = ["-p", "no:cacheprovider", "tests"]
        options += ["-p", "bookkit.run.pytest_chapters"]
        options += ["--chapters-root", book.root, "--rootdir", book.root]
        code = (
            "import sys, pytest\n"
            "for style in sys.argv[1].split():\n"
            "    pytest.main([f'--tb={style}', *sys.argv[2:]])\n"
            "    print('NEXT STYLE')"
        )
        done = run(book, "-c", code, " ".join(styles), *options)
        return done.stdout.split("NEXT STYLE")[:-1]

    def test_each_entry_has_its_chapter_line(self, two_chapters):
        outs = self.report(two_chapters, "long", "short", "auto")
        assert len(outs) == 3
        for out in outs:
            assert out.count("-> book/01-one.md:10 (two)") == 1
            assert out.count("-> book/01-one.md:18 (test-half)") == 1

    def test_a_test_file_that_cannot_be_imported(self, two_chapters):
        text = TEST.replace("from dlfs.a import A", "from dlfs.a import A, B")
        two_chapters.chapter("01-one", METHOD, text)
        (out,) = self.report(two_chapters, "auto")
        assert "-> book/01-one.md:12 (test-half)" in out


class TestSpeed:
    def test_a_large_book_takes_about_a_second(self, book, capsys):
        for chapter in range(30):
            blocks = [f"# Chapter {chapter}"]
            for number in range(40):
                name = f"{chapter}_{number}"
                lines = "".join(f"    x{i} = a * {i}\n" for i in range(8))
                code = f'def f{name}(a):\n    """Doc."""\n{lines}    return x0'
                if number % 4 == 1:
                    code = f"class C{name}:\n    x = 1"
                elif number % 4 == 2:
                    code = f"@extend(C{chapter}_{number - 1})\n{code}"
                file = f"dlfs/module_{chapter % 12}.py"
                blocks += [
                    "Text.",
                    make_block(code, f"b-{chapter}-{number}", file),
                ]
            book.chapter(f"{chapter:02}-chapter", *blocks)
        code = (
            "import sys, time, tangle\n"
            "tangle.main(sys.argv[1:])\n"
            "print(time.process_time())"
        )
        done = run(book, "-c", code, "--root", book.root)
        *_, summary, seconds = done.stdout.splitlines()
        assert "1200 blocks from 30 chapters" in summary
        with capsys.disabled():
            print(f"\n{summary}; {float(seconds):.2f} s of CPU with start-up")
        assert float(seconds) < 3
