"""Which tests a chapter may break: those that it changes, or their code.

A test is a function or class of a test file. Whatever uses a name that a
chapter changes counts as changed, too, and so on up to the tests. A name is
known as on the page, `Linear`, wherever it stands in the package; a private
one with its module, `dlfs.nn.dense._scale`, as that of an experiment, since
each has a `main`; and one of a test file with that, `tests/test_nn.py::make`.
A module's name stands for all in it, and nothing, after the file if there is
one, for what every test depends on. In doubt a name is used:

* A module that is not followed by a name of its own, as in `vars(nn)`, stands
  for all that is in it. So does a module named in a string of a test, or
  where the package imports by text; else it is a label. The package's own code
  may ask for a module's `__file__`, which is only a place.
* `globals().update(...)` changes all that is in its file, and a function that
  becomes a `__getattr__` all that is asked of the package itself, `dlfs.x`.
* If a test only hands a module on, as in `train(dlfs)`, or lets `eval` look in
  it, as in `{"np": np} | vars(nn)`, it uses what is said in the test and in
  what that uses: after a dot, or in a string.
* Words in the strings of tests are names: of fixtures, or for `eval`.
* A statement that defines nothing belongs to the name that it changes, as in
  `TABLE.update(...)`, else to every test. A decorator may write in the tables
  that it uses.
* A test that imports by text or starts a program, and says nowhere what of the
  package that needs, depends on all of it. So does one that reaches a public
  function of the package that imports by text.
* Everything in a `conftest.py` belongs to every test, but for the fixtures
  that tests ask for by their names.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bookkit.read.source import parse
from bookkit.tangle.assemble import module_name
from bookkit.tangle.blocks import DEFINITIONS, IMPORTS, is_string
from bookkit.tangle.imports import Imported, read_import
from bookkit.tangle.output import Output

IN_STRING = re.compile(r"\bdlfs(?:\.\w+)+|(?:from|import|-m) dlfs(?:\.\w+)*")
WORD = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
OPENED = re.compile(r"([A-Za-z_][\w.]*)\.(?!\w)")  # "nn.{name}" for `eval`
HIDDEN = {  # what leads to modules that no name leads to
    *("__import__", "import_module", "iter_modules", "walk_packages"),
    *("Popen", "globals", "runpy", "subprocess", "__subclasses__"),
}
HOOKS = ("pytest", "setup", "teardown")  # pytest looks for such names
FOR_EVAL = re.compile(
    r"\|=? vars\([\w.]+\)|vars\([\w.]+\) \||vars\(torch[\w.]*\)"
)
LOOKS_INSIDE = re.compile(  # a module, for names that nobody says
    r"\b(?:vars|dir|inspect|pkgutil|importlib|__subclasses__)\b"
    r"|__(?:all|dict|file|path|version)__|\._[a-z]"
    r"|\w{|}\w"  # "conv{n}d" says no name
)
# A module, or a name in one that is known without it.
PUBLIC = re.compile(r"dlfs(?!\.experiments\.\w+\.)(?:\.[A-Za-z]\w*)*")
TABLE = re.compile(r"[\[{]|(?:\w+\.)*(?:\w*[dD]ict\w*|list|set|Weak\w+)\(")
PACKAGE = "dlfs"  # as a name: all that is in it
EXPERIMENT = f"{PACKAGE}.experiments."
DOOR = "dlfs.__getattr__"  # gives what is in none of its modules

Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Part:
    """A statement at the top of a file: the names that it makes and uses.

    `text` is what is compared: its code, and what that uses, as an import may
    give a name another meaning. `decorators` are the names of those;
    `is_table` says whether it makes a list, a dictionary or the like, `says`
    whether a string in it names a module of the package, `hides` whether it
    may use what it does not name. A part of a test may use all of the modules
    in `whole`, if one part of the test `looks` inside; else it may use the
    `words` that are said there.
    """

    text: str
    makes: set[str]
    uses: set[str]
    decorators: set[str] = frozenset()
    is_table: bool = False
    says: bool = False
    hides: bool = False
    whole: set[str] = frozenset()
    looks: bool = False
    words: set[str] = frozenset()


def affected_tests(before: Output, after: Output) -> list[str]:
    """The tests that may fail after a chapter, though not before it.

    They are named as pytest is asked for them: "tests/test_a.py::test_b".
    """
    (old, _), (new, users) = map(read_package, (before, after))
    changed = {name for name in old | new if old.get(name) != new.get(name)}
    broken = closure(changed, users)
    return [
        name
        for file in after.files
        if file.startswith("tests/")
        for node in parse(after.text(file)).body
        if is_test(node) and (name := f"{file}::{node.name}") in broken
    ]


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


def read_package(output: Output) -> tuple[dict[str, list[str]], Graph]:
    """The texts that make each name, and which names use it."""
    modules = frozenset(
        module
        for file in output.files
        if not file.startswith("tests/")
        for module in folders(module_name(file))
    )
    parts = [
        part
        for file in output.files
        for part in read_file(file, output.text(file), modules)
    ]
    uses = link((part.makes, part.uses) for part in parts)
    tables = join(part.makes for part in parts if part.is_table)
    texts: dict[str, list[str]] = {}
    users: Graph = {}
    for part in parts:
        entered = join(uses.get(name, set()) for name in part.decorators)
        makes = part.makes | (tables & (part.decorators | entered))
        for name in makes:
            texts.setdefault(name, []).append(part.text)
        for name in part.uses:
            users.setdefault(name, set()).update(makes)
    return texts, users


def join(sets: Iterable[set[str]]) -> set[str]:
    """All that is in any of some sets."""
    return set().union(*sets)


def link(pairs: Iterable[tuple[set[str], set[str]]]) -> Graph:
    """A graph that leads from each of some names to all of the others."""
    graph: Graph = {}
    for names, others in pairs:
        for name in names:
            graph.setdefault(name, set()).update(others)
    return graph


def closure(names: set[str], graph: Graph) -> set[str]:
    """These names, and all that the graph leads to."""
    found, new = set(), names
    while new:
        found |= new
        new = join(graph.get(name, set()) for name in new) - found
    return found


# --- Reading a file ---


@functools.lru_cache(1024)  # most files stay as they are for many chapters
def read_file(file: str, text: str, modules: frozenset[str]) -> list[Part]:
    """The parts of a file; those of a test with what they do not name."""
    parts = read_parts(file, text)
    if not file.startswith("tests/test_"):
        return parts
    graph = link((part.makes, part.uses) for part in parts)
    found = []
    for part in parts:
        own = closure(part.makes, graph)
        mine = [each for each in parts if each.makes & own]
        uses = set(part.uses)
        if any(x.hides for x in mine) and not any(x.says for x in mine):
            uses.add(PACKAGE)
        if "__subclasses__" in part.words:
            uses |= join(each.makes for each in parts)
        said = join(each.whole for each in mine)
        if any(x.count(".") < 2 for x in said - (modules - {PACKAGE})):
            uses.add(DOOR)
        if any(each.looks for each in mine):
            uses |= said & modules
        elif said & modules or any(x.startswith("tests/") for x in uses - own):
            uses |= join(each.words for each in mine)
        found.append(replace(part, uses=uses))
    return found


@functools.lru_cache(1024)
def read_parts(file: str, text: str) -> list[Part]:
    """Read what the statements of a file name."""
    tree = parse(text)
    is_test_file = file.startswith("tests/test_")
    start = f"{file}::" if is_test_file else f"{module_name(file)}."
    meanings = {}
    for node in ast.walk(tree):
        if isinstance(node, IMPORTS):
            meanings |= {x.bound: full_name(x) for x, _ in read_import(node)}
    imported = join(resolve(name, meanings) for name in meanings)
    nodes = statements(tree)
    own = {name for node in nodes for name in made_names(node)} - {""}
    meanings |= {name: start + name for name in own - {*meanings}}
    parts = [read_part(node, meanings, start * is_test_file) for node in nodes]
    if is_test_file:
        return parts
    if file.startswith("tests/"):
        return list(map(shared, nodes, parts))
    made = join(part.makes for part in parts)
    openers = join(part.uses for part in parts if DOOR in part.makes)
    for number, part in enumerate(parts):
        if part.text.startswith("globals()"):
            parts[number] = replace(part, makes=made)
        elif part.makes & openers:  # it opens for names that somebody says
            modules = {x for x in part.uses if PUBLIC.fullmatch(x)}
            parts[number] = replace(part, uses=part.uses - modules)
    offered = {name for name in imported | made if PACKAGE not in name}
    return [*parts, Part("", folders(module_name(file)), offered)]


def statements(tree: ast.Module) -> list[ast.stmt]:
    """What makes the parts of a file: all but its imports and its text."""
    return [
        node
        for node in tree.body
        if not isinstance(node, IMPORTS) and not is_string(node)
    ]


def folders(module: str) -> set[str]:
    """A module and the packages that it is in."""
    names = module.split(".")
    return {".".join(names[: n + 1]) for n in range(len(names))}


def shared(node: ast.stmt, part: Part) -> Part:
    """A part of a `conftest.py`: a fixture by name, or every test's."""
    fixtures = filter(is_fixture, getattr(node, "decorator_list", []))
    if all("autouse" in ast.unparse(each) for each in fixtures):
        return replace(part, makes={*part.makes, ""})
    asks = {f"fixture {each.arg}" for each in node.args.args}
    return replace(part, makes={f"fixture {node.name}"}, uses=part.uses | asks)


def full_name(imported: Imported) -> str:
    """The full name of what an import binds."""
    if imported.name:
        return f"{imported.module}.{imported.name}"
    return imported.module if imported.alias else imported.bound


def read_part(node: ast.stmt, meanings: dict[str, str], start: str) -> Part:
    """Read a statement; `start` begins the names of a test file."""
    code = ast.unparse(node)
    names, strings = names_in(node)
    said = {name.split()[-1] for name in IN_STRING.findall(strings)}
    if not start:  # what is in a module does not follow from its place
        names = {name for name in names if not name.endswith(".__file__")}
    uses = join(resolve(name, meanings) for name in names)
    hides = HIDDEN & {part for name in names for part in name.split(".")}
    makes = {
        own_name(meanings[name]) if name in meanings else start
        for name in made_names(node)
    }
    if re.match(r"\w+\.__getattr__ = ", code):
        makes.add(DOOR)
    if start:
        words = join(resolve(w, meanings) for w in WORD.findall(strings))
        opened = join(resolve(w, meanings) for w in OPENED.findall(strings))
        words = {x for x in words if not PUBLIC.fullmatch(x)}
        uses |= {"", start} | words | opened
        uses |= {f"fixture {x}" for x in names | {*WORD.findall(strings)}}
    elif "import_module" in hides and not all(map(is_private, makes)):
        uses.add(PACKAGE)
    if start or hides:
        uses |= said.union(*(name.split(".")[1:] for name in said))
    text = "\n".join([code, *sorted(uses)])
    whole = {x for x in uses - said if start and PUBLIC.fullmatch(x)}
    decorators = set()
    for each in getattr(node, "decorator_list", []):
        called = each.func if isinstance(each, ast.Call) else each
        found = resolve(dotted(called), meanings)
        decorators |= found
        if isinstance(called, ast.Attribute):  # as in @TABLE.register
            makes |= found
    value = getattr(node, "value", None)
    return Part(
        text,
        makes,
        uses - whole,
        decorators,
        is_table=bool(value and TABLE.match(ast.unparse(value))),
        says=bool(said),
        hides=bool(hides),
        whole=whole,
        looks=bool(LOOKS_INSIDE.search(FOR_EVAL.sub("", code))),
        words=words_in(node, strings),
    )


def words_in(node: ast.stmt, strings: str) -> set[str]:
    """What a statement says after dots and in strings."""
    said = {x.attr for x in ast.walk(node) if isinstance(x, ast.Attribute)}
    return (said | {*re.findall(r"[A-Za-z_]\w*", strings)}) - {PACKAGE}


def names_in(node: ast.stmt) -> tuple[set[str], str]:
    """The names that a statement uses, dotted, and its strings."""
    names, strings = set(), []
    seen = set()  # the `nn` of `nn.Linear` is no name of its own
    for each in ast.walk(node):
        if is_string(each):
            seen.add(each.value)
        elif isinstance(each, IMPORTS):
            names |= {found.bound for found, _ in read_import(each)}
        elif isinstance(each, ast.Attribute | ast.Name):
            seen.add(getattr(each, "value", None))
            if each not in seen:
                names.add(dotted(each))
        elif isinstance(each, ast.arg):
            names.add(each.arg)  # in a test a fixture
        elif isinstance(each, ast.Constant) and each not in seen:
            strings += [each.value] * isinstance(each.value, str)
    return names, "\n".join(strings)


def dotted(node: ast.expr) -> str:
    """A name with its attributes: "nn.Linear"; nothing, if it is none."""
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return node.id if isinstance(node, ast.Name) else ""


def resolve(name: str, meanings: dict[str, str]) -> set[str]:
    """The names of the book that a dotted name may mean in a file."""
    first, dot, rest = name.partition(".")
    meant = meanings.get(first, "")
    if meant.startswith("tests/"):
        return {meant}
    path = (meant + dot + rest).removeprefix("tests.")
    root, *parts = path.split(".")
    if root.startswith("test_"):
        return {f"tests/{root}.py::{part}" for part in parts}
    if root != PACKAGE:
        return set()
    module = path.partition(".__")[0]  # for its `__file__` or `__dict__`
    return {path, module, *parts, *filter(is_private, folders(path))}


def is_private(name: str) -> bool:
    """Whether a name with its module is a private one, or an experiment's."""
    module, _, last = name.rpartition(".")
    return last.startswith("_") or module.startswith(EXPERIMENT)


def own_name(meant: str) -> str:
    """The name that a file makes or changes by a full name."""
    is_ours = meant.startswith((f"{PACKAGE}.", "tests"))
    if not is_ours:
        return ""  # it changes somebody else's library
    is_full = is_private(meant) or "::" in meant
    return meant if is_full else meant.rpartition(".")[2]


def made_names(node: ast.stmt) -> Iterator[str]:
    """What a statement defines or changes; "" if it concerns every test."""
    if isinstance(node, DEFINITIONS):
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        if "autouse" in decorators or node.name.startswith(HOOKS):
            yield ""
        yield node.name
    elif ast.unparse(node).startswith("if __name__ == '__main__'"):
        yield "__main__"  # it does not run in an import
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in getattr(node, "targets", None) or [node.target]:
            for each in getattr(target, "elts", [target]):
                name = leftmost(each)
                yield "" if name.startswith(HOOKS) else name
    elif isinstance(getattr(node, "value", None), ast.Call):
        called = node.value.func
        yield "" if isinstance(called, ast.Name) else leftmost(called)
    else:
        yield ""


def leftmost(node: ast.expr) -> str:
    """The name that an expression begins with: of `a.b(1)[0]` "a"."""
    return re.match(r"\w*", ast.unparse(node))[0]
