# Made from book/ by scripts/tangle.py: edit the chapters.
"""Random tensors, and the generator that they come from."""

import contextvars
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlfs.autograd.devices import _on_cpu
from dlfs.autograd.engine import Tensor, _sizes

__all__ = ["default_generator", "manual_seed", "rand", "randint", "randn"]


# book/05-shapes.md#generator
_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Start the default generator afresh from `seed`, and return it."""
    fresh = np.random.default_rng(seed)
    _generator.bit_generator.state = fresh.bit_generator.state
    return _generator


# book/27-two-cores.md#default-generator-of-shard
_own_generator = contextvars.ContextVar("generator", default=None)


def default_generator() -> np.random.Generator:
    """Return the generator that random numbers come from by default.

    A shard of a batch has one of its own; see `dlfs.trainer.Sharded`.
    """
    return _own_generator.get() or _generator


# book/05-shapes.md#random-tensors
def rand(
    *size: int | Sequence[int],
    generator: np.random.Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return uniform random numbers from [0, 1)."""
    source = generator or default_generator()
    return Tensor(source.random(_sizes(size), dtype), requires_grad)


def randn(
    *size: int | Sequence[int],
    generator: np.random.Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return normal random numbers of mean 0 and variance 1."""
    source = generator or default_generator()
    values = source.standard_normal(_sizes(size), dtype)
    return Tensor(values, requires_grad)


def randint(
    low: int,
    high: int | Sequence[int] | None = None,
    size: int | Sequence[int] | None = None,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Return random integers from low up to but without high.

    `randint(high, size)` starts at 0, and so does `randint(high, size=size)`.
    """
    if size is None:
        high, size = None, high
    source = generator or default_generator()
    return Tensor(source.integers(low, high, size))


# book/14-from-pytorch.md#random-on-devices
_RANDOM = "rand randint randn"
globals().update({name: _on_cpu(globals()[name]) for name in _RANDOM.split()})
