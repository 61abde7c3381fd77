# Made from book/ by scripts/tangle.py: edit the chapters.
"""Modules that hold modules."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from dlfs.autograd import Tensor
from dlfs.nn.module import Module, Parameter, _array

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


# book/07-modules.md#module-list
class ModuleList(Module):
    """A list of modules whose parameters are found.

    Args:
        modules: the first modules; `append` adds more.
    """

    def __init__(self, modules: Iterable[Module] = ()):
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Add a module at the end; return the list."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: item {len(self)} is "
                f"{type(module).__name__}, expected a Module"
            )
        setattr(self, str(len(self)), module)
        return self

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]


# book/15-layers-and-sets.md#sequential-by-name
class Sequential(ModuleList):
    """Modules one after another: each gets what the one before returned.

    Args:
        modules: the modules, or one dict {name: module} for names of your own.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]):
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                ModuleDict.__setitem__(self, name, module)
        else:
            super().__init__(modules)

    def forward(self, input: Tensor) -> Tensor:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Module:
        chosen = list(self.named_children())[index]
        if isinstance(index, slice):
            return Sequential(dict(chosen))
        return chosen[1]


# book/15-layers-and-sets.md#module-dict
class ModuleDict(Module):
    """Modules by name, whose parameters are found.

    Args:
        modules: {name: module}.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None):
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add modules, or take the place of those of the same name."""
        for name, module in modules.items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: {name!r} is "
                f"{type(module).__name__}, expected a Module"
            )
        if not name or "." in name or hasattr(type(self), name):
            raise KeyError(f"{type(self).__name__} cannot have {name!r}")
        setattr(self, name, module)

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __delitem__(self, name: str) -> None:
        self[name]  # a KeyError if it is none of ours
        delattr(self, name)

    def keys(self) -> list[str]:
        """Return the names."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """Return the modules."""
        return [module for _, module in self.named_children()]

    def items(self) -> list[tuple[str, Module]]:
        """Return the pairs (name, module)."""
        return list(self.named_children())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


# book/15-layers-and-sets.md#parameter-list
class ParameterList(Module):
    """A list of parameters that are found; tensors become parameters."""

    def __init__(self, values: Iterable[Tensor] = ()):
        for value in values:
            self.append(value)

    def append(self, value: Tensor) -> Self:
        """Add a parameter at the end; return the list."""
        if not isinstance(value, Parameter):
            value = Parameter(_array(value))
        setattr(self, str(len(self)), value)
        return self

    def __len__(self) -> int:
        return sum(isinstance(v, Parameter) for v in vars(self).values())

    def __iter__(self) -> Iterator[Parameter]:
        return (v for v in vars(self).values() if isinstance(v, Parameter))

    def __getitem__(self, index: int) -> Parameter:
        return list(self)[index]
