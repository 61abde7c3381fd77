"""Rooms: modules of one folder, which are a single module to their users.

`dlfs/nn/dense.py` is a room of `dlfs.nn`. Rooms share their names as blocks
on the page do: what one uses, and another one defines or imports, is imported
here from the room that defines it. `dlfs/nn/__init__.py` offers the public
names of all rooms. A program, as `dlfs/experiments/` holds, is no room.
"""

import ast
import builtins
import graphlib
import itertools
from collections.abc import Iterator

from bookkit.read.chapters import Mistake, raise_any
from bookkit.tangle.assemble import Module
from bookkit.tangle.blocks import DEFINITIONS, Line, Origin
from bookkit.tangle.imports import Imported

Imports = dict[Imported, Origin | None]
Rooms = dict[str, list[Module]]  # package -> its rooms
Homes = dict[str, dict[str, Module]]  # package -> name -> the room it is in


def link(modules: dict[str, Module]) -> dict[str, Imports]:
    """What every file imports; `modules` gets the `__init__` of packages.

    Raises `BookError`.
    """
    rooms: Rooms = {}
    for room in modules.values():
        if room.package:
            rooms.setdefault(room.package, []).append(room)
    homes: Homes = {package: {} for package in rooms}
    mistakes = []
    for package, members in rooms.items():
        file = f"{package.replace('.', '/')}/__init__.py"
        words = f"What the modules of {package} offer, in one place."
        start = [Line(f'"""{words}"""')]
        modules.setdefault(file, Module(file, start))
        mistakes += fill_home(homes[package], members)
    imports = {}
    for file, module in modules.items():
        imports[file] = dict(find_imports(module, homes, rooms))
        mistakes += find_undefined(module, imports[file])
    raise_any(mistakes)
    raise_any(find_circle(modules, imports, homes))
    return imports


def fill_home(
    home: dict[str, Module], rooms: list[Module]
) -> Iterator[Mistake]:
    """Note which room defines which name; no other room may."""
    for room in sorted(rooms, key=first_place):
        for name, block in room.names.items():
            other = home.setdefault(name, room)
            if other is not room and name != "_":
                place = f"{other.file} ({other.names[name].place})"
                message = f"{name} is defined already in {place}"
                yield block.mistake(
                    f"{message}; files of one folder share their names"
                )
    for room in rooms:
        name = room.name.rpartition(".")[2]
        if name in home:
            message = f"{name} hides the file {room.file}; rename the file"
            yield home[name].names[name].mistake(message)


def first_place(module: Module) -> tuple:
    """Where in the book a module begins."""
    return min((x.block.mistake("") for x in module.body), default=())


def find_imports(
    module: Module, homes: Homes, rooms: Rooms
) -> Iterator[tuple[Imported, Origin | None]]:
    """What a file imports: for its blocks, and what its code needs besides."""
    package = module.package
    for imported, origin in module.imports.items():
        found = find_home(imported, homes, package)
        if found == imported or found.module != module.name:
            yield found, origin
    for name in sorted(module.missing - vars(builtins).keys()):
        found = package and find_name(name, package, homes, rooms)
        if found:
            yield find_home(found, homes, package), None
    for room in rooms.get(module.name, ()):
        names = [name for name in room.names if not name.startswith("_")]
        for name in names:
            yield Imported(room.name, name, None), None
        if not names:  # it is there for what it does
            name = room.name.rpartition(".")[2]
            yield Imported(module.name, name, None), None


def find_name(
    name: str, package: str, homes: Homes, rooms: Rooms
) -> Imported | None:
    """Where a room finds a name that none of its own blocks defines.

    In another room, in what another room imports, or in another package: a
    block of the same chapter may have defined it on the page.
    """
    if name in homes[package]:
        return Imported(package, name, None)
    for room in rooms[package]:
        if name in room.imported:
            return room.imported[name]
    others = [each for each, home in homes.items() if name in home]
    return Imported(others[0], name, None) if len(others) == 1 else None


def find_home(imported: Imported, homes: Homes, package: str) -> Imported:
    """What to import instead, where the package itself will not do.

    A room cannot import from its own package, which imports it, and a package
    does not offer private names.
    """
    home = homes.get(imported.module, {}).get(imported.name)
    if home and (imported.module == package or imported.name[0] == "_"):
        return imported._replace(module=home.name)
    return imported


# --- Circles ---


def find_circle(
    modules: dict[str, Module], imports: dict[str, Imports], homes: Homes
) -> Iterator[Mistake]:
    """Find modules that need each other before either is there."""
    named = {module.name: module for module in modules.values()}
    graph = {
        module.name: {
            target: imported
            for imported in imports[file]
            for target in find_targets(module.name, imported, named, homes)
        }
        for file, module in modules.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = error.args[1][::-1]
        steps = []
        for user, target in itertools.pairwise(circle):
            module, imported = named[user], graph[user][target]
            origin = imports[module.file][imported]
            place = origin or find_use(module, imported.bound) or ("", 0)
            message = f"{user} uses {imported.bound}, but "
            message += f"{' needs '.join(circle)}: an import circle"
            steps.append(Mistake(*place[:2], message))
        yield max(step for step in steps if step.path)


def find_targets(
    module: str, imported: Imported, named: dict[str, Module], homes: Homes
) -> Iterator[str]:
    """The modules of the book that an import runs, packages included."""
    target = imported.module
    inner = f"{target}.{imported.name}"
    if inner in named and imported.name not in homes.get(target, {}):
        target = inner
    while target in named and not f"{module}.".startswith(f"{target}."):
        yield target
        target = target.rpartition(".")[0]


# --- Names from nowhere ---


def find_undefined(module: Module, imports: Imports) -> Iterator[Mistake]:
    """Find names that are there on the page, but not in the file."""
    known = {*vars(builtins), "__file__", "__path__"}
    known |= {imported.bound for imported in imports}
    for name in sorted(module.missing - known):
        use = find_use(module, name)
        if use:
            message = f"{use.message} uses {name}, which {module.file} does "
            yield use._replace(message=f"{message}not import")


def find_use(module: Module, name: str) -> Mistake | None:
    """Where the code of a module first speaks of a name, and in what."""
    for each in module.body:
        for segment in (each, *each.methods):
            nodes = [*ast.walk(segment.node or ast.Pass())]
            for node in nodes:
                if isinstance(node, ast.Name) and node.id == name:
                    users = [
                        user.name
                        for user in nodes
                        if isinstance(user, DEFINITIONS)
                        and user.lineno <= node.lineno <= user.end_lineno
                    ]
                    words = ".".join(users) or "this block"
                    return segment.mistake(words, node)
    return None
