# Made from book/ by scripts/tangle.py: edit the chapters.
"""Functions as layers."""

import inspect
from collections.abc import Callable
from typing import Any

from dlfs.autograd import Tensor
from dlfs.nn.module import Module

__all__ = ["FunctionLayer"]


# book/15-layers-and-sets.md#function-layer
class FunctionLayer(Module):
    """A function as a layer; the layer's arguments are its options.

    A subclass has `function` and says how many of its arguments are `inputs`.
    """

    function: Callable
    inputs = 1

    def __init__(self, *args: Any, **options: Any):
        parameters = inspect.signature(self.function).parameters.values()
        wanted = inspect.Signature(list(parameters)[self.inputs :])
        try:
            bound = wanted.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        self._given = tuple(bound.arguments)
        bound.apply_defaults()
        self._options = tuple(bound.arguments)
        for name, value in bound.arguments.items():
            setattr(self, name, value)

    def forward(self, *inputs: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return self.function(*inputs, **options)

    def extra_repr(self) -> str:
        return ", ".join(f"{n}={getattr(self, n)!r}" for n in self._given)
