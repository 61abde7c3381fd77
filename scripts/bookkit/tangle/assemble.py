"""Put the blocks of one generated file together.

A block is cut into its top-level statements (`Segment`). Imports go to the top
of the file, functions under `@extend(Cls)` into the body of `Cls`, all else
stays in order. Lines are copied as they are and carry their `Origin`; what is
generated is blank lines, `# book/04-tensors.md#tensor-mul`, the import block
and `__all__`.
"""

import ast
import builtins
import functools
import itertools
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from bookkit.read.mistakes import Mistake, Mistakes
from bookkit.tangle import methods
from bookkit.tangle.blocks import (
    DEFINITIONS,
    IMPORTS,
    Block,
    Line,
    Origin,
    Segment,
    assigned_names,
    changed_names,
    first_line,
    is_string,
    split_block,
)
from bookkit.tangle.imports import (
    FIRST_PARTY,
    LINE_LENGTH,
    Imported,
    read_import,
    render_imports,
    section,
    sort_names,
)

HEADER = "# Made from book/ by scripts/tangle.py: edit the chapters."
BLANK = Line("")
PYTHON = {*vars(builtins), "__file__", "__path__"}
KEPT = 512  # files and chapters, for the next run in the same process


@dataclass(eq=False)
class Module:
    """The parts of a file, gathered block by block."""

    file: str
    docstring: list[Line] = field(default_factory=list)
    imports: dict[Imported, Origin] = field(default_factory=dict)
    body: list[Segment] = field(default_factory=list)
    classes: dict[str, Segment] = field(default_factory=dict)
    names: dict[str, Block] = field(default_factory=dict)
    members: dict[str, Block] = field(default_factory=dict)
    imported: dict[str, Imported] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name for `import`: "dlfs.nn"."""
        return module_name(self.file)

    @functools.cached_property
    def package(self) -> str:
        """The package of which it is a room, or nothing.

        A program is none: it runs something when Python is asked to run it.
        """
        package, _, name = self.name.rpartition(".")
        is_inside = self.file.startswith("dlfs/") and package != "dlfs"
        is_program = name == "__main__" or any(
            line.text.startswith("if __name__ ==") for line in self.code
        )
        is_package = self.file.endswith("/__init__.py")
        return package if is_inside and not (is_program or is_package) else ""

    @functools.cached_property
    def code(self) -> list[Line]:
        """The lines below its imports."""
        return list(render_body(self))

    @functools.cached_property
    def used(self) -> set[str]:
        """The names that its code uses but does not define."""
        text = "\n".join(line.text for line in self.code)
        try:
            with warnings.catch_warnings(action="ignore"):
                tables = [symtable.symtable(text, "", "exec")]
        except SyntaxError:
            return set()  # which is reported before the file is written
        made, used = set(), set()
        for table in tables:
            tables += table.get_children()
            for symbol in table.get_symbols():
                if table.get_type() == "module" or symbol.is_global():
                    is_made = symbol.is_assigned() or symbol.is_imported()
                    (made if is_made else used).add(symbol.get_name())
        return used - made

    @property
    def missing(self) -> set[str]:
        """The names that it uses but neither it nor Python defines."""
        return self.used - self.imported.keys() - PYTHON


def module_name(file: str) -> str:
    """The name under which a file is imported: "dlfs.nn"."""
    name = file.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


@functools.lru_cache(KEPT)
def gather(file: str, blocks: tuple[Block, ...]) -> Module:
    """Gather the parts of a file from its blocks.

    If there are mistakes the rest means nothing.
    """
    module = Module(file)
    for block in blocks:
        module.mistakes += add_block(module, block)
    module.mistakes += check_imports(module)
    return module


# --- Gathering the parts of a module ---


def add_block(module: Module, block: Block) -> Mistakes:
    """Put the statements of a block where they belong."""
    gap = []
    for one, two in itertools.pairwise(block.tree.body):
        if first_line(two) <= one.end_lineno:  # lines are moved whole
            message = "two statements on one line; give each its own"
            yield block.mistake(message, two)
    for segment in split_block(block):
        gap = max(segment.gap, gap, key=len)
        if isinstance(segment.node, IMPORTS):
            yield from add_import(module, segment)
        elif segment.node is block.tree.body[0] and is_string(segment.node):
            if module.body or module.docstring:
                message = "only the first block of a file has a docstring"
                yield segment.mistake(message)
            module.docstring = segment.lines
        elif methods.find_extend(segment.node):
            yield from add_method(module, segment)
        else:
            segment.gap, gap = gap, []
            yield from add_statement(module, segment)


def add_import(module: Module, segment: Segment) -> Mistakes:
    """Gather the names of an import statement."""
    node = segment.node
    is_vague = getattr(node, "level", 0) or node.names[0].name == "*"
    if is_vague or any("#" in line.text for line in segment.lines):
        message = "an import names a package, not ., and its names, not *; a "
        yield segment.mistake(f"{message}comment goes above it")
    for imported, alias in read_import(node):
        origin = segment.block.lines[alias.lineno - 1].origin
        module.imports.setdefault(imported, origin)


def check_imports(module: Module) -> Mistakes:
    """Check that a name has one meaning, whatever is imported from elsewhere.

    Imports are moved to the top, so that a name which is also defined would
    mean something else than on the page.
    """
    for imported, origin in module.imports.items():
        if module.name in (imported.module, imported.inner):
            continue
        bound, place = imported.bound, None
        other = module.imported.setdefault(bound, imported)
        if bound in module.names:
            place = module.names[bound].place
        elif other != imported:
            # `import os` and `import os.path` agree on what `os` means.
            is_plain = [x.name is x.alias is None for x in (imported, other)]
            place = None if all(is_plain) else module.imports[other]
        if place:
            message = f"{bound} means something else already ({place})"
            yield Mistake(origin.path, origin.line, message)


def add_statement(module: Module, segment: Segment) -> Mistakes:
    """Add a statement to the body of the module, and its names."""
    node = segment.node
    module.body.append(segment)
    yield from methods.find_stray_extend(segment)
    if "__all__" in changed_names(node):
        yield segment.mistake("__all__ is generated; do not assign it")
    for name in assigned_names(node):
        yield from define(module.names, name, segment)
    if isinstance(node, ast.ClassDef):
        module.classes[node.name] = segment
        for name in itertools.chain(*map(assigned_names, node.body)):
            yield from define(module.members, f"{node.name}.{name}", segment)


def add_method(module: Module, segment: Segment) -> Mistakes:
    """Add a function under `@extend(Cls)` to the class."""
    yield from methods.find_misuse(segment)
    name, node = methods.find_extend(segment.node).args[0].id, segment.node
    if name not in module.classes:
        message = f"no class {name} is defined above in {module.file}; "
        message += "@extend grows a class of the same file"
        yield segment.mistake(message)
        return
    module.classes[name].methods.append(segment)
    if not methods.grows_property(node):
        yield from define(module.members, f"{name}.{node.name}", segment)


def define(names: dict[str, Block], name: str, segment: Segment) -> Mistakes:
    """Note which block gives a name its meaning; no other one may."""
    earlier = names.setdefault(name, segment.block)
    if earlier is not segment.block and name != "_":
        yield segment.mistake(
            f"{name} is defined already by {earlier.id} ({earlier.place}); "
            f'change it there, or say replaces="{earlier.id}" and write that '
            "whole block anew"
        )


# --- Writing the module ---


@functools.lru_cache(KEPT)
def render(module: Module, pairs: tuple[tuple, ...]) -> list[Line]:
    """Write a file: header, docstring, imports, `__all__` and body.

    The `pairs` are what it imports, each with its origin.

    If the body starts with a function or class, ruff has two blank lines above
    it. A comment with a blank line below it counts as something else.
    """
    is_used = "extend" in module.used
    imports = {k: v for k, v in pairs if k.bound != "extend" or is_used}
    lines = [Line(HEADER), *module.docstring]
    exports = render_all(module, imports)
    for part in (list(render_imports(imports)), exports):
        lines += [BLANK, *part] if part else []
    is_apart = bool(exports)
    for first in module.body[:1]:
        if isinstance(first.node, DEFINITIONS):
            above = first.lines[: first_line(first.node) - 1 - first.start]
            is_apart |= all(line.text.strip() for line in above)
    return [*lines, *(module.code if is_apart else module.code[1:])]


def render_all(module: Module, imports: dict[Imported, Origin]) -> list[Line]:
    """Write `__all__` of a module of the package.

    It offers what it defines, and as a package also what it imports.
    """
    names = {*module.names}
    if module.file.endswith("/__init__.py"):
        names |= {
            imported.bound
            for imported in imports
            if section(imported) == FIRST_PARTY
            and (imported.name or imported.alias)
        }
    names = {x for x in names if not x.startswith("_") or x == "__version__"}
    if not names or not module.file.startswith("dlfs/"):
        return []
    quoted = [f'"{name}"' for name in sort_names(names)]
    line = f"__all__ = [{', '.join(quoted)}]"
    if len(line) <= LINE_LENGTH:
        return [Line(line)]
    texts = ["__all__ = [", *(f"    {name}," for name in quoted), "]"]
    return [Line(text) for text in texts]


def render_body(module: Module) -> Iterator[Line]:
    """Write the statements, each stretch of a block under its comment."""
    above = None
    for segment in module.body:
        if segment.block is above:
            yield from segment.gap
        else:
            yield from (BLANK, BLANK, segment.block.comment)
        yield from methods.render_statement(segment)
        *_, last = segment, *segment.methods
        above = segment.block if last.block is segment.block else None
