"""Read the import statements of blocks and write them as ruff sorts them."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINE_LENGTH = 79  # as in [tool.ruff] of pyproject.toml
FIRST_PARTY = {"dlfs", "tests"}


class Imported(NamedTuple):
    """One imported name: `import module` or `from module import name`."""

    module: str
    name: str | None
    alias: str | None

    @property
    def bound(self) -> str:
        """The name that the statement binds."""
        return self.alias or self.name or self.module.partition(".")[0]


def read_import(
    node: ast.Import | ast.ImportFrom,
) -> Iterator[tuple[Imported, ast.alias]]:
    """The names that a statement imports, each with its place."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield Imported(alias.name, None, alias.asname), alias
        else:
            yield Imported(node.module, alias.name, alias.asname), alias


def is_of_module(imported: Imported, module: str, modules: set[str]) -> bool:
    """Whether a block of `module` imports something of the module itself.

    `modules` are those inside it: `from dlfs import nn` in
    `dlfs/__init__.py` imports another module, not a name of this one.
    """
    if imported.name is None:
        return imported.module == module
    full_name = f"{imported.module}.{imported.name}"
    if imported.module == module:
        return full_name not in modules
    return full_name == module


def render_imports(names: Iterable[Imported]) -> Iterator[list[list[tuple]]]:
    """Write import statements in ruff's order, section by section.

    A section is a list of statements, a statement a list of lines, a line its
    text with the `Imported` it comes from.
    """
    statements: dict[tuple, list[Imported]] = {}
    for name in set(names):
        key = (name.module, name.alias and name, name.name is None)
        statements.setdefault(key, []).append(name)
    sections: dict[int, list[list[Imported]]] = {}
    for members in statements.values():
        members.sort(key=member_key)
        sections.setdefault(section(members[0]), []).append(members)
    for _, section_members in sorted(sections.items()):
        section_members.sort(key=statement_key)
        yield [list(render_statement(names)) for names in section_members]


def section(imported: Imported) -> int:
    """Future, standard library, third party and first party, in order."""
    package = imported.module.partition(".")[0]
    if package == "__future__":
        return 0
    if package in sys.stdlib_module_names:
        return 1
    return 3 if package in FIRST_PARTY else 2


def render_statement(
    members: list[Imported],
) -> Iterator[tuple[str, Imported]]:
    """Write one statement, on one line if it fits, else a line a name."""
    first = members[0]
    if first.name is None:
        yield f"import {first.module}{as_alias(first)}", first
        return
    names = [f"{member.name}{as_alias(member)}" for member in members]
    start = f"from {first.module} import"
    line = f"{start} {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        yield line, first
        return
    yield f"{start} (", first
    for name, member in zip(names, members, strict=True):
        yield f"    {name},", member
    yield ")", first


def as_alias(imported: Imported) -> str:
    """The " as name" of an import, or nothing."""
    return f" as {imported.alias}" if imported.alias else ""


def statement_key(members: list[Imported]) -> tuple:
    """The order of statements in a section: `import x` comes first."""
    first = members[0]
    return (
        first.name is not None,
        natural_key(first.module.lower()),
        natural_key(first.module),
        member_key(first),
    )


def member_key(imported: Imported) -> tuple:
    """The order of the names in `from module import ...`."""
    name = imported.name or ""
    return (
        kind_of_name(name),
        natural_key(name.lower()),
        natural_key(name),
        natural_key(imported.alias or ""),
    )


def sort_names(names: Iterable[str]) -> list[str]:
    """Sort as ruff sorts `__all__`: CONSTANTS, Classes, functions."""
    return sorted(names, key=lambda n: (kind_of_name(n), natural_key(n)))


def kind_of_name(name: str) -> int:
    """What a name looks like: 0 a constant, 1 a class, 2 anything else."""
    if len(name) > 1 and name.isupper():
        return 0
    return 1 if name[:1].isupper() else 2


def natural_key(text: str) -> list[tuple[int, int]]:
    """Sort numbers in a text by value: `conv2` before `conv10`."""
    return [
        (ord("0"), int(part)) if part.isdigit() else (ord(part), 0)
        for part in re.findall(r"\d+|\D", text)
    ]
