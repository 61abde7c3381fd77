"""Edits of generated files that go back into the chapters."""

import re
import shutil

import hypothesis.strategies as st
import pytest
from books import Book, make_block, make_cell
from hypothesis import given
from test_crash import EVERY
from test_properties import books, in_folder, quick

from bookkit import ROOT
from bookkit.read.chapters import BookError, read_book
from bookkit.tangle import back
from bookkit.tangle.back import bring_back
from bookkit.tangle.disk import find_changes, write_output
from bookkit.tangle.output import tangle

CLASS = make_block('class A:\n    """Doc."""\n\n    x = 1', "a")
METHODS = make_block(
    "@extend(A)\ndef f(self):\n    return self.x\n\n\n"
    '# Why.\n@extend(A)\n@property\ndef g(self):\n    """Two."""\n'
    '    return """\nleft\n"""',
    "methods",
)
FUNCTIONS = make_block(
    "import os\n\n\ndef one():\n    return os.sep\n\n\n"
    "def two():\n    return 2",
    "functions",
)
FUNCTIONS_TOP = '"""\n\n\n# book/03-three.md#functions\ndef one'
DOC = make_block('"""The module."""', "doc")


@pytest.fixture
def written(book):
    """A book of three chapters that has been tangled."""
    book.chapter("01-one", "# One", DOC, CLASS, make_cell("print(1)"))
    book.chapter("02-two", "# Two", METHODS)
    book.chapter("03-three", "# Three", FUNCTIONS, "The end.")
    assert book.tangle().code == 0
    return book


def snapshot(root) -> dict:
    """The bytes of all files below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def edit(book: Book, old: str, new: str, file: str = "dlfs/a.py") -> str:
    """Replace the only place of a text in a file; return what it was."""
    path = book.root / file
    text = path.read_bytes().decode()
    assert text.count(old) == 1
    path.write_bytes(text.replace(old, new).encode())
    return text


def assert_back(book: Book, file: str, old: str, new: str) -> None:
    """`--back` only replaces a text in one file, and keeps all in step."""
    before = snapshot(book.root / "book")
    body = book.body("dlfs/a.py")
    outcome = book.tangle("--back")
    assert (outcome.code, outcome.err) == (0, "")
    content = before[file]
    assert content.count(old.encode()) == 1
    before[file] = content.replace(old.encode(), new.encode())
    assert snapshot(book.root / "book") == before
    assert book.body("dlfs/a.py") == body
    assert book.tangle("--check").code == 0


def assert_refused(book: Book, start: str, *parts: str) -> None:
    """`--back` says why not, in one line, and changes nothing."""
    before = snapshot(book.root)
    outcome = book.tangle("--back")
    assert outcome.code == 1
    assert outcome.err.startswith(start)
    for part in parts:
        assert part in outcome.err
    assert outcome.err.count("\n") == 1
    assert snapshot(book.root) == before


class TestEdits:
    def test_a_line_of_a_function(self, written):
        edit(written, "    return 2", "    return 3")
        assert_back(written, "03-three.md", "return 2", "return 3")

    def test_a_line_of_a_method(self, written):
        edit(written, "return self.x", "y = 2\n        return self.x * y")
        old, new = "    return self.x", "    y = 2\n    return self.x * y"
        assert_back(written, "02-two.md", old, new)

    def test_a_line_of_a_class_that_others_extend(self, written):
        edit(written, "    x = 1", "    x = 2\n    y = 3")
        assert_back(written, "01-one.md", "    x = 1", "    x = 2\n    y = 3")

    def test_the_first_line_of_a_method(self, written):
        edit(written, "def f(self):", "def f(self, n=1):")
        assert_back(written, "02-two.md", "def f(self)", "def f(self, n=1)")

    def test_a_line_inside_a_string_is_not_moved(self, written):
        edit(written, "\nleft\n", "\n    right\nleft\n")
        assert_back(written, "02-two.md", "\nleft\n", "\n    right\nleft\n")

    def test_a_decorator_goes_below_extend(self, written):
        edit(written, "    def f(self", "    @staticmethod\n    def f(self")
        edit(written, "    return 2", "    @staticmethod\n    def f(): ...")
        outcome = written.tangle("--back")
        assert outcome.err == ""
        assert "@extend(A)\n@staticmethod\ndef f(self" in written.read(
            "book/02-two.md"
        )

    def test_a_comment_above_a_method(self, written):
        edit(written, "    # Why.", "    # Why,\n    # and how.")
        assert_back(written, "02-two.md", "# Why.", "# Why,\n# and how.")

    def test_a_new_function_below(self, written):
        new = "    return 2\n\n\ndef _three():\n    return 3"
        edit(written, "    return 2", new)
        assert_back(written, "03-three.md", "    return 2", new)

    def test_a_new_function_above(self, written):
        new = "def _zero():\n    return 0\n\n\ndef one():"
        edit(written, "def one():", new)
        assert_back(written, "03-three.md", "def one():", new)

    def test_a_new_method_gets_extend(self, written):
        new = "    def h(self):\n        return '''\na'''\n\n    # Why."
        edit(written, "    # Why.", new)
        new = "@extend(A)\ndef h(self):\n    return '''\na'''\n\n\n# Why."
        assert_back(written, "02-two.md", "# Why.", new)

    def test_a_new_method_at_the_end(self, written):
        edit(written, 'left\n"""', 'left\n"""\n\n    def h(self): ...')
        new = 'left\n"""\n\n\n@extend(A)\ndef h(self): ...'
        assert_back(written, "02-two.md", 'left\n"""', new)

    def test_a_method_less(self, written):
        edit(written, "    def f(self):\n        return self.x\n\n", "")
        old = "@extend(A)\ndef f(self):\n    return self.x\n\n\n"
        assert_back(written, "02-two.md", old, "")

    def test_the_last_method_less(self, written):
        lines = written.read("dlfs/a.py").split("\n")
        start, stop = lines.index("    # Why."), lines.index("left")
        lines[start - 1 : stop + 2] = []
        written.write("dlfs/a.py", "\n".join(lines))
        old = METHODS.partition("\n\n\n# Why.")[2].removesuffix("\n```")
        assert_back(written, "02-two.md", f"\n\n\n# Why.{old}", "")

    def test_the_docstring(self, written):
        new = '"""More.\n\nThe module.\n"""'
        edit(written, '"""The module."""', new)
        assert_back(written, "01-one.md", '"""The module."""', new)


class TestFiles:
    def test_several_edits_in_several_chapters(self, written):
        edit(written, "    x = 1", "    x = 2")
        edit(written, "return self.x", "return -self.x")
        edit(written, "return os.sep", "return os.sep * 2")
        edit(written, "    return 2", "    # Two.\n    return 2")
        body = written.body("dlfs/a.py")
        outcome = written.tangle("--back")
        assert outcome.out.splitlines()[:4] == [
            "dlfs/a.py:13 -> book/01-one.md:11 (a)",
            "dlfs/a.py:17 -> book/02-two.md:6 (methods)",
            "dlfs/a.py:30 -> book/03-three.md:8 (functions)",
            "dlfs/a.py:34 -> book/03-three.md:12 (functions)",
        ]
        assert written.body("dlfs/a.py") == body
        assert written.tangle("--check").code == 0

    def test_the_lines_that_are_printed_are_those_afterwards(self, written):
        edit(written, "    return os.sep", "    a = 1\n    return os.sep")
        edit(written, "    return 2", "    return 3\n    # End.")
        assert written.tangle("--back").out.splitlines()[:2] == [
            "dlfs/a.py:30 -> book/03-three.md:8 (functions)",
            "dlfs/a.py:35 -> book/03-three.md:13 (functions)",
        ]

    def test_no_edits(self, written):
        before = snapshot(written.root)
        outcome = written.tangle("--back")
        assert outcome.out.startswith("no file was edited by hand\nnothing")
        assert snapshot(written.root) == before

    def test_another_chapter_that_changed_is_tangled_too(self, written):
        written.chapter("04-four", make_block("y = 1", "y", "dlfs/b.py"))
        edit(written, "    return 2", "    return 3")
        outcome = written.tangle("--back")
        assert "wrote dlfs/a.py\nwrote dlfs/b.py\n" in outcome.out
        assert written.tangle("--check").code == 0

    def test_the_living_block_gets_the_edit(self, written):
        code = "def one():\n    return 1\n\n\ndef two():\n    return 22"
        new = make_block(code, "new", replaces="functions")
        written.chapter("04-four", new)
        written.tangle()
        edit(written, "    return 22", "    return 3")
        assert_back(written, "04-four.md", "return 22", "return 3")

    def test_a_public_function_enters_all(self, written):
        edit(written, "    return 2", "    return 2\n\n\ndef three(): ...")
        assert written.tangle("--back").code == 0
        assert '__all__ = ["A", "one", "three", "two"]' in written.body(
            "dlfs/a.py"
        )
        assert written.tangle("--check").code == 0

    def test_all_may_be_edited_as_it_will_be(self, written):
        edit(written, '"one", "two"', '"one", "zwei"')
        edit(written, "def two():", "def zwei():")
        assert_back(written, "03-three.md", "def two()", "def zwei()")

    def test_an_import_in_a_block_is_gathered(self, written):
        edit(written, "def one():", "import sys\n\n\ndef one():")
        assert written.tangle("--back").code == 0
        assert "import os\n\n\nimport sys\n\n\ndef one():" in written.read(
            "book/03-three.md"
        )
        assert "\n\nimport os\nimport sys\n\n__all__" in written.body(
            "dlfs/a.py"
        )
        assert written.tangle("--check").code == 0

    def test_tests_are_files_like_others(self, book):
        book.chapter(
            "01-one", make_block("def test(): ...", "t", "tests/a.py")
        )
        book.tangle()
        edit(book, "def test(): ...", "def test():\n    pass", "tests/a.py")
        assert book.tangle("--back").code == 0
        assert "def test():\n    pass\n```" in book.read("book/01-one.md")


class TestBytes:
    def test_line_ends_of_the_chapter_stay(self, written):
        path = written.root / "book/03-three.md"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        edit(written, "    return 2", "    return 3\n    # End.")
        old, new = "return 2\r\n", "return 3\r\n    # End.\r\n"
        assert_back(written, "03-three.md", old, new)

    def test_a_mark_and_tabs_and_no_last_line_end(self, written):
        path = written.root / "book/03-three.md"
        text = path.read_text().replace("The end.\n", "\tThe end.  ")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        edit(written, "    return 2", "    return 3")
        assert_back(written, "03-three.md", "return 2", "return 3")

    def test_a_last_line_without_its_end(self, written):
        edit(written, "    return 2\n", "    return 3")
        assert written.tangle("--back").err == ""
        assert "    return 3\n```" in written.read("book/03-three.md")
        assert written.tangle("--check").code == 0

    def test_line_ends_of_the_edited_file_do_not_matter(self, written):
        path = written.root / "dlfs/a.py"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        edit(written, "    return 2", "    return 3")
        assert_back(written, "03-three.md", "return 2", "return 3")

    def test_the_mode_and_a_link_stay(self, written):
        path = written.root / "book/03-three.md"
        path.chmod(0o640)
        other = written.root / "elsewhere.md"
        path.rename(other)
        path.symlink_to(other)
        edit(written, "    return 2", "    return 3")
        assert written.tangle("--back").code == 0
        assert path.is_symlink()
        assert "return 3" in other.read_text()
        assert other.stat().st_mode & 0o777 == 0o640


class TestRefusals:
    def test_the_chapter_changed_too(self, written):
        edit(written, "    return 2", "    return 3")
        path = written.root / "book/02-two.md"
        path.write_text(path.read_text().replace("self.x", "self.y"))
        assert_refused(written, "dlfs/a.py:", "changed too", "--check")

    def test_prose_may_change(self, written):
        edit(written, "    return 2", "    return 3")
        written.chapter(
            "03-three", "# Three", "A word.", FUNCTIONS, "The end."
        )
        assert_back(written, "03-three.md", "return 2", "return 3")

    def test_the_edit_is_in_the_chapter_already(self, written):
        edit(written, "    return 2", "    return 3")
        path = written.root / "book/03-three.md"
        path.write_text(path.read_text().replace("return 2", "return 3"))
        assert written.tangle("--back").out.startswith("no file was edited")
        assert written.tangle("--check").code == 0

    @pytest.mark.parametrize(
        ("old", "new", "line", "message"),
        [
            ("# book/03-three.md#functions\n", "", 15, "crosses blocks"),
            ("# book/03-three.md#f", "# Mine.", 15, "crosses blocks"),
            (FUNCTIONS_TOP, '"""\n\n\ndef zero', 15, "crosses blocks"),
            ("\n\n\n# book/03", "\n\n# book/03", 27, 'makes this line ""'),
            ("\n\n\n# book/03", "\n\n\n\n# book/03", 28, 'line "# book/03'),
            ("import os", "import os, sys", 4, "the block that needs it"),
            (
                "import os\n",
                "import os\nimport re\n",
                5,
                "the block that needs it",
            ),
            ("import os\n", "", 4, "blocks: undo this and, after --back"),
            ('"A", ', "", 6, "edit the block that needs it"),
            ("return 2", "return (", 34, "syntax error: '(' was never"),
            ("return 2", "return 2\n", 35, "makes this line missing"),
            ("return 2", "'''\n```\n'''", 34, "cannot hold this edit"),
            ("return 2", "return 2 \x0c#", 34, "control character"),
            ("    # Why.", "    z = 1\n    # Why.", 15, "only methods of A"),
            ("    # Why.", "z = 1\n\n    # Why.", 22, "syntax error"),
            ("def one():", "x: int\n\n\ndef A():", 29, "A is defined already"),
            ("def one():", "__all__ = []\n\n\ndef one():", 29, "generated"),
            (
                "# Made",
                "# Mine",
                1,
                'makes this line "# Made from book/ by scripts/tangle.py',
            ),
        ],
    )
    def test_what_no_block_can_hold(self, written, old, new, line, message):
        text = written.read("dlfs/a.py")
        written.write("dlfs/a.py", text.replace(old, new, 1))
        assert_refused(written, f"dlfs/a.py:{line}: ", message)

    def test_a_file_without_blocks(self, book):
        book.make(
            make_block("def f(): ...", "f", "dlfs/a/one.py"),
            file="dlfs/a/__init__.py",
        )
        edit(book, "import f", "import f as g", "dlfs/a/__init__.py")
        assert_refused(book, "dlfs/a/__init__.py:4: imports and __all__ are")

    def test_a_method_that_ends_its_class(self, written):
        edit(
            written,
            'left\n"""\n',
            'left\n"""\n\n\ndef three():\n    return 3\n',
        )
        assert_refused(written, "dlfs/a.py:15: only methods of A")

    def test_a_block_that_is_emptied(self, written):
        text = written.read("dlfs/a.py")
        written.write("dlfs/a.py", text[: text.index("def one")])
        assert_refused(written, "dlfs/a.py:", "makes this line missing")

    def test_a_letter_that_is_not_utf8(self, written):
        path = written.root / "dlfs/a.py"
        path.write_bytes(path.read_bytes() + b"# \xff\n")
        assert_refused(written, "dlfs/a.py:35: the book", "not UTF-8")

    def test_one_bad_edit_keeps_the_good_one_out(self, written):
        written.chapter("04-four", make_block("y = 1", "y", "dlfs/b.py"))
        written.tangle()
        edit(written, "    return 2", "    return 3")
        edit(written, "y = 1", "y = (", "dlfs/b.py")
        assert_refused(written, "dlfs/b.py:7: syntax error")

    def test_a_book_with_a_mistake(self, written):
        edit(written, "    return 2", "    return 3")
        written.chapter("04-four", make_block("y = (", "y"))
        assert_refused(written, "book/04-four.md:2: syntax error")

    def test_an_orphan(self, written):
        edit(written, "    return 2", "    return 3")
        written.write("dlfs/b.py", "")
        assert_refused(written, "dlfs/b.py:1: no block of the book")

    def test_lines_apart_in_the_chapter(self, book):
        code = "x = 1\n\nimport os\n\ny = os"
        book.make(make_block(code, "a"))
        edit(book, "x = 1\n\ny = os", "z = os")
        assert_refused(book, "dlfs/a.py:9: other lines stand", ".md:2")

    def test_a_file_that_is_saved_meanwhile(self, written, monkeypatch):
        text = edit(written, "    return 2", "    return 3")
        before = snapshot(written.root / "book")

        proposals = back.find_edited
        monkeypatch.setattr(
            back,
            "find_edited",
            lambda *arguments: (
                proposals(*arguments),
                written.write("dlfs/a.py", text + "# More.\n"),
            )[0],
        )
        outcome = written.tangle("--back")
        assert outcome.err == (
            "dlfs/a.py:1: was changed while scripts/tangle.py ran; run it "
            "again\n"
        )
        assert written.read("dlfs/a.py") == text + "# More.\n"
        assert snapshot(written.root / "book") == before

    @pytest.mark.parametrize("mode", ["--check", "where"])
    def test_other_commands_at_once(self, written, mode):
        with pytest.raises(SystemExit):
            written.tangle("--back", mode)


class TestOrderInTheChapter:
    """Methods stand between functions that are neighbours in the file."""

    CODE = (
        "def one():\n    return 1\n\n\n@extend(A)\n# Why.\ndef f(self):\n"
        "    return 3\n\n\ndef two():\n    return 2"
    )

    @pytest.fixture
    def between(self, book):
        book.make(CLASS, make_block(self.CODE, "between"))
        return book

    @pytest.mark.parametrize(
        ("old", "new", "was", "now"),
        [
            ("def two", "# Two.\ndef two", "def two", "# Two.\ndef two"),
            (
                "urn 1\n",
                "urn 1\n    # One.\n",
                "urn 1\n",
                "urn 1\n    # One.\n",
            ),
            (
                "    def f(self)",
                "    @staticmethod\n    def f(self)",
                "def f(self)",
                "@staticmethod\ndef f(self)",
            ),
        ],
    )
    def test_an_edit(self, between, old, new, was, now):
        edit(between, old, new)
        assert_back(between, "01-one.md", was, now)

    def test_a_function_less(self, between):
        two = "\n\n\ndef two():\n    return 2"
        edit(between, two, "")
        edit(between, '"one", "two"', '"one"')
        assert_back(between, "01-one.md", two, "")

    def test_a_function_more(self, between):
        edit(between, "def two", "def _x(): ...\n\n\ndef two")
        assert between.tangle("--back").err == ""
        assert between.tangle("--check").code == 0


class TestMixedBlocks:
    """A class and the methods that the same block adds to it."""

    CODE = (
        "class B:\n    x = 1\n\n\ndef between(): ...\n\n\n"
        "@extend(B)\ndef f(self):\n    return 1"
    )

    @pytest.fixture
    def mixed(self, book):
        book.make(make_block(self.CODE, "mixed"))
        return book

    @pytest.mark.parametrize(
        ("old", "new", "was", "now"),
        [
            ("    x = 1", "    x = 2", "    x = 1", "    x = 2"),
            ("def between(): ...", "def between(): 1", "...", "1"),
        ],
    )
    def test_an_edit_in_the_class_or_beside_it(
        self, mixed, old, new, was, now
    ):
        edit(mixed, old, new)
        assert_back(mixed, "01-one.md", was, now)

    @pytest.mark.parametrize("text", ["    x = 1\n\n", "return 1"])
    def test_an_edit_of_the_methods_is_left_to_the_author(self, mixed, text):
        edit(mixed, text, "" if "x" in text else "y = 1\n        return y")
        assert_refused(mixed, "dlfs/a.py:", "the book cannot hold this edit")


COMMENT = re.compile(r"( *)# book/[\w.-]+#([\w-]+)")


def stretches(lines: list[str]) -> list[tuple[int, int, str]]:
    """Where the lines below each comment begin and end, and its block."""
    cuts = [i for i, line in enumerate(lines) if COMMENT.fullmatch(line)]
    found = []
    for start, stop in zip(cuts, [*cuts[1:], len(lines)]):
        while not lines[stop - 1].strip():
            stop -= 1
        found.append((start + 1, stop, COMMENT.fullmatch(lines[start])[2]))
    return found


def edit_line(lines: list[str], start: int, stop: int, number: int) -> None:
    """Put a comment behind a line, or more text into a string."""
    filled = [i for i in range(start, stop) if lines[i].strip()]
    lines[filled[number % len(filled)]] += f"  # {number}"


def edit_first(lines: list[str], start: int, stop: int, number: int) -> None:
    """Put a comment above the first line."""
    lines.insert(start, re.match(" *", lines[start])[0] + f"# {number}")


def add_function(lines: list[str], start: int, stop: int, number: int) -> None:
    """Add a function, or a method where the block extends a class."""
    margin = COMMENT.fullmatch(lines[start - 1])[1]
    below = next((line for line in lines[stop:] if line.strip()), "")
    if below.startswith(" ") and not margin:
        return  # other blocks go on with the class
    code = [f"def _f{number}(self=1):", f'    """{number}."""', "    return 1"]
    blank = [""] if margin else ["", ""]
    lines[stop:stop] = [*blank, *(margin + line for line in code)]


EDITS = (edit_line, edit_first, add_function)


def edit_blocks(draw, root) -> tuple[dict, set]:
    """Edit some blocks; return the edited texts and the blocks' ids."""
    files = [p for d in ("dlfs", "tests") for p in root.glob(f"{d}/*.py")]
    texts, blocks = {}, set()
    for number in draw(st.sets(st.integers(100, 200), min_size=1, max_size=5)):
        path = draw(st.sampled_from(sorted(files)))
        lines = texts.get(path, path.read_text()).split("\n")
        start, stop, block = draw(st.sampled_from(stretches(lines)))
        draw(st.sampled_from(EDITS))(lines, start, stop, number)
        if lines != texts.get(path, path.read_text()).split("\n"):
            texts[path] = "\n".join(lines)
            blocks.add(block)
    return texts, blocks


def cells_but(root, blocks: set) -> list:
    """All of the book but the lines of some blocks."""
    found = []
    for path in sorted(root.glob("book/*.md")):
        text = path.read_text()
        for block in blocks:
            pattern = rf'(```python [^\n]*id="{block}".*?\n)(.*?)(\n```)'
            text = re.sub(pattern, r"\1\3", text, flags=re.DOTALL)
        found.append((path.name, text))
    return found


class TestRandomBooks:
    @quick
    @given(books(), st.data())
    def test_edits_inside_blocks_go_back(self, steps, data):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            write_output(root, output)
            texts, blocks = edit_blocks(data.draw, root)
            for path, text in texts.items():
                path.write_text(text)
            before = cells_but(root, blocks)
            _, _, report = bring_back(root, root / "book", output)
            assert bool(report) == bool(texts)
            assert cells_but(root, blocks) == before
            for path, text in texts.items():
                assert path.read_text().split("\n")[1:] == text.split("\n")[1:]
            output = tangle(read_book(root / "book"))
            assert find_changes(root, output) == {}

        in_folder(steps, check)

    @quick
    @given(books(), st.data())
    def test_what_does_not_go_back_changes_nothing(self, steps, data):
        """Delete, double or swap any lines."""

        def check(root, steps):
            output = tangle(read_book(root / "book"))
            write_output(root, output)
            file = data.draw(st.sampled_from(sorted(output.files)))
            lines = (root / file).read_text().split("\n")[:-1]
            some = st.integers(1, len(lines))
            i, j, k = data.draw(some), data.draw(some), data.draw(some)
            lines[i : i + 3] = data.draw(
                st.sampled_from([[], lines[j : j + 3], lines[k:j]])
            )
            text = "".join(f"{line}\n" for line in lines)
            (root / file).write_text(text)
            before = snapshot(root)
            try:
                bring_back(root, root / "book", output)
            except BookError as error:
                assert all(m.path.endswith(".py") for m in error.mistakes)
                assert snapshot(root) == before
                return
            after = (root / file).read_text()
            assert_same_blocks(after, text)
            output = tangle(read_book(root / "book"))
            assert find_changes(root, output) == {}

        in_folder(steps, check)

    @quick
    @given(books(), st.data())
    def test_edits_across_blocks_are_refused(self, steps, data):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            write_output(root, output)
            file = data.draw(st.sampled_from(sorted(output.files)))
            lines = (root / file).read_text().split("\n")
            cuts = [start - 1 for start, *_ in stretches(lines)]
            cut = data.draw(st.sampled_from(cuts))
            start = cut - data.draw(st.integers(0, 3))
            stop = cut + 1 + data.draw(st.integers(0, 3))
            lines[max(start, 1) : stop] = data.draw(
                st.sampled_from([[], ["x = 1"], ["# A comment."]])
            )
            (root / file).write_text("\n".join(lines))
            before = snapshot(root)
            with pytest.raises(BookError):
                bring_back(root, root / "book", output)
            assert snapshot(root) == before

        in_folder(steps, check)


def assert_same_blocks(made: str, edited: str) -> None:
    """Two files are the same from the first comment above a block on.

    If an import is there, which goes to the top, blank lines do not count.
    """
    bodies = []
    for text in (made, edited):
        lines = text.split("\n")
        cuts = [i for i, line in enumerate(lines) if COMMENT.fullmatch(line)]
        bodies.append(lines[cuts[0] :])
    if any(is_import(line) for line in bodies[1]):
        bodies = [
            [line for line in body if line and not is_import(line)]
            for body in bodies
        ]
    assert bodies[0] == bodies[1]


def is_import(line: str) -> bool:
    """Whether a line is an import at the top level."""
    return line.startswith(("import ", "from "))


class TestRealBook:
    """Every stretch of every block of the book gets an edit.

    In every third file, or, as in test_crash.py, in all with DLFS_KILLS.
    """

    @pytest.fixture
    def copy(self, tmp_path):
        for name in ("book", "dlfs", "tests"):
            hidden = shutil.ignore_patterns("py", "ipynb", "__pycache__")
            shutil.copytree(ROOT / name, tmp_path / name, ignore=hidden)
        return tmp_path

    def test_all_edits_go_back_at_once(self, copy):
        output = tangle(read_book(copy / "book"))
        write_output(copy, output)
        texts, count = {}, 0
        files = [*output.files][::EVERY]
        for file in files:
            lines = (copy / file).read_text().split("\n")
            for start, stop, _ in reversed(stretches(lines)):
                for edit_stretch in reversed(EDITS):
                    edit_stretch(lines, start, stop, count)
                count += 1
            texts[file] = "\n".join(lines)
            (copy / file).write_text(texts[file])
        replaced = {name for block in output.blocks for name in block.replaces}
        shown = [b for b in output.blocks if b.file in files]
        assert count >= len([b for b in shown if b.id not in replaced])
        bring_back(copy, copy / "book", output)
        for file, text in texts.items():
            made = (copy / file).read_text()
            assert made.split("\n")[1:] == text.split("\n")[1:]
        output = tangle(read_book(copy / "book"))
        assert find_changes(copy, output) == {}
