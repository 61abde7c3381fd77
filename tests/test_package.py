# Made from book/ by scripts/tangle.py: edit the chapters.

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dlfs
import dlfs.autograd
from dlfs import extend


# book/00-preface.md#test-extend
def double(number):
    return 2 * number


class TestExtend:
    def test_adds_a_method(self):
        class Price:
            amount = 21

        @extend(Price)
        def doubled(self):
            return double(self.amount)

        assert Price().doubled() == 42

    def test_adds_a_property(self):
        class Price:
            amount = 21

        @extend(Price)
        @property
        def cents(self):
            return 100 * self.amount

        assert Price().cents == 2100


# book/00-preface.md#test-extend-names
class TestExtendAndNames:
    def test_a_function_of_the_same_name_keeps_it(self):
        class Price:
            amount = 21

        @extend(Price)
        def double(self):
            return double(self.amount)

        assert Price().double() == 42
        assert double(4) == 8

    def test_a_builtin_of_the_same_name_keeps_it(self):
        class Basket:
            prices = (3, 4)

        @extend(Basket)
        def sum(self):
            return sum(self.prices)

        assert Basket().sum() == 7
        assert sum([1, 2]) == 3

    def test_a_new_name_stands_for_the_method(self):
        class Price:
            pass

        @extend(Price)
        @staticmethod
        def currency():
            return "euro"

        assert currency is Price.__dict__["currency"]
        assert Price.currency() == "euro"


# book/00-preface.md#test-traceback-hook
TOOL = """
import sys
def install_traceback_hook(root):
    sys.excepthook = lambda *error: print("chapter line", root)
"""


def last_words(folder, program, tool=None):
    """Run a program that imports a copy of dlfs; return what it printed."""
    hidden = shutil.ignore_patterns("__pycache__", "*.gz")
    package = Path(dlfs.__file__).parent
    shutil.copytree(package, folder / "dlfs", ignore=hidden)
    if tool is not None:
        (folder / "scripts").mkdir()
        (folder / "scripts" / "tangle.py").write_text(tool)
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return ran.stdout + ran.stderr


# book/00-preface.md#test-traceback-cases
class TestTracebacks:
    def test_name_the_chapter_in_a_checkout(self, tmp_path):
        words = last_words(tmp_path, "import dlfs; 1 / 0", TOOL)
        assert words == f"chapter line {tmp_path.resolve()}\n"

    def test_are_ordinary_elsewhere(self, tmp_path):
        words = last_words(tmp_path, "import dlfs; 1 / 0")
        assert words.startswith("Traceback")
        assert words.endswith("ZeroDivisionError: division by zero\n")

    def test_are_ordinary_if_the_tool_is_broken(self, tmp_path):
        words = last_words(tmp_path, "import dlfs; 1 / 0", "this is no Python")
        assert words.endswith("ZeroDivisionError: division by zero\n")
        assert "SyntaxError" not in words

    def test_leave_keyboard_interrupts_alone(self, tmp_path):
        program = "import dlfs; raise KeyboardInterrupt"
        assert "chapter line" not in last_words(tmp_path, program, TOOL)

    def test_leave_the_hook_of_others_alone(self, tmp_path):
        program = (
            "import sys; sys.excepthook = lambda *error: print('mine');"
            "import dlfs; 1 / 0"
        )
        assert last_words(tmp_path, program, TOOL) == "mine\n"


# book/07-modules.md#test-package-names
def ask(program):
    """Run a program in a fresh Python; return what it printed."""
    command = [sys.executable, "-c", program]
    folder = Path(dlfs.__file__).parent.parent
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return ran.stdout + ran.stderr


class TestNames:
    def test_are_those_of_the_engine(self):
        for name in ("Tensor", "tensor", "no_grad", "grad", "manual_seed"):
            assert getattr(dlfs, name) is getattr(dlfs.autograd, name)
            assert name in dlfs.__all__

    @pytest.mark.parametrize("module", ["autograd", "drawing", "nn"])
    def test_can_be_imported_from_any_side(self, module):
        program = f"import dlfs.{module}; print(dlfs.tensor([1, 2]).shape)"
        assert ask(program) == "(2,)\n"

    def test_are_there_without_importing_more(self):
        program = "import dlfs, sys; print('matplotlib' in sys.modules)"
        assert ask(program) == "False\n"
