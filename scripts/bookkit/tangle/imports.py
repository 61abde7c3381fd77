"""Read the import statements of blocks and write them as ruff sorts them."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.tangle.blocks import Line, Origin

LINE_LENGTH = 79  # as in [tool.ruff] of pyproject.toml
FUTURE, STANDARD, THIRD_PARTY, FIRST_PARTY = range(4)  # in this order


class Imported(NamedTuple):
    """One imported name: `import module` or `from module import name`."""

    module: str
    name: str | None
    alias: str | None

    @property
    def bound(self) -> str:
        """The name that the statement binds."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def inner(self) -> str:
        """What it is if it is a module: that of the name."""
        return f"{self.module}.{self.name}"

    @property
    def text(self) -> str:
        """Its own part of the statement: "numpy as np"."""
        text = self.name or self.module
        return f"{text} as {self.alias}" if self.alias else text


def read_import(
    node: ast.Import | ast.ImportFrom,
) -> Iterator[tuple[Imported, ast.alias]]:
    """The names that a statement imports, each with its place."""
    for alias in node.names:
        is_from = isinstance(node, ast.ImportFrom)
        names = (node.module, alias.name) if is_from else (alias.name, None)
        yield Imported(*names, alias.asname), alias


def render_imports(imports: dict[Imported, Origin | None]) -> Iterator[Line]:
    """Write import statements in ruff's order, a blank line above sections.

    The lines have the origins that `imports` gives.
    """
    statements: dict[tuple, dict[str, Origin | None]] = {}
    for each in sorted(imports, key=import_key):
        start = f"from {each.module} import" if each.name else "import"
        is_alone = each.alias or not each.name
        key = section(each), start, each.text if is_alone else None
        statements.setdefault(key, {})[each.text] = imports[each]
    above = None
    for (part, start, _), names in statements.items():
        if above not in (None, part):
            yield Line("")
        above, origin = part, next(iter(names.values()))
        line = f"{start} {', '.join(names)}"
        if len(line) <= LINE_LENGTH:
            yield Line(line, origin)
            continue
        yield Line(f"{start} (", origin)
        for name, place in names.items():
            yield Line(f"    {name},", place)
        yield Line(")", origin)


def section(imported: Imported) -> int:
    """Which section at the top of a file an import belongs to."""
    package = imported.module.partition(".")[0]
    if package == "__future__":
        return FUTURE
    if package in GENERATED_FOLDERS:
        return FIRST_PARTY
    return STANDARD if package in sys.stdlib_module_names else THIRD_PARTY


def import_key(imported: Imported) -> tuple:
    """The order of imports: in a section, `import x` comes first."""
    name = imported.name or ""
    return (
        section(imported),
        imported.name is not None,
        natural_key(imported.module.lower()),
        kind_of_name(name),
        natural_key(name.lower()),
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
