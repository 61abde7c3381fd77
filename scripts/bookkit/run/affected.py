"""Which tests a chapter may have changed the outcome of.

A test has a key: the hash of its own code, of what it uses of its file, and
of all modules that it reaches by imports. It runs after a chapter if its key
is not the one it had before. Names are followed to the module that defines
them: who imports `Tensor` from `dlfs` does not depend on `dlfs.optim`.

What cannot be followed counts as a dependence on more, never on less: a
module whose name is passed on or stands in a string, with all below it;
statements that are no definitions, on which all of their file depends; and
modules made of such statements, on which all who use their folder depend.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bookkit.run.cache import hash_of
from bookkit.tangle.blocks import DEFINITIONS, IMPORTS, changed_names
from bookkit.tangle.output import Output

MODULE_IN_TEXT = re.compile(r"\bdlfs\b(?:\.\w+)*\.?")


@dataclass
class Source:
    """A file: its statements by the names they define, and its imports.

    Under "" are statements that define nothing. `imported` says for a name
    which module it comes from and, unless it is a module, its name there.
    `always` are the names that every test of the file depends on.
    """

    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    tests: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=lambda: ["", "pytestmark"])


@functools.lru_cache(1000)
def read_source(text: str) -> Source:
    """Take a file apart."""
    source, tree = Source(), ast.parse(text)
    for node in tree.body:
        names = list(changed_names(node))
        for name in names or [""]:
            source.statements.setdefault(name, []).append(node)
        if is_test(node):
            source.tests.append(node.name)
        elif any("autouse=True" in text for text in decorators(node)):
            source.always.append(node.name)
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, IMPORTS) else ():
            bound = alias.asname or alias.name.partition(".")[0]
            if isinstance(node, ast.ImportFrom):
                source.imported[bound] = node.module, alias.name
            else:
                source.imported[bound] = alias.name, ""
    source.statements[""] = [
        node
        for node in source.statements.get("", ())
        if not isinstance(node, (*IMPORTS, ast.Pass)) and not is_text(node)
    ]
    return source


def is_test(node: ast.stmt) -> bool:
    """Whether pytest takes a statement for a test, or a class of tests."""
    return (
        isinstance(node, DEFINITIONS)
        and node.name.startswith(("test", "Test"))
        and not any(d.startswith("pytest.fixture") for d in decorators(node))
    )


def decorators(node: ast.stmt) -> list[str]:
    """The code of the decorators of a function or class."""
    return [ast.unparse(each) for each in getattr(node, "decorator_list", ())]


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@functools.lru_cache(10_000)
def uses(node: ast.stmt) -> tuple[set[tuple[str, str]], set[str]]:
    """The names in a statement with their attributes, and modules in texts.

    A name that stands alone has the attribute "".
    """
    names, texts, parts = set(), set(), set()
    for each in ast.walk(node):
        match each:
            case ast.Attribute(ast.Name(name), attribute):
                names.add((name, attribute))
                parts.add(each.value)
            case ast.Name(name) if each not in parts:
                names.add((name, ""))
            case ast.arg(name):  # which may be a fixture
                names.add((name, ""))
            case ast.Constant(str(text)):
                texts.update(MODULE_IN_TEXT.findall(text))
    return names, texts


code_of = functools.lru_cache(10_000)(ast.unparse)


class Graph:
    """What the tests and modules of a snapshot depend on."""

    def __init__(self, output: Output) -> None:
        self.texts = {
            file: "\n".join(
                line.text
                for line in lines
                if not line.text.startswith("# book/")
            )
            for file, lines in output.files.items()
        }
        self.sources = {f: read_source(t) for f, t in self.texts.items()}
        self.needs = {
            file: self.follow(source, source.statements)
            for file, source in self.sources.items()
            if file.startswith("dlfs/")
        }
        self.acting: dict[str, list[str]] = {}  # folder -> modules that act
        for file in self.needs:
            if self.sources[file].statements[""]:
                folder = file.rpartition("/")[0]
                self.acting.setdefault(folder, []).append(file)

    def follow(self, source: Source, names: Iterable[str]) -> set[str]:
        """The files that statements of a file, found by name, speak of."""
        found = set()
        for name in names:
            for node in source.statements.get(name, ()):
                used, texts = uses(node)
                for name, attribute in used:
                    if name in source.imported:
                        found |= self.find(*source.imported[name], attribute)
                for text in texts:
                    found |= self.below(text.rstrip("."), "." in text)
        return found

    def find(self, module: str, name: str, attribute: str = "") -> set[str]:
        """The files that define what is imported from a module."""
        inner = f"{module}.{name}".rstrip(".")
        if name and not self.file_of(inner):
            file = self.file_of(module)
            if not file:
                return set()
            source = self.sources[file]
            if name in source.statements:
                return {file}
            if name in source.imported:
                return self.find(*source.imported[name], attribute)
            return self.below(module, True)
        if attribute and self.file_of(inner):
            return self.find(inner, attribute)
        return self.below(inner, True)

    def below(self, module: str, is_clear: bool) -> set[str]:
        """The files of a module; of "dlfs" alone only if that is clear."""
        while module and not self.file_of(module):
            module = module.rpartition(".")[0]
        if not module.startswith("dlfs") or not (is_clear or "." in module):
            return set()
        folder = module.replace(".", "/")
        return {
            file
            for file in self.sources
            if file == f"{folder}.py" or file.startswith(f"{folder}/")
        }

    def file_of(self, module: str) -> str:
        """The file of a module, or nothing if the book does not make it."""
        path = module.replace(".", "/")
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if file in self.sources:
                return file
        return ""

    def reached(self, files: set[str]) -> set[str]:
        """These modules, and all that they need."""
        found, waiting = set(), list(files)
        while waiting:
            file = waiting.pop()
            if file not in found:
                found.add(file)
                waiting += self.needs.get(file, ())
                waiting += self.acting.get(file.rpartition("/")[0], ())
        return found

    def keys(self) -> Iterator[tuple[str, str]]:
        """Every test, as pytest is asked for it, and its key."""
        shared = self.texts.get("tests/conftest.py", "")
        for file, source in self.sources.items():
            for test in source.tests if file.startswith("tests/") else ():
                names = find_parts(source, test)
                code = [
                    code_of(node)
                    for name in sorted(names)
                    for node in source.statements.get(name, ())
                ]
                modules = sorted(self.reached(self.follow(source, names)))
                texts = [self.texts[each] for each in modules]
                yield f"{file}::{test}", hash_of([shared, *code, *texts])


def find_parts(source: Source, test: str) -> set[str]:
    """The names in a test's file that it uses, and those that they use."""
    found, waiting = set(), [*source.always, test]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            for node in source.statements.get(name, ()):
                waiting += [each for each, _ in uses(node)[0]]
    return found


def find_affected(before: Output, after: Output) -> tuple[list[str], int]:
    """The tests to run after a chapter, and how many stand as they were."""
    known = dict(Graph(before).keys())
    tests = dict(Graph(after).keys())
    changed = [test for test, key in tests.items() if known.get(test) != key]
    return changed, len(tests) - len(changed)
