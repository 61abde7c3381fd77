"""Which tests a chapter may break: those that it changes, or their code.

A test is a function or class of a test file. It depends on the statements of
the package and the tests that it can reach by names: `nn.Linear` leads through
`dlfs/nn/__init__.py` to a class in `dlfs/nn/dense.py`, and on to what that
uses. It runs again where the text of any of them is another than after the
chapter before. In doubt there is a dependence:

* A module that is not followed by a name of its own, as in `vars(nn)`, stands
  for all that is in it. So does a module named in a string of a test or a
  function; in a table of the package it is a label.
* Words in the strings of tests are names: of fixtures, or for `eval`.
* A statement that defines nothing belongs to the name that it changes, as in
  `TABLE.update(...)`, else to every test. A decorator may write in the tables
  that it uses.
* A test that imports by text or starts a program, and says nowhere what of the
  package that needs, depends on all of it. So does one that reaches a public
  function of the package that imports by text.
* Everything in a `conftest.py` belongs to every test.
"""

import ast
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bookkit.read.source import parse
from bookkit.tangle.assemble import module_name
from bookkit.tangle.blocks import DEFINITIONS, IMPORTS, is_string
from bookkit.tangle.imports import read_import
from bookkit.tangle.output import Output

Name = tuple[str, ...]  # nn.Linear as ("nn", "Linear")
Node = tuple[str, str]  # a module and a name in it, or "" for what has none

IN_STRING = re.compile(r"\bdlfs(?:\.\w+)+|(?:from|import|-m) dlfs(?:\.\w+)*")
WORD = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\.?")
HIDDEN = {  # what leads to modules that no name leads to
    *("__import__", "import_module", "iter_modules", "walk_packages"),
    *("Popen", "globals", "runpy", "subprocess", "__subclasses__"),
}
HOOKS = ("pytest", "setup", "teardown")  # pytest looks for such names
TABLE = re.compile(r"[\[{]|(?:\w+\.)*(?:\w*[dD]ict\w*|list|set|Weak\w+)\(")


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a module, and all that it uses.

    `names` are looked up in its module, and so are the `words` in its strings;
    `paths` are full names, of modules and what is in them, and `says` whether
    one of them stands in a string.
    """

    text: str
    names: set[Name]
    words: set[Name]
    paths: set[Name]
    says: bool
    decorators: list[Name]
    is_table: bool

    @property
    def is_hidden(self) -> bool:
        """Whether it may lead to modules that it does not name."""
        return any(HIDDEN.intersection(name) for name in self.names)


@dataclass
class Contents:
    """A module: statements by what they define or change, and imports.

    `tests` are the names of those statements that pytest takes for tests.
    """

    statements: dict[str, list[Statement]] = field(default_factory=dict)
    imports: dict[str, Name] = field(default_factory=dict)
    tests: list[str] = field(default_factory=list)


def affected_tests(before: Output, after: Output) -> list[str]:
    """The tests that may fail after a chapter, though not before it.

    They are named as pytest is asked for them: "tests/test_a.py::test_b".
    """
    old, new = (
        read_package(tuple((file, each.text(file)) for file in each.files))
        for each in (before, after)
    )
    broken = new.users({n for n in new.nodes if new[n] != old[n]})
    return [test for test, node in new.tests.items() if node in broken]


def is_test(node: ast.stmt) -> bool:
    """Whether pytest takes a statement for a test, or a class of tests."""
    return (
        isinstance(node, DEFINITIONS)
        and node.name.startswith(("test", "Test"))
        and not any(map(is_fixture, node.decorator_list))
    )


def is_fixture(decorator: ast.expr) -> bool:
    """Whether a decorator makes a fixture of a function."""
    return ast.unparse(decorator).startswith("pytest.fixture")


# --- Reading a module ---


@functools.lru_cache(1024)  # most files stay as they are for many chapters
def read_module(module: str, text: str) -> Contents:
    """Read what a module defines, changes and imports."""
    contents = Contents()
    lines = text.splitlines()
    is_of_test = is_test_module(module)
    for node in parse(text).body:
        if isinstance(node, IMPORTS):
            contents.imports |= dict(bound_names(node))
            continue
        if is_test(node):
            contents.tests.append(node.name)
        if not is_string(node):
            statement = read_statement(node, lines, is_of_test)
            for name in changed_names(node):
                if contents.imports.get(name, ["dlfs"])[0] != "dlfs":
                    name = ""  # it changes somebody else's library
                contents.statements.setdefault(name, []).append(statement)
    return contents


def bound_names(node) -> Iterator[tuple[str, Name]]:
    """The names that an import binds, each with the full name behind it."""
    for imported, _ in read_import(node):
        path = tuple(imported.module.split("."))
        if imported.name:
            path += (imported.name,)
        elif not imported.alias:
            path = path[:1]
        yield imported.bound, path


def is_test_module(name: str) -> bool:
    """Whether a module is one of tests/."""
    return name.startswith("tests.")


def changed_names(node: ast.stmt) -> set[str]:
    """What a statement defines or changes; "" if it concerns every test."""
    if isinstance(node, DEFINITIONS):
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        is_hook = "autouse" in decorators or node.name.startswith(HOOKS)
        return {node.name, "" if is_hook else node.name}
    if ast.unparse(node).startswith("if __name__ == '__main__'"):
        return {"__main__"}  # it does not run in an import
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
        if isinstance(targets[0], ast.Name):
            return {""}
    elif not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return {""}
    for each in targets:
        if isinstance(each, ast.Tuple | ast.List):
            targets = [*targets, *each.elts]
    names = {
        "".join(name_of(each)[:1])
        for each in targets
        if not isinstance(each, ast.Tuple | ast.List)
    }
    return names | {"" for name in names if name.startswith(HOOKS)}


def name_of(node: ast.expr) -> Name:
    """The name that an expression begins with: of `a.b(1)[0]` ("a", "b")."""
    if isinstance(node, ast.Attribute):
        start = name_of(node.value)
        return (*start, node.attr) if start else ()
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return (node.id,) if isinstance(node, ast.Name) else ()


def read_statement(
    node: ast.stmt, lines: list[str], is_of_test: bool
) -> Statement:
    """Read what a statement uses."""
    decorators = getattr(node, "decorator_list", [])
    first = min(each.lineno for each in (node, *decorators))
    names, paths, strings = set(), set(), []
    seen = set()  # the `nn` of `nn.Linear` is no name of its own
    for each in ast.walk(node):
        if is_string(each):
            seen.add(each.value)
        elif isinstance(each, IMPORTS):
            paths |= {path for _, path in bound_names(each)}
        elif isinstance(each, ast.Attribute | ast.Name):
            if isinstance(each, ast.Attribute):
                seen.add(each.value)
            if each not in seen or not name_of(each):
                names.add(name_of(each))
        elif isinstance(each, ast.arg) and is_of_test:
            names.add((each.arg,))  # a fixture
        elif isinstance(each, ast.Constant) and each not in seen:
            strings += [each.value] * isinstance(each.value, str)
    text = "\n".join(strings)
    in_strings = {split(name.split()[-1]) for name in IN_STRING.findall(text)}
    words = set(map(split, WORD.findall(text))) if is_of_test else set()
    return Statement(
        "\n".join(lines[first - 1 : node.end_lineno]),
        names - {()},
        words,
        paths | in_strings,
        bool(in_strings),
        [name for each in decorators if (name := name_of(each))],
        bool(TABLE.match(ast.unparse(getattr(node, "value", None) or []))),
    )


def split(name: str) -> Name:
    """The parts of a name with points."""
    return tuple(name.split("."))


# --- Following names ---


def closure(
    nodes: set[Node], follow: Callable[[Node], set[Node]]
) -> set[Node]:
    """These nodes, and all that following leads to."""
    found, new = set(), nodes
    while new:
        found |= new
        new = set().union(*map(follow, new)) - found
    return found


class Package:
    """The package and its tests after a chapter, as a graph of names."""

    def __init__(self, files: tuple[tuple[str, str]]) -> None:
        names = [(module_name(file), text) for file, text in files]
        self.modules = {name: read_module(name, text) for name, text in names}
        self.tests = {
            f"{file}::{test}": (module_name(file), test)
            for file, _ in files
            if file.startswith("tests/")
            for test in self.modules[module_name(file)].tests
        }
        self.writers: dict[Node, set[Node]] = {}
        for module, contents in self.modules.items():
            for name, statements in contents.statements.items():
                writer = module, name
                changed = self.find(module, (name,)) - {writer}
                for decorator in {x for s in statements for x in s.decorators}:
                    for node in self.find(module, decorator):
                        changed |= set(filter(self.is_table, self.uses(node)))
                        changed |= {node} if decorator[1:] else set()
                for node in changed:
                    self.writers.setdefault(node, set()).add(writer)
        self.nodes = {node: self.uses(node) for node in self.all_of("")}
        shared = {n for n in self.nodes if self.is_shared(n)}
        everything = {n for n in self.nodes if not is_test_module(n[0])}
        importers = {
            node
            for node in everything
            for statement in self.statements(node)
            if any("import_module" in name for name in statement.names)
            and not node[1].startswith("_")
        }
        for node in self.tests.values():
            self.nodes[node] |= shared | {(node[0], "")} & self.nodes.keys()
            own = closure({node}, self.uses_of_tests)
            mine = [s for each in own for s in self.statements(each)]
            if closure({node}, self.nodes.__getitem__) & importers:
                self.nodes[node] |= everything
            says = any(statement.says for statement in mine)
            if not says and any(statement.is_hidden for statement in mine):
                self.nodes[node] |= everything

    def is_shared(self, node: Node) -> bool:
        """Whether every test depends on a node."""
        module, name = node
        return module.endswith("conftest") or (
            not name and not module.startswith("tests.test_")
        )

    def uses_of_tests(self, node: Node) -> set[Node]:
        """What a node uses of the tests."""
        return {n for n in self.nodes[node] if is_test_module(n[0])}

    def users(self, nodes: set[Node]) -> set[Node]:
        """These nodes, and all that lead to them."""
        users: dict[Node, set[Node]] = {}
        for node, used in self.nodes.items():
            for each in used:
                users.setdefault(each, set()).add(node)
        return closure(nodes, lambda node: users.get(node, set()))

    def __getitem__(self, node: Node) -> tuple:
        """What is to be compared of a node."""
        if node not in self.nodes:
            return ()
        imports = self.modules[node[0]].imports
        statements = self.statements(node)
        used = {x[0] for s in statements for x in s.names | s.words}
        return (
            [statement.text for statement in statements],
            {name: imports[name] for name in used & imports.keys()},
            self.nodes[node],
        )

    def statements(self, node: Node) -> list[Statement]:
        """The statements that define or change a name."""
        return self.modules[node[0]].statements.get(node[1], [])

    def is_table(self, node: Node) -> bool:
        """Whether a name stands for a list, a dictionary or the like."""
        return any(statement.is_table for statement in self.statements(node))

    def uses(self, node: Node) -> set[Node]:
        """What the statements of a name use."""
        found = set(self.writers.get(node, ()))
        for statement in self.statements(node):
            words = statement.words - set(self.bare_modules(node[0]))
            for name in statement.names | words:
                found |= self.find(node[0], name)
            is_table = not statement.text.startswith(("def", "class", "@"))
            is_label = is_table and not is_test_module(node[0])
            for path in () if is_label else statement.paths:
                found |= self.find_path(path)
        return found

    def bare_modules(self, module: str) -> Iterator[Name]:
        """The names by which a module knows others: in a string, a word."""
        for name, path in self.modules[module].imports.items():
            if ".".join(path) in self.modules:
                yield (name,)

    def find(self, module: str, name: Name) -> set[Node]:
        """What a name means in a module."""
        contents = self.modules[module]
        found = (
            {(module, name[0])} if name[0] in contents.statements else set()
        )
        if name[0] in contents.imports:
            found |= self.find_path(contents.imports[name[0]] + name[1:])
        return found

    def find_path(self, path: Name) -> set[Node]:
        """What the full name of a module, or of something in it, means."""
        if f"tests.{path[0]}" in self.modules:  # pytest puts tests/ first
            path = ("tests", *path)
        for stop in range(len(path), 0, -1):
            module, rest = ".".join(path[:stop]), path[stop:]
            if module in self.modules:
                found = self.find(module, rest) if rest else None
                return found or self.all_of(module)
        return set()

    def all_of(self, name: str) -> set[Node]:
        """All that is in a module, or in those of a package, or anywhere."""
        nodes = set()
        for module, contents in self.modules.items():
            if not name or f"{module}.".startswith(f"{name}."):
                nodes |= {(module, each) for each in contents.statements}
                for path in contents.imports.values():
                    if ".".join(path) not in self.modules:
                        nodes |= self.find_path(path)
        return nodes


@functools.lru_cache(2)  # a chapter begins with what the one before it made
def read_package(files: tuple[tuple[str, str]]) -> Package:
    """The package and its tests, from the names and texts of their files."""
    return Package(files)
