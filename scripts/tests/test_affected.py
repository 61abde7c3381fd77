"""After a chapter run the tests that it may have broken, and no others."""

import pytest
from books import make_block

from bookkit.read.chapters import read_book
from bookkit.run.affected import affected_tests
from bookkit.tangle.output import tangle

PACKAGE = '"""The package."""'
ONE = "LIMIT = 3\n\n\ndef one():\n    return LIMIT - 2"
TWO = "def two():\n    return one() + 1"
OTHER = "def other():\n    return 7"
TESTS = """\
import pytest

from dlfs.nn import one, other, two


@pytest.fixture
def number():
    return two()


def test_one():
    assert one() == 1


class TestTwo:
    def test_is_two(self):
        assert two() == 2

    def test_is_a_number(self):
        assert isinstance(two(), int)


def test_fixture(number):
    assert number == 2


def test_other():
    assert other() == 7"""
ALL = {"test_one", "TestTwo", "test_fixture", "test_other"}


def first_chapter(tests=TESTS):
    return [
        make_block(PACKAGE, "package", "dlfs/__init__.py"),
        make_block(ONE, "one", "dlfs/nn/first.py"),
        make_block(TWO, "two", "dlfs/nn/second.py"),
        make_block(OTHER, "other", "dlfs/nn/third.py"),
        make_block(tests, "tests", "tests/test_nn.py"),
    ]


def affected(book, *blocks, tests=TESTS):
    """The tests that a chapter with these blocks may break, by name."""
    book.chapter("01-one", *first_chapter(tests))
    book.chapter("07-seven", *blocks)
    chapters = read_book(book.root / "book")
    *_, zero, one, seven = [
        tangle(chapters[:count]) for count in range(len(chapters) + 1)
    ]
    new = {name_of(test) for test in affected_tests(zero, one)}
    assert new >= ALL
    return {name_of(test) for test in affected_tests(one, seven)}


def name_of(test):
    return test.partition("::")[2]


def replace(id, code, file):
    return make_block(code, f"{id}-again", f"dlfs/nn/{file}", replaces=id)


class TestOfAChange:
    @pytest.mark.parametrize(
        ("block", "names"),
        [
            (
                replace("one", ONE.replace("3", "9 - 6"), "first.py"),
                {"test_one", "TestTwo", "test_fixture"},
            ),
            (
                replace("two", TWO + " - 0", "second.py"),
                {"TestTwo", "test_fixture"},
            ),
            (
                replace("other", OTHER.replace("7", "8"), "third.py"),
                {"test_other"},
            ),
            (
                make_block(
                    "def more():\n    return 1", "m", "dlfs/nn/first.py"
                ),
                set(),
            ),
            (make_block("X = 1", "x", "dlfs/nn/room.py"), set()),
            (make_block("X, Y = 1, 2", "x", "dlfs/nn/room.py"), set()),
            (
                make_block(
                    "def test_new():\n    assert one", "n", "tests/test_nn.py"
                ),
                {"test_new"},
            ),
            (
                make_block(
                    "@extend(TestTwo)\ndef test_b(self):\n    two()",
                    "b",
                    "tests/test_nn.py",
                ),
                {"TestTwo"},
            ),
        ],
    )
    def test_reruns_what_uses_it(self, book, block, names):
        assert affected(book, block) == names

    @pytest.mark.parametrize(
        ("file", "code"),
        [
            ("dlfs/nn/acts.py", "import sys\n\nif sys:\n    sys.x = 1"),
            ("dlfs/nn/acts.py", "import sys\n\nsys.setrecursionlimit(999)"),
            ("tests/conftest.py", "X = 1"),
            ("tests/test_nn.py", "def setup_module():\n    pass"),
            ("tests/test_nn.py", "pytestmark = pytest.mark.filterwarnings"),
            (
                "tests/test_nn.py",
                "@pytest.fixture(autouse=True)\ndef always():\n    pass",
            ),
        ],
    )
    def test_that_concerns_all_reruns_all(self, book, file, code):
        assert affected(book, make_block(code, "acts", file)) == ALL

    @pytest.mark.parametrize(
        "asks",
        [
            ("def test_one():", "def test_one(given):"),
            (
                "def test_one",
                '@pytest.mark.usefixtures("given")\ndef test_one',
            ),
        ],
    )
    def test_a_shared_fixture_reruns_those_that_ask_for_it(self, book, asks):
        code = "import pytest\n\n\n@pytest.fixture\ndef given():\n    pass"
        block = make_block(code, "given", "tests/conftest.py")
        assert affected(book, block, tests=TESTS.replace(*asks)) == {
            "test_one"
        }

    def test_of_nothing_reruns_nothing(self, book):
        assert affected(book, "# Only text") == set()


class TestOfAnImport:
    @pytest.mark.parametrize(
        ("name", "names"), [("b", {"test_it"}), ("a", set())]
    )
    def test_another_meaning_of_a_name_counts(self, book, name, names):
        start = "from dlfs.data.x import {} as given\n\nLIMIT = 1"
        file = "tests/test_data.py"
        book.chapter(
            "00-zero",
            make_block("a = 1\nb = 1", "data", "dlfs/data/x.py"),
            make_block(start.format("a"), "start", file),
            make_block("def test_it():\n    assert given", "it", file),
        )
        code = start.format(name)
        change = make_block(code, "again", file, replaces="start")
        assert affected(book, change) == names


class TestOfATable:
    """A name may be changed far from where it stands."""

    TABLE = "TABLE = {}\n\n\ndef register(f):\n    TABLE[f] = f\n    return f"
    USES = "\n\n\ndef test_table():\n    assert TABLE"

    @pytest.mark.parametrize(
        "code",
        [
            "TABLE.update({1: 2})",
            "@register\ndef f():\n    pass",
            "TABLE[1] = 2",
        ],
    )
    def test_what_writes_in_it_counts(self, book, code):
        tests = TESTS.replace("two\n", "two, TABLE\n", 1) + self.USES
        table = make_block(self.TABLE, "table", "dlfs/nn/tables.py")
        writer = make_block(code, "writer", "dlfs/nn/writer.py")
        book.chapter("00-zero", table)
        assert affected(book, writer, tests=tests) == {"test_table"}


class TestOfWhatIsHidden:
    @pytest.mark.parametrize(
        ("test", "is_affected"),
        [
            ("import subprocess\n    subprocess.run(['x'])", True),
            ("subprocess.run(['python', '-m', 'dlfs.nn'])", True),
            ("subprocess.run(['python', '-m', 'dlfs.data'])", False),
            ("import importlib\n    importlib.import_module('d' + 'l')", True),
            ("vars(nn)", True),
            ("dir(nn)", True),
            ("nn.__all__", True),
            ("(lambda lib: lib.two())(nn)", True),
            ("(lambda lib: lib.one())(nn)", False),
            ("(lambda lib: [lib][0].two())(nn)", True),
            ("(lambda lib: lib._two())(nn)", True),
            ("getattr(nn, 'two')", True),
            ("getattr(nn, 'one')", False),
            ("getattr(nn, f'{\"t\"}wo')", True),
            ("eval('two()', {} | vars(nn))", True),
            ("eval('one()', {} | vars(nn))", False),
            ("eval('nn.two()', {'nn': nn})", True),
            ("eval('nn.one()', {'nn': nn})", False),
            ("eval(f'nn.{\"two\"}()')", True),
            ("nn.__file__", True),
            ("nn.other", False),
            ("eval('two()')", True),
            ("eval('one()')", False),
            ("import dlfs.nn\n    assert dlfs.nn.two", True),
        ],
    )
    def test_it_counts_as_all_that_it_may_be(self, book, test, is_affected):
        start = "import subprocess\n\nfrom dlfs import nn\n"
        test = f"\n\n\ndef test_it():\n    {test}"
        data = make_block("X = 1", "data", "dlfs/data/x.py")
        book.chapter("00-zero", data)
        tests = TESTS.replace("import pytest\n", f"import pytest\n{start}", 1)
        change = replace("two", TWO + " - 0", "second.py")
        found = affected(book, change, tests=tests + test)
        assert ("test_it" in found) == is_affected
        assert "test_one" not in found


class TestOfTheRootsDoor:
    """`dlfs.x` may be found by a function, in a table."""

    DOOR = """\
import sys

TABLE = {"more": 1}


def _find(name):
    return TABLE[name]


_door = sys.modules["dlfs"]
_door.__getattr__ = _find"""

    @pytest.mark.parametrize(
        ("line", "is_affected"), [("dlfs.more", True), ("dlfs.nn.one", False)]
    )
    def test_it_counts_for_what_is_asked_there(self, book, line, is_affected):
        book.chapter("00-zero", make_block(self.DOOR, "d", "dlfs/nn/door.py"))
        start = "import pytest\n\nimport dlfs\n"
        tests = TESTS.replace("import pytest\n", start, 1)
        tests += f"\n\n\ndef test_it():\n    assert {line}"
        change = replace("d", self.DOOR.replace("1", "2"), "door.py")
        found = affected(book, change, tests=tests)
        assert found == ({"test_it"} if is_affected else set())

    def test_what_globals_are_given_changes_all_of_the_file(self, book):
        code = ONE + "\n\n\nglobals().update(one=lambda: 1)"
        change = replace("one", code.replace("3", "3 + 0"), "first.py")
        assert affected(book, change) >= {"test_one", "TestTwo"}
        code = "globals().update({name: str for name in ()})"
        block = make_block(code, "g", "dlfs/nn/first.py")
        assert affected(book, block) >= {"test_one", "TestTwo"}

    def test_what_a_private_class_is_made_from_counts(self, book):
        base = "class Base:\n    x = 1"
        code = "class _Inner(Base):\n    pass\n\n\n"
        code += "def outer():\n    return _Inner.x"
        book.chapter(
            "00-zero",
            make_block(base, "base", "dlfs/nn/base.py"),
            make_block(
                f"from dlfs.nn.base import Base\n\n\n{code}",
                "outer",
                "dlfs/nn/rooms.py",
            ),
        )
        test = "\n\n\ndef test_it():\n    assert nn.outer()"
        start = "import pytest\n\nfrom dlfs import nn\n"
        tests = TESTS.replace("import pytest\n", start, 1) + test
        change = replace("base", base.replace("1", "2"), "base.py")
        assert affected(book, change, tests=tests) == {"test_it"}


class TestOfCases:
    """A class for the cases of each chapter, one test for those of all."""

    CASES = """


class Cases:
    cases = []

    def pytest_generate_tests(self, metafunc):
        metafunc.parametrize("function", self.cases)

    def test_it(self, function):
        assert function()


class TestOneCases(Cases):
    cases = [one]


class TestTwoCases(Cases):
    cases = [two]


def test_all():
    assert len(Cases.__subclasses__()) > 1"""

    def test_new_ones_rerun_no_others(self, book):
        code = "class TestMoreCases(Cases):\n    cases = [other]"
        block = make_block(code, "more", "tests/test_nn.py")
        found = affected(book, block, tests=TESTS + self.CASES)
        assert found == {"TestMoreCases", "test_all"}

    def test_a_change_reruns_those_that_use_it(self, book):
        change = replace("two", TWO + " - 0", "second.py")
        found = affected(book, change, tests=TESTS + self.CASES)
        usual = {"TestTwo", "test_fixture"}
        assert found == usual | {"TestTwoCases", "test_all"}

    def test_a_changed_base_reruns_all(self, book):
        base, start, rest = self.CASES.partition("class TestOne")
        code, file = base.strip(), "tests/test_nn.py"
        book.chapter("00-zero", make_block(code, "base", file))
        code += " is not None"
        change = make_block(code, "base-again", file, replaces="base")
        tests = f"{TESTS}\n\n\n{start}{rest}"
        found = affected(book, change, tests=tests)
        assert found == {"TestOneCases", "TestTwoCases", "test_all"}


def write_broken_book(book):
    """Write five chapters with gaps; the third breaks what the first tests."""
    book.chapter("00-zero", *first_chapter())
    book.chapter("07-seven", "# Text")
    broken = replace("two", TWO.replace("1", "2"), "second.py")
    book.chapter("20-twenty", broken)
    book.chapter("21-more", make_block("X = 1", "x", "dlfs/nn/room.py"))
    book.chapter("40-forty", "# The end")


class TestOfTheBook:
    def test_a_test_that_breaks_in_the_middle_is_caught(self, book):
        write_broken_book(book)
        outcome = book.chapters("run", "--jobs", 1)
        assert outcome.code == 1
        lines = outcome.out.splitlines()
        where = [n for n, line in enumerate(lines) if "FAILED" in line]
        assert lines[where[0]].startswith("book/")
        assert lines[where[0]].endswith(": 20-twenty: tests after it FAILED")
        assert "1 tests passed, 2 FAILED" in lines[where[-1]]
        later = [line for line in lines if line.startswith(("21-", "40-"))]
        assert all("no tests to run" in line for line in later)
        assert lines.index(later[0]) > where[-1]  # it did not wait for them
        assert lines[-1] == "5 chapters ran, 6 tests passed, 1 failed"

    def test_nothing_is_remembered_between_runs(self, book):
        write_broken_book(book)
        first, second = (book.chapters("run", "20") for _ in range(2))
        assert (first.code, second.code) == (1, 1)
        assert "2 FAILED" in second.out
        assert first.out.count("FAILED") == second.out.count("FAILED")
