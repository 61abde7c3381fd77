"""Put the blocks of one generated file together.

A block is cut into its top-level statements (`Segment`). Imports go to the top
of the file, functions under `@extend(Cls)` into the body of `Cls`, all else
stays in order. Lines are copied as they are and carry their `Origin`; what is
generated is blank lines, `# book/04-tensors.md#tensor-mul`, the import block
and `__all__`.
"""

import ast
import functools
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from bookkit.read.chapters import Mistake
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
    split_block,
)
from bookkit.tangle.imports import (
    LINE_LENGTH,
    Imported,
    is_of_module,
    read_import,
    render_imports,
    sort_names,
)
from bookkit.tangle.methods import (
    INDENT,
    class_lines,
    find_extend,
    find_misuse,
    find_no_method,
    grows_property,
    has_one_line_body,
    is_placeholder,
    method_lines,
)

BLANK = Line("")
KEPT = 512  # files and chapters, for the next run in the same process


@dataclass(eq=False)
class Module:
    """The parts of a file, gathered block by block."""

    file: str
    docstring: list[Line] = field(default_factory=list)
    imports: dict[Imported, Origin] = field(default_factory=dict)
    body: list[Segment] = field(default_factory=list)
    classes: dict[str, Segment] = field(default_factory=dict)
    members: dict[tuple[str, str], Block] = field(default_factory=dict)
    names: dict[str, Block] = field(default_factory=dict)
    imported: dict[str, Imported] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name for `import`: "dlfs.nn"."""
        return module_name(self.file)

    @functools.cached_property
    def code(self) -> list[Line]:
        """The lines below its imports."""
        return list(render_body(self))

    @functools.cached_property
    def used(self) -> set[str]:
        """The names that its code uses but does not define."""
        text = "\n".join(line.text for line in self.code)
        try:
            table = symtable.symtable(text, "", "exec")
        except SyntaxError:
            return set()  # which is reported before the file is written
        made, used = set(), set()
        for is_made, name in find_global_names(table):
            (made if is_made else used).add(name)
        return used - made

    @property
    def missing(self) -> set[str]:
        """The names that it uses but no block defines or imports."""
        return self.used - self.imported.keys()


def module_name(file: str) -> str:
    """The name under which a file is imported: "dlfs.nn"."""
    name = file.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


def find_global_names(
    table: symtable.SymbolTable,
) -> Iterator[tuple[bool, str]]:
    """The names of a module in its code, and whether that makes them."""
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if is_module or symbol.is_global():
            is_made = symbol.is_assigned() or symbol.is_imported()
            yield is_made, symbol.get_name()
    for child in table.get_children():
        yield from find_global_names(child)


@functools.lru_cache(KEPT)
def gather(
    file: str, blocks: tuple[Block, ...], modules: frozenset[str]
) -> Module:
    """Gather the parts of a file from its blocks.

    `modules` are the names of the modules inside it, if it is a package. If
    there are mistakes the rest means nothing.
    """
    module = Module(file)
    for block in blocks:
        add_block(module, block, modules, is_first=block is blocks[0])
    check_imported_names(module)
    return module


# --- Gathering the parts of a module ---


def add_block(
    module: Module, block: Block, modules: set[str], is_first: bool
) -> None:
    """Put the statements of a block where they belong."""
    check_one_statement_a_line(module, block)
    gap: list[Line] = []
    for segment in split_block(block):
        gap = max(segment.gap, gap, key=len)
        if isinstance(segment.node, IMPORTS):
            add_import(module, segment, modules)
        elif segment.node is not None and segment.is_docstring:
            module.docstring = segment.lines
            if not is_first:
                message = "only the first block of a file has a docstring"
                module.mistakes.append(block.mistake(message, segment.node))
        elif find_extend(segment.node) is not None:
            add_method(module, segment)
        else:
            segment.gap, gap = gap, []
            add_statement(module, segment)


def check_one_statement_a_line(module: Module, block: Block) -> None:
    """Lines are moved whole, so no two statements may share one."""
    last = 0
    for node in block.tree.body:
        if first_line(node) <= last:
            message = "two statements on one line; give each its own"
            module.mistakes.append(block.mistake(message, node))
        last = node.end_lineno


def add_import(module: Module, segment: Segment, modules: set[str]) -> None:
    """Gather an import statement, unless it imports the module itself."""
    block, node = segment.block, segment.node
    message = explain_wrong_import(segment)
    if message:
        module.mistakes.append(block.mistake(message, node))
        return
    for imported, alias in read_import(node):
        if not is_of_module(imported, module.name, modules):
            line = block.cell.fence + alias.lineno
            origin = Origin(block.chapter.path, line, block.id)
            module.imports.setdefault(imported, origin)
            other = module.imported.setdefault(imported.bound, imported)
            if not is_same_name(imported, other):
                message = (
                    f"{imported.bound} is imported already, from another "
                    f"place ({module.imports[other]})"
                )
                module.mistakes.append(block.mistake(message, alias))
        elif imported.alias not in (None, imported.name):
            message = (
                f"{module.file} cannot import from itself under another "
                f"name: {imported.alias}"
            )
            module.mistakes.append(block.mistake(message, alias))


def is_same_name(one: Imported, other: Imported) -> bool:
    """Whether two imports of a name agree on what it means."""
    if one == other or one.bound == "extend":
        return True
    return all(each.name is each.alias is None for each in (one, other))


def check_imported_names(module: Module) -> None:
    """Check that the module does not define a name that it imports.

    Imports are moved to the top, so that they would mean something else than
    on the page.
    """
    for name in module.imported.keys() & module.names.keys():
        origin = module.imports[module.imported[name]]
        message = f"{name} is also imported in this file ({origin})"
        module.mistakes.append(module.names[name].mistake(message))


def explain_wrong_import(segment: Segment) -> str | None:
    """Say why an import statement cannot be moved to the top."""
    node = segment.node
    if getattr(node, "level", 0):
        return "a relative import does not run in a notebook; name the package"
    if any(alias.name == "*" for alias in node.names):
        return "import * hides where names come from; name them"
    if any("#" in line.text for line in segment.lines):
        return (
            "a comment on an import would be lost when imports are gathered; "
            "put it on a line above"
        )
    return None


def add_statement(module: Module, segment: Segment) -> None:
    """Add a statement to the body of the module, and its names."""
    block, node = segment.block, segment.node
    module.body.append(segment)
    module.mistakes += [
        block.mistake(message, at) for at, message in find_no_method(segment)
    ]
    if "__all__" in changed_names(node):
        message = "__all__ is generated; do not assign it"
        module.mistakes.append(block.mistake(message, node))
        return
    for name in assigned_names(node):
        earlier = module.names.setdefault(name, block)
        if earlier is not block and name != "_":
            message = explain_twice(name, earlier)
            module.mistakes.append(block.mistake(message, node))
    if isinstance(node, ast.ClassDef):
        module.classes[node.name] = segment
        for statement in node.body:
            for member in assigned_names(statement):
                module.members[node.name, member] = block


def explain_twice(name: str, earlier: Block) -> str:
    """Say that a name is taken, and how to give it a new meaning."""
    return (
        f"{name} is defined already by {earlier.id} ({earlier.place}); "
        f'say replaces="{earlier.id}"'
    )


def add_method(module: Module, segment: Segment) -> None:
    """Add a function under `@extend(Cls)` to the class."""
    block, node = segment.block, segment.node
    mistakes = list(find_misuse(segment))
    if not mistakes:
        mistakes = list(find_class_mistakes(module, segment))
    if mistakes:
        module.mistakes += [block.mistake(text, at) for at, text in mistakes]
        return
    name = find_extend(node).args[0].id
    module.classes[name].methods.append(segment)
    module.members[name, node.name] = block


def find_class_mistakes(
    module: Module, segment: Segment
) -> Iterator[tuple[ast.AST, str]]:
    """Find why the class cannot get this method."""
    node = segment.node
    name = find_extend(node).args[0].id
    grown = module.classes.get(name)
    if grown is None:
        message = (
            f"class {name} is not defined above in {module.file}; "
            "@extend grows a class of the same file"
        )
        yield node, message
    elif has_one_line_body(grown):
        yield node, f"the body of class {name} must start on its own line"
    member = module.members.get((name, node.name))
    if member and not grows_property(node):
        message = explain_twice(f"{name}.{node.name}", member)
        if grown and member is grown.block:
            message = (
                f"{name}.{node.name} stands in the class itself "
                f"({member.place}): change it there, or give it a block of "
                f'its own below; replaces="{member.id}" would replace the '
                "whole class"
            )
        yield node, message


# --- Writing the module ---


def render(module: Module, imports: dict[Imported, Origin]) -> list[Line]:
    """Write docstring, imports, `__all__` and body, in this order."""
    if "extend" not in module.used:
        imports = {k: v for k, v in imports.items() if k.bound != "extend"}
    lines = list(module.docstring)
    exports = list(render_all(module, imports))
    for part in (list(render_imports(imports)), exports):
        lines += [BLANK, *part] if part else []
    if exports or starts_with_definition(module):
        return [*lines, *module.code]
    return [*lines, *module.code[1:]]


def starts_with_definition(module: Module) -> bool:
    """Whether the body starts with a function or class.

    Only then ruff has two blank lines above it. A comment with a blank line
    below it counts as something else.
    """
    if not module.body or not isinstance(module.body[0].node, DEFINITIONS):
        return False
    first = module.body[0]
    above = first_line(first.node) - 1 - first.start
    return all(line.text.strip() for line in first.lines[:above])


def render_all(
    module: Module, imports: dict[Imported, Origin]
) -> Iterator[Line]:
    """Write `__all__` of a module of the package."""
    names = sort_names(public_names(module, imports))
    if not names or not module.file.startswith("dlfs/"):
        return
    quoted = [f'"{name}"' for name in names]
    line = f"__all__ = [{', '.join(quoted)}]"
    if len(line) <= LINE_LENGTH:
        yield Line(line)
        return
    yield Line("__all__ = [")
    for name in quoted:
        yield Line(f"{INDENT}{name},")
    yield Line("]")


def public_names(module: Module, imports: dict[Imported, Origin]) -> set[str]:
    """The names a module offers; a package's also those it imports."""
    names = {name for name in module.names if not name.startswith("_")}
    if module.file.endswith("/__init__.py"):
        names |= {"__version__"} & module.names.keys()
        names |= {
            imported.bound
            for imported in imports
            if imported.module.partition(".")[0] == "dlfs"
            and (imported.name or imported.alias)
            and not imported.bound.startswith("_")
        }
    return names


def render_body(module: Module) -> Iterator[Line]:
    """Write the statements, each stretch of a block under its comment."""
    above = None
    for segment in module.body:
        if segment.block is above:
            yield from segment.gap
        else:
            yield from (BLANK, BLANK, segment.block.comment)
        above = segment.block
        if not segment.methods:
            yield from segment.lines
            continue
        yield from render_class(segment)
        if segment.methods[-1].block is not segment.block:
            above = None


def render_class(segment: Segment) -> Iterator[Line]:
    """Write a class and below it the methods that other blocks add."""
    yield from class_lines(segment)
    above = segment.block
    for method in segment.methods:
        is_first = method is segment.methods[0]
        if not (is_first and is_placeholder(segment.node)):
            yield BLANK
        if method.block is not above:
            yield Line(INDENT + method.block.comment.text)
        above = method.block
        yield from method_lines(method)
