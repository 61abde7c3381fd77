# Made from book/ by scripts/tangle.py: edit the chapters.
"""New tensors: zeros, ones, ranges and copies of a shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlfs.autograd.devices import _on_cpu
from dlfs.autograd.engine import Tensor, _as_array, _sizes, _values

__all__ = [
    "arange",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]


# book/05-shapes.md#creation
def tensor(
    data: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a new tensor with a copy of `data`; see `Tensor`."""
    return Tensor(np.array(_as_array(data, dtype)), requires_grad)


def zeros(
    *size: int | Sequence[int],
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return Tensor(np.zeros(_sizes(size), dtype), requires_grad)


def ones(
    *size: int | Sequence[int],
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return ones: `ones(2, 3)` or `ones((2, 3))`."""
    return Tensor(np.ones(_sizes(size), dtype), requires_grad)


def full(
    size: int | Sequence[int],
    fill_value: Any,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of shape `size` full of one value."""
    return Tensor(np.full(size, _as_array(fill_value, dtype)), requires_grad)


# book/05-shapes.md#creation-more
def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return start, start + step, ... up to but without `end`."""
    start, end = (0, start) if end is None else (start, end)
    values = np.arange(start, end, step, dtype)
    if dtype is None and values.dtype == np.float64:
        values = values.astype(np.float32)
    return Tensor(values, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return the matrix of shape (n, m or n) with ones on its diagonal."""
    return Tensor(np.eye(n, m, dtype=dtype), requires_grad)


# book/05-shapes.md#creation-like
def zeros_like(
    input: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros in the shape and dtype of `input`."""
    return full_like(input, 0, dtype, requires_grad)


def ones_like(
    input: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ones in the shape and dtype of `input`."""
    return full_like(input, 1, dtype, requires_grad)


def full_like(
    input: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return one value in the shape and dtype of `input`."""
    like = _as_array(input)
    values = np.full(like.shape, _values(fill_value), dtype or like.dtype)
    return Tensor(values, requires_grad)


# book/14-from-pytorch.md#creation-on-devices
_MAKERS = "arange eye full full_like ones ones_like tensor zeros zeros_like"
globals().update({name: _on_cpu(globals()[name]) for name in _MAKERS.split()})
