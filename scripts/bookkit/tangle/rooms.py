"""Rooms: modules of one folder, which are a single module to their users.

`dlfs/nn/dense.py` is a room of `dlfs.nn`. Rooms share their names as blocks
on the page do: what one uses, and another one defines or imports, is imported
here from the room that defines it. `dlfs/nn/__init__.py` offers the public
names of all rooms. A program, as `dlfs/experiments/` holds, is no room.
"""

import ast
import graphlib
import itertools
from collections.abc import Iterator

from bookkit.read.mistakes import Mistake, Mistakes, raise_any
from bookkit.tangle.assemble import Module
from bookkit.tangle.blocks import Line, Origin
from bookkit.tangle.imports import Imported

Imports = dict[Imported, Origin | None]


def link(modules: dict[str, Module]) -> dict[str, Imports]:
    """What every file imports; `modules` gets the `__init__` of packages.

    Raises `BookError`.
    """
    rooms = Rooms(modules)
    mistakes = list(rooms.fill_homes())
    imports = {}
    for file, module in modules.items():
        imports[file] = dict(rooms.find_imports(module))
        mistakes += find_undefined(module, imports[file])
    raise_any(mistakes)
    raise_any(rooms.find_circle(imports))
    return imports


class Rooms:
    """The rooms of every package, and which of them is the home of a name."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self.rooms: dict[str, list[Module]] = {}
        for room in [*modules.values()]:
            if room.package:
                self.rooms.setdefault(room.package, []).append(room)
                file = f"{room.package.replace('.', '/')}/__init__.py"
                words = f"What the modules of {room.package} offer, in one "
                start = [Line(f'"""{words}place."""')]
                modules.setdefault(file, Module(file, start))
        self.homes: dict[str, dict[str, Module]] = {x: {} for x in self.rooms}
        self.named = {module.name: module for module in modules.values()}

    def fill_homes(self) -> Mistakes:
        """Note which room defines which name; no other room may."""
        for package, rooms in self.rooms.items():
            home = self.homes[package]
            for room, name in [(x, name) for x in rooms for name in x.names]:
                other, block = home.setdefault(name, room), room.names[name]
                hidden = self.named.get(f"{package}.{name}")
                if hidden:
                    message = f"{name} hides the file {hidden.file}; rename it"
                    yield block.mistake(message)
                if other is not room and name != "_":
                    place = f"{other.file} ({other.names[name].place})"
                    message = (
                        f"{name} is defined already in {place}; rename it"
                    )
                    yield block.mistake(message)

    def find_imports(
        self, module: Module
    ) -> Iterator[tuple[Imported, Origin | None]]:
        """What a file imports: for its blocks, and what its code needs."""
        for imported, origin in module.imports.items():
            found = self.find_home(imported, module.package)
            is_inside = found.inner in self.named
            is_own = found.module == module.name and not is_inside
            if not is_own and found.inner != module.name:
                yield found, origin
        for name in sorted(module.missing):
            found = module.package and self.find_name(name, module.package)
            if found:
                yield self.find_home(found, module.package), None
        for room in self.rooms.get(module.name, ()):
            names = [name for name in room.names if not name.startswith("_")]
            for name in names:
                yield Imported(room.name, name, None), None
            if not names:  # it is there for what it does
                name = room.name.rpartition(".")[2]
                yield Imported(module.name, name, None), None

    def find_name(self, name: str, package: str) -> Imported | None:
        """Where a room finds a name that none of its own blocks defines.

        In another room, in what another room imports, or in another package: a
        block of the same chapter may have defined it on the page.
        """
        if name in self.homes[package]:
            return Imported(package, name, None)
        for room in self.rooms[package]:
            if name in room.imported:
                return room.imported[name]
        others = [each for each, home in self.homes.items() if name in home]
        return Imported(others[0], name, None) if len(others) == 1 else None

    def find_home(self, imported: Imported, package: str) -> Imported:
        """What to import instead, where the package itself will not do.

        A room cannot import from its own package, which imports it, and a
        package does not offer private names.
        """
        home = self.homes.get(imported.module, {}).get(imported.name)
        if home and (imported.module == package or imported.name[0] == "_"):
            return imported._replace(module=home.name)
        return imported

    def find_circle(self, imports: dict[str, Imports]) -> Mistakes:
        """Find modules that need each other before either is there."""
        graph = {
            user: {
                target: imported
                for imported in imports[module.file]
                for target in self.find_targets(user, imported)
            }
            for user, module in self.named.items()
        }
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1][::-1]
            words = f"{' needs '.join(circle)}: an import circle"
            for user, target in itertools.pairwise(circle):
                module, imported = self.named[user], graph[user][target]
                origin = imports[module.file][imported]
                place = origin or find_use(module, imported.bound)
                if place:
                    message = f"{user} uses {imported.bound}, but {words}"
                    yield Mistake(*place[:2], message)

    def find_targets(self, user: str, imported: Imported) -> Iterator[str]:
        """The modules of the book that an import runs, packages included."""
        target = imported.module
        is_name = imported.name in self.homes.get(target, {})
        if imported.inner in self.named and not is_name:
            target = imported.inner
        while target in self.named and not f"{user}.".startswith(f"{target}."):
            yield target
            target = target.rpartition(".")[0]


def find_undefined(module: Module, imports: Imports) -> Mistakes:
    """Find names that are there on the page, but not in the file."""
    known = {imported.bound for imported in imports}
    for name in sorted(module.missing - known):
        use = find_use(module, name)
        if use:
            message = f"{use.message} uses {name}, which {module.file} does "
            yield use._replace(message=f"{message}not import")


def find_use(module: Module, name: str) -> Mistake | None:
    """Where the code of a module first speaks of a name, and in what."""
    for each in module.body:
        for segment in (each, *each.methods):
            for node in ast.walk(segment.node or ast.Pass()):
                if isinstance(node, ast.Name) and node.id == name:
                    user = getattr(segment.node, "name", "this block")
                    return segment.mistake(user, node)
    return None
