"""Which tests run after a chapter: those whose outcome it may have changed."""

import pytest
from books import make_block

from bookkit.read.chapters import read_book
from bookkit.run.affected import find_affected
from bookkit.tangle.output import tangle

AREA = make_block(
    '"""Areas."""\n\n\ndef area(x):\n    return x * x', "area", "dlfs/a/one.py"
)
HALF = make_block(
    "def half(x):\n    return area(x) / 2", "half", "dlfs/a/two.py"
)
COUNT = make_block(
    "def count(x):\n    return len(x)", "count", "dlfs/a/three.py"
)
TESTS = make_block(
    """from dlfs.a import area, count, half

SIZE = 3


def helper():
    return half(SIZE)


class TestHalf:
    def test_half(self):
        assert helper() == 4.5


def test_area():
    assert area(SIZE) == 9


def test_count():
    assert count([1, 2]) == 2""",
    "tests",
    "tests/test_a.py",
)
HALF_TEST, AREA_TEST, COUNT_TEST = (
    f"tests/test_a.py::{name}"
    for name in ("TestHalf", "test_area", "test_count")
)


def affected(book, *blocks):
    """The tests that a second chapter with these blocks affects."""
    book.chapter("01-one", AREA, HALF, COUNT, TESTS)
    book.chapter("02-two", "text", *blocks)
    chapters = read_book(book.root / "book")
    before, after = tangle(chapters[:1]), tangle(chapters)
    tests, standing = find_affected(before, after)
    assert len(tests) + standing == after.text("tests/test_a.py").count(
        "def test"
    )
    return tests


def replace(block, old, new, name):
    """A block that replaces another one, with other code."""
    text = block.replace(f'id="{name}"', f'id="{name}-2" replaces="{name}"')
    return text.replace(old, new)


class TestAffected:
    def test_all_are_by_the_first_chapter(self, book):
        book.chapter("01-one", AREA, HALF, COUNT, TESTS)
        output = tangle(read_book(book.root / "book"))
        tests, standing = find_affected(tangle([]), output)
        assert tests == [HALF_TEST, AREA_TEST, COUNT_TEST] and standing == 0

    def test_none_are_by_text(self, book):
        assert affected(book) == []

    def test_a_module_reaches_all_who_need_it(self, book):
        new = replace(AREA, "x * x", "x ** 2", "area")
        assert affected(book, new) == [HALF_TEST, AREA_TEST]

    def test_a_module_reaches_no_others(self, book):
        new = replace(HALF, "/ 2", "* 0.5", "half")
        assert affected(book, new) == [HALF_TEST]
        new = replace(COUNT, "len(x)", "sum(1 for _ in x)", "count")
        assert affected(book, new) == [COUNT_TEST]

    def test_a_new_module_reaches_nobody(self, book):
        new = make_block(
            "def cube(x):\n    return x**3", "c", "dlfs/a/four.py"
        )
        assert affected(book, new) == []

    def test_a_module_that_acts_reaches_all_of_its_folder(self, book):
        code = "def cube(x):\n    return x**3\n\n\nprint(cube(2))"
        new = make_block(code, "cube", "dlfs/a/four.py")
        assert affected(book, new) == [HALF_TEST, AREA_TEST, COUNT_TEST]

    def test_a_test_that_is_new_runs(self, book):
        new = make_block(
            "def test_new():\n    assert SIZE", "n", "tests/test_a.py"
        )
        assert affected(book, new) == ["tests/test_a.py::test_new"]

    def test_what_a_test_uses_of_its_file_counts(self, book):
        code = "SIZE = 3\n\n\ndef helper():\n    return half(SIZE)"
        assert code in TESTS
        new = replace(TESTS, "return half(SIZE)", "return half(3)", "tests")
        assert affected(book, new) == [HALF_TEST]

    @pytest.mark.parametrize(
        "code",
        [
            "import dlfs.a\n\n\ndef test_new():\n    assert vars(dlfs.a)",
            "def test_new():\n    assert __import__('dlfs.a')",
            "def test_new():\n    from dlfs import a\n\n    assert a.area",
            "from dlfs.a import one\n\n\ndef test_new():\n    assert one.area",
        ],
    )
    def test_a_module_however_it_is_named(self, book, code):
        book.chapter("03-three", replace(AREA, "x * x", "x**2", "area"))
        new = make_block(code, "n", "tests/test_a.py")
        book.chapter("01-one", AREA, HALF, COUNT, TESTS)
        book.chapter("02-two", new)
        chapters = read_book(book.root / "book")
        tests, _ = find_affected(tangle(chapters[:2]), tangle(chapters))
        assert "tests/test_a.py::test_new" in tests


class TestRun:
    def test_a_test_that_a_later_chapter_breaks_is_caught(self, book):
        init = make_block('"""A."""', "init", "dlfs/__init__.py")
        book.chapter("01-one", init, AREA, HALF, COUNT, TESTS)
        book.chapter("02-two", "text")
        book.chapter("03-three", replace(AREA, "x * x", "x * x + 1", "area"))
        outcome = book.chapters("run", "--jobs", 1)
        first, second, third, *failure, last = outcome.out.splitlines()
        assert "3 tests passed in" in first
        assert second.endswith("snapshot: no tests, 3 as before")
        assert "0 tests passed, 2 FAILED, 1 as before in" in third
        assert failure[0] == "== tests after 03-three =="
        assert last == "3 chapters ran, 3 tests passed, 1 failed"
