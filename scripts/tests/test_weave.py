"""Tests of the weaver, by small books. Kernels run where nbclient is.

To start one takes a second, so most books here are run by `run_here`.
"""

import functools
import io
import json
import re

import pytest
from books import Book, make_block, make_cell

from bookkit.read.chapters import BookError, read_book
from bookkit.run import cache, kernels, testruns
from bookkit.run.testruns import BlockTests, ChapterTests, Result
from bookkit.tangle.output import tangle
from bookkit.weave import book as weave
from bookkit.weave.pages import Site, make_page, make_text

# Without it another `dlfs` that is installed would be found first.
PACKAGE = make_block('"""Package."""', "package", file="dlfs/__init__.py")
CONDITIONS = {"machine": "M", "python": "P", "numpy": "N", "blas": "B"}
FIGURE = """\
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.show()"""


@pytest.fixture
def jupyter():
    """Skip a test where no kernel can be started."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")


def stream(text, name="stdout"):
    """An output as nbformat has it."""
    return {"output_type": "stream", "name": name, "text": text}


def page_of(book, *outputs, number=-1, tests=None):
    """The page of the last chapter, with these outputs in its live cells."""
    chapters = read_book(book.root / "book")
    site, tests = Site(tangle(chapters)), tests or ChapterTests("", {})
    return make_page(chapters[number], list(outputs), CONDITIONS, site, tests)


def make_tests(passed, skipped=0, seconds=0.0):
    """What came of a block with one test."""
    return BlockTests([Result("test_a", "", passed, skipped)], seconds)


def weave_book(book, *arguments):
    """Weave a book into its folder "out"; return the outcome."""
    folder = book.root / "out"
    return book.run(weave.main, ["--markdown", folder, *arguments])


def runs(outcome):
    """The chapters that ran, in order."""
    return sorted(re.findall(r"(\d\d)-\w+: ran", outcome.out))


class TestPage:
    def test_has_outputs_below_their_cells(self, book):
        book.chapter("01-one", "# One", make_cell("print(1)"), "Two.")
        assert page_of(book, [stream("1 < 2\n")]).text == (
            '---\ntitle: "1. One"\nminutes: 5\n---\n\n# One\n\n'
            "```python\nprint(1)\n```\n\n"
            '<pre class="dlfs-output" tabindex="0">1 &lt; 2</pre>\n\nTwo.\n'
        )

    def test_a_line_of_output_that_no_screen_holds_may_wrap(self, book):
        book.chapter("01-one", make_cell("print(1)"), make_cell("print(2)"))
        long, short = [stream("a\n" + "b" * 89)], [stream("b" * 88 + "\na")]
        text = page_of(book, long, short).text
        assert '<pre class="dlfs-output dlfs-long" tabindex="0">a\nb' in text
        assert '<pre class="dlfs-output" tabindex="0">bbb' in text

    def test_keeps_fences_and_escapes_out_of_outputs(self, book):
        book.chapter("01-one", make_cell("print(1)"))
        text = page_of(book, [stream("```\n\x1b[31mred\x1b[0m\n```\n")]).text
        assert "&#96;&#96;&#96;\nred\n&#96;&#96;&#96;</pre>" in text

    def test_shows_the_message_of_an_expected_error(self, book):
        book.chapter("01-one", make_cell("int('a')", expect="ValueError"))
        error = {
            "output_type": "error",
            "ename": "ValueError",
            "evalue": "no <int>",
            "traceback": [],
        }
        text = page_of(book, [error]).text
        assert '<pre class="dlfs-output dlfs-error" ' in text
        assert ">ValueError: no &lt;int&gt;</pre>" in text

    def test_says_where_timings_were_measured(self, book):
        cell = make_cell("print(1)", tags=["timing"])
        book.chapter("01-one", cell, make_cell("print(2)"))
        text = page_of(book, [stream("1")], [stream("2")]).text
        assert text.count("Measured on M, with Python P, NumPy N") == 1

    def test_wants_a_figure_described(self, book):
        book.chapter("01-one", "# One", make_cell("draw()"))
        figure = {
            "output_type": "display_data",
            "data": {"image/svg+xml": "<svg/>"},
        }
        with pytest.raises(BookError, match=r"^book/01-one\.md:3: draws"):
            page_of(book, [figure])

    def test_shows_nothing_but_text_and_drawings(self, book):
        book.chapter("01-one", "# One", make_cell("draw()", alt="A"))
        picture = {"output_type": "display_data", "data": {"image/png": ""}}
        with pytest.raises(BookError, match=r"^book/01-one\.md:3: shows im"):
            page_of(book, [picture])

    def test_names_figures_by_chapter_and_number(self, book):
        book.chapter(
            "01-one", make_cell("draw()", alt="A [line]", caption="C")
        )
        figure = {
            "output_type": "display_data",
            "data": {"image/svg+xml": "<svg/>"},
        }
        page = page_of(book, [figure, figure])
        assert list(page.figures) == [
            "figures/01-one-1.svg",
            "figures/01-one-2.svg",
        ]
        assert r"![A \[line\]](figures/01-one-2.svg)" in page.text
        assert "<figcaption>C</figcaption>" in page.text

    def test_numbers_the_title_from_the_front_matter(self, book):
        front = '---\ntitle: "Ends: and means"\n---'
        book.chapter("02-two", front, "# Two")
        assert page_of(book).text.startswith(
            '---\ntitle: "2. Ends: and means"\nminutes: 5\n---\n\n# Two'
        )


class TestBar:
    def test_names_the_file_and_what_is_added(self, book):
        code = "class A:\n    x = 1\n\n\ndef f():\n    pass\n\n\nB = 1"
        book.chapter("01-one", make_block(code, "some"))
        text = page_of(book, []).text
        assert '<div class="dlfs-bar" id="code-some" markdown="1">' in text
        link = "[`dlfs/a.py`](code/dlfs/a.md#some)"
        assert f"{link} · adds `A`, `f`, `B` [#](#code-some)" in text

    def test_names_methods_with_their_class(self, book):
        book.chapter(
            "01-one",
            make_block("class A:\n    x = 1", "a"),
            make_block("@extend(A)\ndef f(self):\n    pass", "f"),
        )
        assert "adds `A.f` " in page_of(book, [], []).text

    @pytest.mark.parametrize(
        "code, words",
        [
            ("import math", " · imports [#]"),
            ('import sys\nsys.argv[0] = "b"', " · imports [#]"),
            ("TABLE |= {}\nTABLE |= {1: 2}", " · adds to `TABLE` [#]"),
            ('"""A docstring."""', "(code/dlfs/a.md#two) [#]"),
        ],
    )
    def test_says_what_adds_no_name(self, book, code, words):
        first = make_block("TABLE = {}", "one", "dlfs/b.py")
        book.chapter("01-one", first, make_block(code, "two"))
        assert f"{words}(#code-two)" in page_of(book, [], []).text

    def test_of_a_replacement_shows_what_changed(self, book):
        old, new = "def f():\n    return 1", "def f():\n    return 2"
        book.chapter("01-one", make_block(old, "old"))
        book.chapter("02-two", make_block(new, "new", replaces="old"))
        text = page_of(book, []).text
        assert "replaces [`old` of chapter 1](01-one.md#code-old)" in text
        assert "```diff\n" in text
        assert "-    return 1\n+    return 2\n```" in text

    def test_of_what_is_replaced_leads_to_the_new_block(self, book):
        old, new = "def f():\n    return 1", "def f():\n    return 2"
        book.chapter("01-one", make_block(old, "old"))
        book.chapter("02-two", make_block(new, "new", replaces="old"))
        text = page_of(book, [], number=0).text
        assert "replaced in [`new` of chapter 2](02-two.md#code-new)" in text
        assert "`dlfs/a.py` · adds" in text  # it has no place there now

    def test_leads_to_the_reference_for_what_is_public(self, book):
        code = """\
class A:
    \"\"\"A class.\"\"\"


def f():
    pass


def _g():
    \"\"\"Hidden.\"\"\""""
        book.chapter(
            "01-one",
            make_block(code, "a"),
            make_block('@extend(A)\ndef h(self):\n    """Do."""', "h"),
        )
        text = page_of(book, [], []).text
        assert "adds [`A`](api/a.md#dlfs.a.A), `f`, `_g` [#]" in text
        assert "adds [`A.h`](api/a.md#dlfs.a.A.h) [#]" in text

    def test_says_how_many_tests_passed(self, book):
        test = "def test_one():\n    assert True"
        file = "tests/test_a.py"
        book.chapter("01-one", make_block(test, "t", file=file))
        for found, said in (
            ((1, 0, None), "1 test passed"),
            ((12, 0, 0.0312), "12 tests passed in 31 ms"),
            ((2, 1, 1.26), "2 tests passed in 1.3 s, 1 skipped here"),
            ((0, 3, 0.1), "3 skipped here"),
        ):
            tests = ChapterTests("key", {"t": make_tests(*found)})
            text = page_of(book, tests=tests).text
            assert f'<span class="dlfs-passed">{said}</span>' in text
            assert "timed" not in text

    def test_says_where_tests_were_timed(self, book):
        test = "def test_one():\n    assert True"
        file = "tests/test_a.py"
        book.chapter("01-one", make_block(test, "t", file=file))
        tests = ChapterTests("", {"t": make_tests(1)}, False, CONDITIONS)
        assert "Tests timed on M, with" in page_of(book, tests=tests).text

    def test_is_above_a_test_which_does_not_run_here(self, book):
        test = "def test_one():\n    assert True"
        book.chapter(
            "01-one",
            make_block(test, "t", file="tests/test_a.py"),
            make_cell("print(1)"),
        )
        text = page_of(book, [stream("1")]).text
        link = "[`tests/test_a.py`](code/tests/test_a.md#t)"
        assert f"{link} [#](#code-t)" in text
        assert text.index("test_one():") < text.index(">1</pre>")


class TestFolds:
    FILE = "tests/test_a.py"
    CODE = "class TestA:\n    def test_b(self):\n        assert True"

    def fold_of(self, text):
        """The summary and the content of the only fold on a page."""
        (found,) = re.findall(
            '<details class="dlfs-source" markdown="1"><summary>(.*)</summary>'
            "\n\n(.*?)\n\n</details>",
            text,
            re.DOTALL,
        )
        return found

    def test_of_tests_hold_their_source(self, book):
        book.chapter("01-one", make_block(self.CODE, "t", file=self.FILE))
        text = page_of(book).text
        source = f"```python\n{self.CODE}\n```"
        assert self.fold_of(text) == ("Source, 3 lines", source)
        assert " · adds `TestA` [#](#code-t)" in text

    def test_stand_below_the_names_of_the_tests(self, book):
        book.chapter("01-one", make_block(self.CODE, "t", file=self.FILE))
        results = [
            Result("test_two_are_more", "TestA", 2),
            Result("test_some", "TestA", 1, 1, "no <x>"),
            Result("test_other", "", 0, 1, "no y"),
        ]
        tests = ChapterTests("", {"t": BlockTests(results)})
        text = page_of(book, tests=tests).text
        tick = "- <b>✓</b>"
        assert (
            "- <i>\N{EN DASH}</i> other "
            "<small>skipped here: no y</small>\n\n"
            f"`TestA`\n\n{tick} two are more <small>2&nbsp;cases</small>\n"
            f"{tick} some <small>2&nbsp;cases, 1 skipped here: no &lt;x&gt;"
            "</small>\n\n</div>\n\n<details"
        ) in text

    def test_of_imports_name_the_modules(self, book):
        code = "import os\nfrom math import (\n    pi,\n    tau,\n)"
        book.chapter("01-one", make_cell(code), make_cell("import os\n1"))
        title, source = self.fold_of(page_of(book, [], []).text)
        assert title == "Imports from <code>os</code>, <code>math</code>"
        assert source == f"```python\n{code}\n```"

    @pytest.mark.parametrize("code", ["%time 1", '"""Text."""', ""])
    def test_do_not_hide_what_imports_nothing(self, book, code):
        book.chapter("01-one", make_cell(code))
        assert "<details" not in page_of(book, []).text

    def test_of_a_block_that_is_replaced_come_before_the_change(self, book):
        book.chapter("01-one", make_block(self.CODE, "t", file=self.FILE))
        new = make_block(
            f"{self.CODE}  # new", "u", file=self.FILE, replaces="t"
        )
        book.chapter("02-two", new)
        text = page_of(book).text
        assert text.index('"dlfs-source"') < text.index('"dlfs-diff"')


class TestText:
    def test_lets_folded_answers_hold_markdown(self):
        text = "<details><summary>Answer 1.1</summary>"
        assert make_text(text).startswith('<details markdown="1"><summary>')

    def test_leaves_fences_as_they_are(self):
        text = "```text\n<details> [a](../b.md)\n```"
        assert make_text(text) == text

    def test_drops_what_a_fence_says_to_jupytext(self):
        text = "```python .noeval\nx\n```"
        assert make_text(text) == "```python\nx\n```"

    def test_links_out_of_the_book_lead_to_the_repository(self):
        text = "See [the README](../README.md#a)."
        assert make_text(text) == "See the README."
        assert make_text(text, "https://h/o/r") == (
            "See [the README](https://h/o/r/blob/main/README.md#a)."
        )


def run_here(root, chapter, snapshot):
    """Stand in for a kernel: run the cells in this process."""
    outputs = []
    for cell in chapter.live_cells:
        printed = io.StringIO()  # not sys.stdout: other threads print, too
        say = functools.partial(print, file=printed)
        exec(cell.source, {"snapshot": snapshot, "print": say})
        text = printed.getvalue()
        outputs.append([stream(text)] if text else [])
    return outputs


@pytest.fixture
def no_kernel(jupyter, monkeypatch):
    """Run cells in this process, where they find `snapshot`."""
    monkeypatch.setattr(kernels, "execute", run_here)


@pytest.fixture(scope="module")
def woven(tmp_path_factory):
    """A book of two chapters that kernels have run."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = Book(tmp_path_factory.mktemp("woven"), None)
    code = "def f():\n    return 6"
    doc = make_block('"""What is in it."""', "doc", "dlfs/b.py")
    book.chapter("00-start", PACKAGE, doc, make_block(code, "f"))
    book.chapter(
        "01-one",
        "# One",
        make_cell("from dlfs.a import f\n\nprint(f() * 7)\nf()"),
        make_cell("int('a')", expect="ValueError"),
        make_cell(FIGURE, alt="A line"),
    )
    assert weave_quietly(book) == 0
    return book


def weave_quietly(book, *arguments):
    """Weave a book whose output nobody reads; return the exit code."""
    out = ["--markdown", str(book.root / "out")]
    return weave.main(["--root", str(book.root), *out, *arguments])


class TestRun:
    def test_shows_what_cells_print_return_and_raise(self, woven):
        text = woven.read("out/01-one.md")
        assert ">42</pre>" in text
        assert ">6</pre>" in text
        assert ">ValueError: invalid literal" in text
        assert "<svg" in woven.read("out/figures/01-one-1.svg")

    def test_the_docstring_of_a_file_is_no_output(self, woven):
        notebook = woven.read("out/notebooks/00-start.ipynb")
        assert "What is in it." in notebook
        assert "execute_result" not in notebook
        assert "dlfs-output" not in woven.read("out/00-start.md")

    def test_writes_a_notebook_with_outputs(self, woven):
        nbformat = pytest.importorskip("nbformat")
        notebook = json.loads(woven.read("out/notebooks/01-one.ipynb"))
        nbformat.validate(notebook)
        printed = [
            [each["output_type"] for each in cell["outputs"]]
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
        assert printed[:2] == [[], ["stream", "execute_result"]]

    def test_makes_the_same_bytes_twice(self, woven):
        files = ["01-one.md", "figures/01-one-1.svg", "notebooks/01-one.ipynb"]
        before = [woven.read(f"out/{file}") for file in files]
        for path in (woven.root / cache.CACHE).glob("01-one-*"):
            path.unlink()
        assert weave_quietly(woven, "--chapter", "1") == 0
        assert [woven.read(f"out/{file}") for file in files] == before

    @pytest.mark.usefixtures("no_kernel")
    def test_runs_again_exactly_what_a_change_reaches(self, book):
        look = "print((snapshot / 'dlfs/a.py').read_text())"
        book.chapter("01-one", PACKAGE, make_block("X = 1", "x"))
        book.chapter("02-two", make_block("Y = 1", "y", file="dlfs/b.py"))
        book.chapter("03-three", make_cell(look))
        assert runs(weave_book(book)) == ["01", "02", "03"]
        assert runs(weave_book(book)) == []
        book.chapter("02-two", "Words.", book_block("Y = 1"))
        assert runs(weave_book(book)) == []
        book.chapter("02-two", "Words.", book_block("Y = 2"))
        assert runs(weave_book(book)) == ["02", "03"]
        book.chapter("01-one", PACKAGE, make_block("X = 5", "x"))
        assert runs(weave_book(book)) == ["01", "02", "03"]
        assert "X = 5" in book.read("out/03-three.md")

    @pytest.mark.usefixtures("jupyter")
    def test_stops_at_the_line_of_an_error(self, book):
        code = 'def f(x):\n    """Fail."""\n    return 1 / x'
        book.chapter("01-one", make_block(code, "f"), PACKAGE)
        book.chapter(
            "02-two",
            "# Two",
            make_cell("from dlfs.a import f"),
            make_cell("x = 0\nf(x)"),
            make_cell("print(1)"),
        )
        outcome = weave_book(book, "--chapter", "2")
        assert outcome.code == 1
        first, *rest = outcome.err.splitlines()
        assert first == "book/02-two.md:9: ZeroDivisionError: division by zero"
        assert "    -> book/01-one.md:4 (f)" in rest
        assert not (book.root / "out/02-two.md").exists()

    def test_a_function_of_an_earlier_cell_fails_at_its_own_line(self, book):
        pytest.importorskip("nbclient")
        pytest.importorskip("ipykernel")
        book.chapter(
            "01-one",
            make_cell("def f(x):\n    y = x\n    return 1 / y"),
            make_cell("f(0)"),
        )
        outcome = weave_book(book)
        first = outcome.err.splitlines()[0]
        assert first == "book/01-one.md:4: ZeroDivisionError: division by zero"

    def test_stops_where_the_expected_error_does_not_come(self, book):
        mistake = self.mistake_of(book, [])
        assert mistake == (
            "book/01-one.md:1: expected ValueError, but nothing was raised"
        )

    def test_stops_where_another_error_comes(self, book):
        error = {
            "output_type": "error",
            "ename": "ZeroDivisionError",
            "evalue": "division by zero",
            "traceback": ["Cell In[2], line 1\n----> 1 1 / 0"],
        }
        assert self.mistake_of(book, [error]).startswith(
            "book/01-one.md:2: expected ValueError, but there was "
            "ZeroDivisionError: division by zero"
        )

    def mistake_of(self, book, outputs):
        """The mistake in a cell that should raise but has these outputs."""
        book.chapter("01-one", make_cell("1 / 0", expect="ValueError"))
        (chapter,) = read_book(book.root / "book")
        (cell,) = chapter.live_cells
        with pytest.raises(BookError) as found:
            kernels.check_error(book.root, chapter, cell, outputs)
        return str(found.value)

    @pytest.mark.usefixtures("no_kernel")
    def test_deletes_what_it_no_longer_makes_and_nothing_else(self, book):
        book.chapter("01-one", make_cell("print(1)"))
        book.chapter("02-two", "# Two")
        weave_book(book)
        book.write("out/mine.md", "# Mine")
        (book.root / "book/02-two.md").unlink()
        weave_book(book)
        assert not (book.root / "out/02-two.md").exists()
        assert not (book.root / "out/notebooks/02-two.ipynb").exists()
        assert book.read("out/mine.md") == "# Mine"

    @pytest.mark.usefixtures("no_kernel")
    def test_leaves_the_hidden_files_of_editors_alone(self, book):
        """Emacs notes who edits a file in a link that leads nowhere."""
        book.chapter("01-one", "# One")
        book.write("book/glossary.md", "# Words")
        (book.root / "book/.#glossary.md").symlink_to("me@here.1:2")
        weave_book(book)
        assert (book.root / "out/glossary.md").exists()
        assert not (book.root / "out/.#glossary.md").exists()


def book_block(code):
    """The block of chapter 2 in the test of the cache."""
    return make_block(code, "y", file="dlfs/b.py")


@pytest.mark.usefixtures("no_kernel")
class TestRecord:
    CODE = "import time\n\nprint(time.perf_counter_ns())"

    def test_shows_recorded_timings_until_the_code_changes(self, book):
        book.chapter("01-one", make_cell(self.CODE, tags=["timing"]))
        outcome = book.run(weave.main, ["--record"])
        assert outcome.code == 0
        recorded = json.loads(book.read("book/runs/timings/01-one.json"))
        (outputs,) = recorded["cells"].values()
        text = f">{outputs[0]['text'].strip()}</pre>"
        weave_book(book)
        assert text in book.read("out/01-one.md")
        code = self.CODE + "\n# changed"
        book.chapter("01-one", make_cell(code, tags=["timing"]))
        assert "not recorded for this code" in weave_book(book).out
        assert text not in book.read("out/01-one.md")

    def test_shows_recorded_times_of_tests_until_they_change(
        self, book, monkeypatch
    ):
        found = [("t", "", "test_a", 0.0312, None)]
        monkeypatch.setattr(testruns, "execute", lambda *_: found)

        def page_with(code):
            block = make_block(code, "t", file="tests/test_a.py")
            book.chapter("01-one", PACKAGE, block)
            weave_book(book)
            return book.read("out/01-one.md")

        code = "def test_one():\n    assert True"
        assert "1 test passed</span>" in page_with(code)
        assert book.run(weave.main, ["--record"]).code == 0
        assert "1 test passed in 31 ms</span>" in page_with(code)
        assert "Tests timed on " in page_with(code)
        assert "1 test passed</span>" in page_with(f"{code}  # changed")

    def test_finds_cells_that_vary_without_a_tag(self, book):
        book.chapter("01-one", "# One", make_cell(self.CODE))
        outcome = book.run(weave.main, ["--record"])
        assert outcome.code == 1
        assert outcome.err.startswith("book/01-one.md:3: prints something")

    def test_names_a_file_that_is_no_recording(self, book):
        book.chapter("01-one", make_cell("print(1)", tags=["timing"]))
        book.write("book/runs/timings/01-one.json", "{")
        outcome = weave_book(book)
        assert outcome.code == 1
        assert "01-one.json:1: is no recording" in outcome.err
