"""Tests of how the tests of a chapter run, on the package after it."""

import pytest
from books import make_block

from bookkit.read.chapters import BookError, read_book
from bookkit.run import testruns
from bookkit.run.testruns import BlockTests, Result, run_tests
from bookkit.tangle.output import tangle

PACKAGE = make_block('"""Package."""', "package", file="dlfs/__init__.py")
FILE = "tests/test_a.py"
FIRST = """\
import pytest

from dlfs.a import f


@pytest.fixture
def test_number():
    return 2


class TestF:
    @pytest.mark.parametrize("x", [1, 2, 3])
    def test_doubles(self, x):
        assert f(x) == 2 * x


def test_fixture(test_number):
    assert f(test_number) == 4


@pytest.mark.skip(reason="no machine")
def test_machine():
    pass"""
GROWN = """\
@extend(TestF)
def test_zero(self):
    assert f(0) == 0"""
HELPER = "def helper():\n    return 1"


def write_book(book, body="return 2 * x", grown=GROWN):
    """Write two chapters with tests; return them and what they make."""
    code = f"def f(x):\n    {body}"
    book.chapter(
        "01-one",
        PACKAGE,
        make_block(code, "f"),
        make_block(FIRST, "first", file=FILE),
        make_block(HELPER, "helper", file=FILE),
    )
    book.chapter("02-two", make_block(grown, "grown", file=FILE))
    chapters = read_book(book.root / "book")
    return chapters, [tangle(chapters[:1]), tangle(chapters)]


def run(book, chapter, output):
    """Run the tests of a chapter, without their times."""
    found = run_tests(book.root, chapter, output)
    for each in found.blocks.values():
        assert each.seconds >= 0
        each.seconds = None
    return found


class TestRunTests:
    def test_counts_what_passed_in_each_block(self, book):
        chapters, outputs = write_book(book)
        first = run(book, chapters[0], outputs[0])
        results = [
            Result("test_doubles", "TestF", 3),
            Result("test_fixture", "", 1),
            Result("test_machine", "", 0, 1, "no machine"),
        ]
        assert first.blocks == {"first": BlockTests(results, None)}
        assert (first.passed, first.is_fresh) == (4, True)
        second = run(book, chapters[1], outputs[1])
        results = [Result("test_zero", "TestF", 1)]
        assert second.blocks == {"grown": BlockTests(results, None)}
        again = run(book, chapters[0], outputs[0])
        assert (again.is_fresh, again.blocks) == (False, first.blocks)

    def test_what_a_class_inherits_is_its_own(self, book):
        chapters, outputs = write_book(
            book, grown="class TestMore(TestF):\n    pass"
        )
        second = run(book, chapters[1], outputs[1])
        results = [Result("test_doubles", "TestMore", 3)]
        assert second.blocks == {"grown": BlockTests(results, None)}

    @pytest.mark.parametrize(
        "name, sentence",
        [
            ("test_matmul_matches_numeric", "matmul matches numeric"),
            ("test__a", "a"),
            ("test", "test"),
        ],
    )
    def test_a_name_is_a_sentence(self, name, sentence):
        assert Result(name).sentence == sentence

    def test_a_failure_stops_at_its_line(self, book):
        grown = GROWN.replace("== 0", "== 1")
        chapters, outputs = write_book(book, grown=grown)
        with pytest.raises(BookError) as found:
            run(book, chapters[1], outputs[1])
        first, *rest = str(found.value).splitlines()
        assert first == "book/02-two.md:4: test_zero: assert 0 == 1"
        assert any("-> book/02-two.md:4 (grown)" in line for line in rest)

    def test_a_failure_inside_the_package_stops_at_the_test(self, book):
        chapters, outputs = write_book(book, body="return x / 0")
        with pytest.raises(BookError) as found:
            run(book, chapters[1], outputs[1])
        text = str(found.value)
        assert text.startswith("book/02-two.md:4: test_zero: ZeroDivision")
        assert "-> book/01-one.md:7 (f)" in text

    def test_a_file_that_is_not_imported_stops_the_build(self, book):
        grown = f"import dlfs.nothing\n\n\n{GROWN}"
        chapters, outputs = write_book(book, grown=grown)
        with pytest.raises(BookError, match=r"^book/02-two\.md:2: .*") as e:
            run(book, chapters[1], outputs[1])
        assert "No module named 'dlfs.nothing'" in str(e.value)


class TestKey:
    @pytest.fixture
    def ran(self, monkeypatch):
        """The chapters whose tests ran, which they do not really."""
        names = []
        monkeypatch.setattr(
            testruns,
            "execute",
            lambda root, chapter, *_: names.append(chapter.number) or {},
        )
        return names

    def run_all(self, book, **options):
        """Run the tests of both chapters."""
        for chapter, output in zip(*write_book(book, **options)):
            run_tests(book.root, chapter, output)

    def test_changes_with_the_package_and_the_tests(self, book, ran):
        self.run_all(book)
        self.run_all(book)
        assert ran == [1, 2]
        self.run_all(book, grown=GROWN + "  # !")
        assert ran == [1, 2, 2]
        self.run_all(book, body="return x + x")
        assert ran == [1, 2, 2, 1, 2]
