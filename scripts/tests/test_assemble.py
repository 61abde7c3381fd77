"""What the blocks of a file become: layout, imports, classes, `__all__`."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from books import make_block

from bookkit import ROOT
from bookkit.tangle import imports
from bookkit.tangle.imports import Imported, render_imports, sort_names

CLASS = make_block('class A:\n    """Doc."""', "a")


class TestLayout:
    def test_a_whole_file(self, book):
        first = '''\
"""A module."""

import sys

import numpy as np


# Why it is so.
def path():
    return np.array(sys.path)'''
        assert book.make(
            make_block(first, "one"), make_block("B = 1", "two")
        ) == (
            '''\
"""A module."""

import sys

import numpy as np

__all__ = ["B", "path"]


# book/01-one.md#one
# Why it is so.
def path():
    return np.array(sys.path)


# book/01-one.md#two
B = 1
'''
        )

    def test_the_header_is_one_short_line(self, book):
        book.make(make_block("a = 1", "a"))
        header = book.read("dlfs/a.py").split("\n")[0]
        assert header.startswith("# Made from book/ by scripts/tangle.py")
        assert len(header) <= imports.LINE_LENGTH

    def test_blank_lines_around_a_block_are_trimmed(self, book):
        assert book.make(make_block("\n\na = 1\n\n", "a")).endswith(
            "# book/01-one.md#a\na = 1\n"
        )

    def test_comments_stay_where_they_are(self, book):
        code = "# first\na = 1\n\n# last"
        assert f"#a\n{code}\n" in book.make(make_block(code, "a"))

    def test_a_comment_above_an_import_stays_in_the_block(self, book):
        code = "# about sys\nimport sys\n\na = sys"
        assert "#a\n# about sys\n\na = sys\n" in book.make(
            make_block(code, "a")
        )

    def test_tests_have_no_all(self, book):
        file = "tests/test_a.py"
        book.make(make_block("a = 1", "b"), make_block("a = 1", "a", file))
        assert "__all__" not in book.read(file)

    def test_a_docstring_below_the_first_block(self, book):
        found = book.mistake(
            make_block("a = 1", "a"), make_block('"""D."""', "b")
        )
        assert found.startswith("book/01-one.md:6: only the first block")

    def test_two_statements_on_one_line(self, book):
        found = book.mistake(make_block("a = 1; b = 2", "a"))
        assert found.startswith("book/01-one.md:2: two statements on one")

    def test_a_block_without_a_statement(self, book):
        found = book.mistake(make_block("# nothing", "a"))
        assert found.startswith("book/01-one.md:1: a block with file= needs")

    def test_a_syntax_error_has_its_line(self, book):
        found = book.mistake(make_block("a = 1\nb = (", "a"))
        assert found == "book/01-one.md:3: syntax error: '(' was never closed"

    def test_a_class_body_indented_otherwise(self, book):
        found = book.mistake(
            make_block("class A:\n  a = 1", "a"),
            make_block("@extend(A)\ndef f(self):\n    return 1", "b"),
        )
        assert "syntax error in dlfs/a.py" in found


class TestNames:
    def test_all_lists_public_names_in_order_of_ruff(self, book):
        code = """\
def f2(): ...


def f10(): ...


class Thing: ...


LIMIT: int = 3
(a, [b, *c]) = 1, [2, 3]
_hidden = 1
declared: int
a += 1
Thing.x = 1"""
        body = book.make(make_block(code, "a"))
        assert (
            '__all__ = ["LIMIT", "Thing", "a", "b", "c", "f2", "f10"]' in body
        )

    def test_a_long_all_has_a_line_a_name(self, book):
        names = [f"a_rather_long_name_{number}" for number in range(4)]
        body = book.make(make_block("\n".join(f"{n} = 1" for n in names), "a"))
        assert f'__all__ = [\n    "{names[0]}",\n' in body

    def test_a_package_offers_what_it_imports_from_the_package(self, book):
        book.make(
            make_block("def f(): ...", "f"),
            make_block(
                "import numpy as np\nfrom dlfs import a\n"
                "from dlfs.a import f\n\n"
                '__version__ = "1"\nuse = np',
                "init",
                "dlfs/__init__.py",
            ),
        )
        body = book.body("dlfs/__init__.py")
        assert '__all__ = ["__version__", "a", "f", "use"]' in body
        assert "from dlfs import a\nfrom dlfs.a import f\n" in body

    def test_all_cannot_be_assigned(self, book):
        found = book.mistake(make_block('__all__ = ["a"]', "a"))
        assert found.startswith("book/01-one.md:2: __all__ is generated")

    def test_a_name_defined_twice(self, book):
        found = book.mistake(
            make_block("def f(): ...", "one"), make_block("f = 1", "two")
        )
        assert found == (
            "book/01-one.md:6: f is defined already by one "
            "(book/01-one.md:1); change it there, or say "
            'replaces="one" and write that whole block anew'
        )

    @pytest.mark.parametrize(
        "code", ["a += 1", "a[0] = 1", "a.b = 1", "_ = 1"]
    )
    def test_changing_a_name_is_fine(self, book, code):
        book.make(make_block("a = 1\n_ = 2", "one"), make_block(code, "two"))


class TestImports:
    def test_they_are_gathered_sorted_and_merged(self, book):
        body = book.make(
            make_block(
                "from dlfs.b import g\nimport numpy as np\nimport sys\nx = 1",
                "a",
            ),
            make_block(
                "from __future__ import annotations\nimport numpy as np\n"
                "from typing import Any, Final\nimport os.path, abc\n"
                "from dlfs.b import B, LIMIT as L, f10, f9\ny = 1",
                "b",
            ),
        )
        assert body.startswith("""
from __future__ import annotations

import abc
import os.path
import sys
from typing import Any, Final

import numpy as np

from dlfs.b import LIMIT as L
from dlfs.b import B, f9, f10, g

__all__""")

    def test_long_ones_are_wrapped(self, book):
        names = ", ".join(f"quite_long_name_{n}" for n in range(5))
        body = book.make(make_block(f"from x import {names}\na = 1", "a"))
        assert "from x import (\n    quite_long_name_0,\n" in body

    def test_those_inside_functions_stay(self, book):
        code = "def f():\n    import sys\n\n    return sys"
        assert code in book.make(make_block(code, "a"))

    @pytest.mark.parametrize(
        "code",
        ["from dlfs.a import f", "import dlfs.a", "from dlfs import a"],
    )
    def test_the_module_itself_is_not_imported(self, book, code):
        body = book.make(make_block(f"{code}\n\nx = 1", "a"))
        assert body.startswith("\n__all__")

    def test_extend_is_dropped_when_it_is_not_used(self, book):
        method = "from dlfs import extend\n\n\n@extend(A)\ndef f(self): ..."
        assert "extend" not in book.make(CLASS, make_block(method, "b"))

    def test_extend_is_kept_when_it_is_used(self, book):
        code = (
            "from dlfs import extend\n\n\ndef f(cls):\n    return extend(cls)"
        )
        assert "from dlfs import extend" in book.make(make_block(code, "a"))

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("from . import b", "names a package, not ."),
            ("from dlfs.b import *", "its names, not *"),
            ("import sys  # noqa", "a comment goes above it"),
            ("from x import (\n    a,  # why\n)", "a comment goes above it"),
            ("from dlfs.a import f as g\n\ng", "uses g, which dlfs/a.py does"),
            ("import dlfs.a as me\n\nme", "uses me, which dlfs/a.py does"),
        ],
    )
    def test_wrong_imports(self, book, code, message):
        found = book.mistake(make_block(f"{code}\nx = 1", "a"))
        assert re.match(r"book/01-one.md:[24]: ", found)
        assert message in found


class TestExtend:
    def test_methods_move_into_the_class(self, book):
        body = book.make(
            make_block(
                'class A:\n    """Doc."""\n\n    x = 1\n\n\ndef other(): ...',
                "cls",
            ),
            make_block(
                '''\
# Why.
@extend(A)
@property
def size(self):
    """Lines.

    More.
    """

    # inside
    return """
kept
"""


def between(): ...


@extend(A)
async def last(self): ...''',
                "grow",
            ),
        )
        assert body.endswith('''\
# book/01-one.md#cls
class A:
    """Doc."""

    x = 1

    # book/01-one.md#grow
    # Why.
    @property
    def size(self):
        """Lines.

        More.
        """

        # inside
        return """
kept
"""

    async def last(self): ...


# book/01-one.md#cls
def other(): ...


# book/01-one.md#grow
def between(): ...
''')

    @pytest.mark.parametrize(
        "code",
        [
            "class A: ...",
            "class A:\n    ...",
            "class A:\n    pass",
            "class A: pass",
        ],
    )
    def test_an_empty_body_gives_way(self, book, code):
        body = book.make(
            make_block(code, "a"),
            make_block("@extend(A)\ndef f(self): ...", "b"),
        )
        assert body.endswith(
            "class A:\n    # book/01-one.md#b\n    def f(self): ...\n"
        )

    def test_a_class_of_the_same_block(self, book):
        code = "class A:\n    x = 1\n\n\n@extend(A)\ndef f(self): ..."
        assert book.make(make_block(code, "a")).endswith(
            "class A:\n    x = 1\n\n    def f(self): ...\n"
        )

    def test_strings_of_several_lines_keep_their_value(self, book):
        code = '''\
def f(self):
    """Doc
    string."""

    def inner():
        """Inner
        doc."""

    one = """a
    b""" + f"""c
  {self}
    """
    two = "a\\
    b"
    three = (
        "x"
        "y"
    )
    return one, two, three, inner'''
        body = book.make(CLASS, make_block(f"@extend(A)\n{code}", "b"))
        method = ast.parse(body).body[-1].body[-1]
        inner = method.body[1]
        assert [ast.unparse(s) for s in method.body[2:]] == [
            ast.unparse(s) for s in ast.parse(code).body[0].body[2:]
        ]
        assert inner.body[0].value.value == "Inner\n            doc."
        assert '            "x"\n            "y"\n' in body

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("@extend(B)\ndef f(self): ...", "no class B is defined above"),
            ("@extend\ndef f(self): ...", "write @extend(Cls)"),
            ("@extend(A, A)\ndef f(self): ...", "write @extend(Cls)"),
            ("@extend(m.A)\ndef f(self): ...", "write @extend(Cls)"),
            ("@dlfs.extend(A)\ndef f(self): ...", "write @extend(Cls)"),
            (
                "@property\n@extend(A)\ndef f(self): ...",
                "as the first decorator",
            ),
            ("@extend(A)\nclass B: ...", "of a function that"),
            (
                "@extend(A)\ndef f(self):\n    super().f()",
                "super() does not work",
            ),
            (
                "@extend(A)\ndef f(self):\n    self.__x = 1",
                "private name __x",
            ),
            ("@extend(A)\ndef __f(self): ...", "private name __f"),
            ("@extend(A)\ndef f(self, __x): ...", "private name __x"),
        ],
    )
    def test_wrong_methods(self, book, code, message):
        found = book.mistake(CLASS, make_block(code, "b"))
        assert found.startswith("book/01-one.md:")
        assert message in found

    def test_super_with_arguments_and_dunders_are_fine(self, book):
        code = "@extend(A)\ndef __add__(self, x):\n    super(A, self).x()"
        book.make(CLASS, make_block(code, "b"))

    def test_a_class_that_comes_later(self, book):
        found = book.mistake(
            make_block("@extend(A)\ndef f(self): ...", "b"), CLASS
        )
        assert "no class A is defined above" in found

    def test_a_property_can_get_a_setter(self, book):
        body = book.make(
            CLASS,
            make_block("@extend(A)\n@property\ndef x(self): ...", "get"),
            make_block("@extend(A)\n@x.setter\ndef x(self, y): ...", "set"),
        )
        assert "    @x.setter\n    def x(self, y): ...\n" in body

    def test_a_class_of_another_file(self, book):
        other = make_block("@extend(A)\ndef f(self): ...", "b", "dlfs/b.py")
        assert "grows a class of the same file" in book.mistake(CLASS, other)

    def test_a_body_on_the_line_of_the_class(self, book):
        found = book.mistake(
            make_block("class A: x = 1", "a"),
            make_block("@extend(A)\ndef f(self): ...", "b"),
        )
        assert found.startswith("book/01-one.md:7: syntax error in dlfs/a.py")

    @pytest.mark.parametrize(
        "code", ["def f(self): ...", "f = 1", "f: int = 1", "class f: ..."]
    )
    def test_a_method_that_is_there_already(self, book, code):
        found = book.mistake(
            make_block(f"class A:\n    {code}", "a"),
            make_block("@extend(A)\ndef f(self): ...", "b"),
        )
        assert found == (
            "book/01-one.md:8: A.f is defined already by a "
            "(book/01-one.md:1); change it there, or say "
            'replaces="a" and write that whole block anew'
        )

    def test_a_method_that_another_block_added(self, book):
        found = book.mistake(
            make_block("class A:\n    x = 1", "a"),
            make_block("@extend(A)\ndef f(self): ...", "b"),
            make_block("@extend(A)\ndef f(self): ...", "c"),
        )
        assert 'say replaces="b"' in found


class TestReplaces:
    def test_it_takes_the_old_place(self, book):
        body = book.make(
            make_block("def f(): ...", "f"),
            make_block("def g(): ...", "g"),
            make_block("def f():\n    return 1", "f-2", replaces="f"),
            make_block("def f():\n    return 2", "f-3", replaces="f-2"),
        )
        assert body.endswith(
            "# book/01-one.md#f-3\ndef f():\n    return 2\n\n\n"
            "# book/01-one.md#g\ndef g(): ...\n"
        )

    def test_several_become_one(self, book):
        body = book.make(
            *(make_block(f"{name} = 1", name) for name in "abcd"),
            make_block("bd = 1", "new", replaces="d b d"),
        )
        assert '__all__ = ["a", "bd", "c"]' in body
        assert body.endswith("c = 1\n\n\n# book/01-one.md#new\nbd = 1\n")

    def test_a_method_and_its_class(self, book):
        body = book.make(
            CLASS,
            make_block("@extend(A)\ndef f(self): ...", "f"),
            make_block("@extend(A)\ndef g(self): ...", "g"),
            make_block("@extend(A)\ndef f(self, x): ...", "f-2", replaces="f"),
            make_block("class A:\n    x = 1", "a-2", replaces="a"),
        )
        assert body.endswith(
            "# book/01-one.md#a-2\nclass A:\n    x = 1\n\n"
            "    # book/01-one.md#f-2\n    def f(self, x): ...\n\n"
            "    # book/01-one.md#g\n    def g(self): ...\n"
        )

    @pytest.mark.parametrize(
        ("replaces", "message"),
        [
            ("tow", 'no block above has this id; did you mean "two"?'),
            ("xyzzy", "no block above has this id"),
            ("new", "no block above has this id"),
            ("later", "no block above has this id"),
            ("one", 'is replaced already; say replaces="two"'),
            ("other", "that block is in dlfs/b.py"),
            ("demo", "no block above has this id"),
        ],
    )
    def test_wrong_targets(self, book, replaces, message):
        found = book.mistake(
            make_block("a = 1", "one"),
            make_block("a = 2", "two", replaces="one"),
            make_block("a = 1", "other", "dlfs/b.py"),
            '```python id="demo"\n1\n```',
            make_block("a = 3", "new", replaces=replaces),
            make_block("b = 3", "later"),
        )
        assert found.startswith("book/01-one.md:17: ")
        assert message in found

    def test_the_docstring_of_the_module_can_be_replaced(self, book):
        body = book.make(
            make_block('"""Old."""\n\na = 1', "one"),
            make_block('"""New."""\n\na = 2', "two", replaces="one"),
        )
        assert body.startswith('"""New."""\n')


class TestSorting:
    def test_numbers_sort_by_value(self):
        assert sort_names(["b", "a10", "a9", "B", "AB", "_c"]) == [
            "AB",
            "B",
            "_c",
            "a9",
            "a10",
            "b",
        ]

    def test_the_line_length_is_that_of_ruff(self):
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        assert settings["tool"]["ruff"]["line-length"] == imports.LINE_LENGTH

    def test_plain_imports_come_before_from(self):
        names = [Imported("b", "x", None), Imported("c", None, None)]
        first, second = render_imports(dict.fromkeys(names))
        assert first.text == "import c"
        assert second.text == "from b import x"


FIRST = {
    "def": "def {n}(a):\n    return a",
    "async def": "async def {n}(a):\n    return a",
    "decorated": "@staticmethod\ndef {n}(a):\n    return a",
    "docstring-only class": 'class {N}:\n    """Doc."""',
    "class with dots": "class {N}: ...",
    "class": "class {N}:\n    value = 1\n\n    def f(self):\n        return 1",
    "assignment": "{n} = 1",
    "private": "_{n} = 1",
    "if": "if print:\n    {n} = 1",
    "def in if": "if print:\n\n    def {n}():\n        return 1",
    "comment first": "# comment\n\n{n} = 1",
    "comment above def": "# comment\n\n\ndef {n}():\n    return 1",
    "comment last": "def {n}():\n    return 1\n\n\n# comment",
    "indented comment last": "def {n}():\n    return 1\n    # comment",
    "with": "with open(__file__) as {n}:\n    pass",
    "expression": "print(1)",
    "string": '{n} = """\nkept\n"""',
    "import below comment": "# why\nimport abc as {n}m\n\n{n} = {n}m",
    "import below def": (
        "def {n}():\n    return 1\n\n\nimport abc as {n}m\n\n{n} = {n}m"
    ),
}
DEFINITIONS = ("def", "async", "@", "class", "# comment\n\n\ndef")
START = {
    "nothing": "",
    "docstring": '"""Module."""\n\n',
    "import": "import sys\n\n",
    "both": '"""Module."""\n\nimport sys\n\n',
}
GROWING = """\
@extend(Aa)
def method(self):
    return 1


@extend(Aa)
@property
def size(self):
    return 1


def function():
    return 1"""
COMMENTED = """\
# a comment


# another
@extend(Aa)
def last(self):
    return 1"""


@pytest.mark.skipif(
    not shutil.which("ruff", path=sys.prefix + "/bin"), reason=""
)
class TestRuff:
    """Whatever blocks begin and end with, ruff has nothing to change."""

    def blocks(self):
        """Two blocks for a file, of each pair of kinds.

        Each kind comes first after every start, in both folders.
        """
        for row, first in enumerate(FIRST):
            for column, second in enumerate(FIRST):
                start = list(START)[column % 4]
                folder = ("dlfs", "tests")[column // 4 % 2]
                name = f"{start}_{row}_{column}"
                yield from self.file(
                    f"{folder}/{name}.py", FIRST[first], FIRST[second], start
                )

    def file(self, file, first, second, start):
        """The blocks of one file."""
        text = START[start]
        if text and first.startswith(DEFINITIONS):
            text += "\n"
        first = text + first.replace("{n}", "aa").replace("{N}", "Aa")
        second = second.replace("{n}", "bb").replace("{N}", "Bb")
        codes = [first, second]
        if "class Aa" in first:
            codes += [GROWING, COMMENTED]
        for number, code in enumerate(codes):
            tag = file[file.index("/") + 1 : -3].replace("_", "-")
            yield make_block(code, f"{tag}-{number}", file)

    def test_nothing_to_change(self, book):
        book.chapter("01-one", *self.blocks())
        assert book.tangle().err == ""
        shutil.copy(ROOT / "pyproject.toml", book.root)
        ruff = [sys.executable, "-m", "ruff"]
        folders = ["dlfs", "tests"]
        for command in (
            [*ruff, "format", "--diff", *folders],
            [*ruff, "check", "--select", "E,W,I,RUF,UP", *folders],
        ):
            done = subprocess.run(
                command, cwd=book.root, capture_output=True, text=True
            )
            assert done.returncode == 0, (
                done.stdout[:2000] + done.stderr[:2000]
            )
