"""Properties of the tangler on random books.

A book is a list of steps, each a block: a function, class, constant, method,
import, or a replacement of an earlier block. `expected_modules` puts the same
steps together in its own simple way, from syntax trees instead of lines.
"""

import ast
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from books import make_block
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.tangle.command import find_copy
from bookkit.tangle.disk import write_output
from bookkit.tangle.output import tangle

FILES = ("dlfs/a.py", "dlfs/b.py", "tests/test_a.py")
IMPORTS = (
    "import sys",
    "import numpy as np",
    "from typing import Any",
    "from dlfs.c import thing",
)
BODIES = (
    "return {n}",
    '"""Doc.\n\n    More.\n    """\n    return {n}',
    'text = """\n{n}\n  """\n\n    # why\n    return text',
    "if {n}:\n        return 1\n    return [\n        1,\n        2,\n    ]",
)


@dataclass
class Step:
    """A block: its place and its statements, as text."""

    name: str
    chapter: int
    file: str
    statements: list[str]
    replaces: str = ""
    imports: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code of the block, as ruff would format it."""
        parts = ["\n".join(self.imports)] if self.imports else []
        return "\n\n\n".join([*parts, *self.statements])


@st.composite
def statements(draw, number: int, classes: list[str]) -> list[str]:
    """One to three statements; `classes` can be extended."""
    found = []
    for index in range(draw(st.integers(1, 3))):
        name = f"{number}_{index}"
        body = draw(st.sampled_from(BODIES)).replace("{n}", name)
        body = body.replace(name, str(number))
        comment = draw(st.sampled_from(["", "# A comment.\n"]))
        kinds = ["def", "class", "constant", *(["method"] * 3 * bool(classes))]
        kind = draw(st.sampled_from(kinds))
        if kind == "def":
            text = f"def f{name}(a):\n    {body}"
        elif kind == "class":
            text = f'class C{name}:\n    """Doc."""\n\n    x = 1'
        elif kind == "constant":
            text = f"X{name} = [\n    {number},\n]"
        else:
            grown = draw(st.sampled_from(classes))
            text = f"@extend({grown})\ndef m{name}(self):\n    {body}"
        found.append(comment + text)
    return found


@st.composite
def books(draw) -> list[Step]:
    """A sequence of valid blocks."""
    steps: list[Step] = []
    current: dict[str, list[Step]] = {file: [] for file in FILES}
    for number in range(draw(st.integers(1, 10))):
        chapter = draw(st.integers(0, 2)) if not steps else steps[-1].chapter
        chapter += draw(st.integers(0, 1))
        file = draw(st.sampled_from(FILES))
        old = draw(st.sampled_from([None, None, *current[file]]))
        before = current[file]
        if old:
            before = before[: before.index(old)]
        texts = [text for step in before for text in step.statements]
        step = Step(
            f"b-{number}",
            chapter,
            file,
            draw(statements(number, class_names(texts))),
            imports=draw(st.lists(st.sampled_from(IMPORTS), max_size=2)),
        )
        if old and not class_names(old.statements):
            step.replaces = old.name
            current[file][current[file].index(old)] = step
        else:
            current[file].append(step)
        steps.append(step)
    return steps


def class_names(texts: list[str]) -> list[str]:
    """The classes that some statements define."""
    nodes = [node for text in texts for node in ast.parse(text).body]
    return [node.name for node in nodes if isinstance(node, ast.ClassDef)]


def write_book(root: Path, steps: list[Step]) -> None:
    """Write the chapters of a book."""
    chapters: dict[int, list[str]] = {}
    for step in steps:
        options = {"replaces": step.replaces} if step.replaces else {}
        block = make_block(step.code, step.name, step.file, **options)
        chapters.setdefault(step.chapter, ["Some text."]).append(block)
    (root / "book").mkdir()
    for number, parts in chapters.items():
        path = root / "book" / f"{number:02}-chapter.md"
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def expected_modules(steps: list[Step]) -> dict[str, ast.Module]:
    """What a book makes, without imports and `__all__`."""
    modules: dict[str, ast.Module] = {}
    placed: dict[str, list[Step]] = {}
    for step in steps:
        slots = placed.setdefault(step.file, [])
        names = [each.name for each in slots]
        if step.replaces in names:
            slots[names.index(step.replaces)] = step
        else:
            slots.append(step)
    for file, slots in placed.items():
        body: list[ast.stmt] = []
        for text in (text for step in slots for text in step.statements):
            (node,) = ast.parse(text).body
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                name = node.decorator_list.pop().args[0].id
                find_class(body, name).body.append(node)
            else:
                body.append(node)
        modules[file] = ast.Module(body, [])
    return modules


def find_class(body: list[ast.stmt], name: str) -> ast.ClassDef:
    """The class of this name."""
    return next(
        node
        for node in body
        if isinstance(node, ast.ClassDef) and node.name == name
    )


def without_generated(text: str) -> ast.Module:
    """A module without what the tangler adds."""
    tree = ast.parse(text)
    tree.body = [
        node
        for node in tree.body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
        and not ast.unparse(node).startswith("__all__")
    ]
    return tree


def dump(tree: ast.AST) -> str:
    """A tree as text, with the indentation of docstrings undone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            node.body[0].value.value = ast.get_docstring(node)
    return ast.dump(tree)


def in_folder(steps: list[Step], check) -> None:
    """Write a book into a folder and check it there."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_book(root, steps)
        check(root, steps)


quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestProperties:
    @quick
    @given(books())
    def test_files_are_what_the_blocks_say(self, steps):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            expected = expected_modules(steps)
            assert output.files.keys() == expected.keys()
            for file, tree in expected.items():
                found = without_generated(output.text(file))
                assert dump(found) == dump(tree)

        in_folder(steps, check)

    @quick
    @given(books())
    def test_imports_are_those_of_the_blocks_in_place(self, steps):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            replaced = {step.replaces for step in steps}
            for file in output.files:
                lines = output.text(file).splitlines()
                found = [x for x in lines if x.startswith(("import", "from"))]
                assert set(found) == {
                    text
                    for step in steps
                    if step.file == file and step.name not in replaced
                    for text in step.imports
                }
                assert len(set(found)) == len(found)

        in_folder(steps, check)

    @quick
    @given(books())
    def test_every_copied_line_leads_to_its_line_and_back(self, steps):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            for file, lines in output.files.items():
                for number, line in enumerate(lines, 1):
                    if line.origin is None:
                        continue
                    path = root / line.origin.path
                    source = path.read_text("utf-8").split("\n")
                    origin = source[line.origin.line - 1]
                    assert origin.strip() == line.text.strip()
                    assert find_copy(
                        output, line.origin.path, line.origin.line
                    ) == (f"{file}:{number}")

        in_folder(steps, check)

    @quick
    @given(books())
    def test_every_line_of_a_block_in_place_is_copied(self, steps):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            copied = {
                (line.origin.block, line.text.strip())
                for lines in output.files.values()
                for line in lines
                if line.origin
            }
            replaced = {step.replaces for step in steps}
            for step in steps:
                for text in "\n".join(step.statements).split("\n"):
                    is_copied = (step.name, text.strip()) in copied
                    if text.strip() and not text.startswith("@extend"):
                        assert is_copied == (step.name not in replaced)

        in_folder(steps, check)

    @quick
    @given(books())
    def test_the_second_run_writes_nothing(self, steps):
        def check(root, steps):
            output = tangle(read_book(root / "book"))
            assert write_output(root, output)
            assert write_output(root, output) == []

        in_folder(steps, check)

    def test_ruff_has_nothing_to_change(self, tmp_path):
        folders = []

        @settings(quick, max_examples=25)
        @given(books())
        def write(steps):
            root = tmp_path / f"book-{len(folders)}"
            root.mkdir()
            write_book(root, steps)
            output = tangle(read_book(root / "book"))
            write_output(root, output)
            folders.append(root)

        write()
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        files = [
            str(root / name) for root in folders for name in ("dlfs", "tests")
        ]
        files = [name for name in files if Path(name).exists()]
        for command in (
            ["format", "--diff"],
            ["check", "--select", "E,W,I,UP"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, *files],
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (
                done.stdout[:2000] + done.stderr[:2000]
            )
