# Made from book/ by scripts/tangle.py: edit the chapters.
"""Modules that hold modules."""

from collections.abc import Iterable, Iterator
from typing import Self

from dlfs.autograd import Tensor
from dlfs.nn.module import Module

__all__ = ["ModuleList", "Sequential"]


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


# book/07-modules.md#sequential
class Sequential(ModuleList):
    """Modules one after another: each gets what the one before returned."""

    def __init__(self, *modules: Module):
        super().__init__(modules)

    def forward(self, input: Tensor) -> Tensor:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Module:
        chosen = super().__getitem__(index)
        return Sequential(*chosen) if isinstance(index, slice) else chosen
