# Made from book/ by scripts/tangle.py: edit the chapters.
"""Layers without parameters."""

import math

import numpy as np

from dlfs.autograd import Tensor, log_softmax, operation, softmax, where
from dlfs.nn.losses import softplus
from dlfs.nn.module import FunctionLayer, Module

__all__ = [
    "ELU",
    "GELU",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "elu",
    "gelu",
    "leaky_relu",
    "silu",
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


# book/13-more-operations.md#more-activations
_ERF_STEP = 1 / 128
_ERF_GRID = np.arange(-6, 6 + _ERF_STEP, _ERF_STEP)
_ERF = np.array([math.erf(a) for a in _ERF_GRID])


@operation(lambda g, y, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
def _erf(x):
    near = np.clip(np.nan_to_num(x), -6, 6).astype(np.float64)
    i = np.rint((near + 6) / _ERF_STEP).astype(int)
    a = _ERF_GRID[i]
    d = near - a
    fourth = (3 - 2 * a * a) * a / 6 + d * (4 * a**4 - 12 * a * a + 3) / 30
    terms = 1 + d * (-a + d * ((2 * a * a - 1) / 3 + d * fourth))
    y = _ERF[i] + 2 / math.sqrt(math.pi) * np.exp(-a * a) * d * terms
    return np.where(np.isnan(x), x, y).astype(x.dtype)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x times the normal distribution's probability of less than x.

    Args:
        approximate: "none", or "tanh" for the formula of BERT and GPT-2.
    """
    if approximate == "none":
        return input * (0.5 * (1 + _erf(input * math.sqrt(0.5))))
    if approximate != "tanh":
        raise ValueError(
            f"gelu: approximate {approximate!r}, expected 'none' or 'tanh'"
        )
    inner = input + 0.044715 * input * input * input
    return 0.5 * input * (1 + (math.sqrt(2 / math.pi) * inner).tanh())


# book/13-more-operations.md#more-rectifiers
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where it is positive and negative_slope * x elsewhere."""
    return where(input > 0, input, negative_slope * input)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where it is positive and alpha * (e**x - 1) elsewhere."""
    below = where(input > 0, 0, input)  # so that nothing overflows
    return where(input > 0, input, alpha * below.expm1())


def silu(input: Tensor) -> Tensor:
    """Return x * sigmoid(x), also called swish."""
    return input * input.sigmoid()


# book/15-layers-and-sets.md#function-layers
class LeakyReLU(FunctionLayer, function=leaky_relu):
    """max(x, 0) + negative_slope min(x, 0), elementwise."""


class ELU(FunctionLayer, function=elu):
    """x, and alpha (e**x - 1) where x is negative."""


class GELU(FunctionLayer, function=gelu):
    """x times the normal distribution function of x."""


class SiLU(FunctionLayer, function=silu):
    """x sigmoid(x), elementwise."""


class Softplus(FunctionLayer, function=softplus):
    """log(1 + e**(beta x)) / beta, elementwise."""


class Softmax(FunctionLayer, function=softmax):
    """Positive numbers that add up to 1 along `dim`."""


class LogSoftmax(FunctionLayer, function=log_softmax):
    """The logarithm of `Softmax`, without overflow."""


# book/15-layers-and-sets.md#relu-inplace
def _unflatten(input, dim, unflattened_size):
    """Return the tensor with axes of these sizes in the place of `dim`."""
    dim = range(input.ndim)[dim]
    before, after = input.shape[:dim], input.shape[dim + 1 :]
    return input.reshape(*before, *unflattened_size, *after)


class Unflatten(FunctionLayer, function=_unflatten):
    """One axis as several: `dim` becomes axes of the sizes `unflattened_size`.

    One of the sizes may be -1: whatever is left.
    """
