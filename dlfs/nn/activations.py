# Made from book/ by scripts/tangle.py: edit the chapters.
"""Layers without parameters."""

from collections.abc import Sequence

from dlfs.autograd import Tensor, log_softmax, softmax
from dlfs.nn.function_layer import FunctionLayer
from dlfs.nn.losses import softplus
from dlfs.nn.module import Module

__all__ = [
    "Flatten",
    "Identity",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
]


# book/07-modules.md#activations
class ReLU(Module):
    """max(x, 0), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.relu()

    # book/15-layers-and-sets.md#relu-inplace
    def __init__(self, inplace: bool = False):
        """Take `inplace`, which changes nothing: the values are the same."""


# book/07-modules.md#activations
class Tanh(Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class Sigmoid(Module):
    """1 / (1 + e**-x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


# book/07-modules.md#flatten-layer
class Identity(Module):
    """The input, unchanged."""

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """All axes after the first as one: (N, ...) becomes (N, D)."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1)


# book/15-layers-and-sets.md#function-layers
class Softplus(FunctionLayer):
    """log(1 + e**x), elementwise."""

    function = staticmethod(softplus)


class Softmax(FunctionLayer):
    """Positive numbers that add up to 1 along `dim`."""

    function = staticmethod(softmax)


class LogSoftmax(FunctionLayer):
    """The logarithm of `Softmax`, without overflow."""

    function = staticmethod(log_softmax)


# book/15-layers-and-sets.md#relu-inplace
class Unflatten(Module):
    """One axis as several: `dim` becomes axes of the sizes `unflattened_size`.

    One of the sizes may be -1: whatever is left.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        dim = range(input.ndim)[self.dim]
        before, after = input.shape[:dim], input.shape[dim + 1 :]
        return input.reshape(*before, *self.unflattened_size, *after)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
