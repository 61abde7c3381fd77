# Made from book/ by scripts/tangle.py: edit the chapters.
"""Layers without parameters."""

from dlfs.autograd import Tensor
from dlfs.nn.module import Module

__all__ = ["Flatten", "Identity", "ReLU", "Sigmoid", "Tanh"]


# book/07-modules.md#activations
class ReLU(Module):
    """max(x, 0), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.relu()


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
