# Made from book/ by scripts/tangle.py: edit the chapters.
"""Several tensors as one: cat, stack and pad."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dlfs.autograd.axes import _axis
from dlfs.autograd.engine import Tensor, _slab_rule, _tensor, operation

__all__ = ["cat", "pad", "stack"]


# book/05-shapes.md#cat
def cat(tensors: Iterable[Any], dim: int = 0) -> Tensor:
    """Return the tensors laid end to end along axis `dim`.

    Raises:
        ValueError: there are none, or they differ in another axis, too.
            (PyTorch lets an empty vector pass.)
        IndexError: there is no such axis.
    """
    tensors = [_tensor(x) for x in tensors]
    dim = _check_joinable(tensors, dim, "cat")
    ends = list(itertools.accumulate(x.shape[dim] for x in tensors))
    rules = [
        functools.partial(_slab_rule, dim, start, stop)
        for start, stop in zip([0, *ends], ends)
    ]
    dtypes = {x.dtype for x in tensors}
    floats = {d for d in dtypes if d.kind == "f"}
    dtype = np.result_type(*(floats or dtypes))

    @operation(*rules)
    def cat(*arrays):
        return np.concatenate(arrays, axis=dim, dtype=dtype)

    return cat(*tensors)


# book/05-shapes.md#check-joinable
def _check_joinable(tensors, dim, name):
    """Return `dim` counted from 0, if the tensors differ in it at most."""
    if not tensors:
        raise ValueError(f"{name}: expected at least one tensor")
    dim = _axis(dim, tensors[0].ndim, name)
    rests = {(x.ndim, x.shape[:dim], x.shape[dim + 1 :]) for x in tensors}
    if len(rests) > 1:
        shapes = " and ".join(dict.fromkeys(str(x.shape) for x in tensors))
        raise ValueError(
            f"{name}: shapes {shapes} differ in more than axis {dim}"
        )
    return dim


# book/05-shapes.md#stack
def stack(tensors: Iterable[Any], dim: int = 0) -> Tensor:
    """Return tensors of one shape, stacked along a new axis `dim`.

    Raises:
        ValueError: there are none, or their shapes differ.
    """
    tensors = [_tensor(x) for x in tensors]
    shapes = dict.fromkeys(str(x.shape) for x in tensors)
    if len(shapes) > 1:
        raise ValueError(f"stack: shapes {' and '.join(shapes)} differ")
    if tensors:
        dim = _axis(dim, tensors[0].ndim + 1, "stack")
    tensors = [x.unsqueeze(dim) for x in tensors]
    return cat(tensors, _check_joinable(tensors, dim, "stack"))


# book/05-shapes.md#pad
def _inside(widths, shape):
    """Return the index of what lies inside a margin of `widths`."""
    return tuple(slice(a, a + n) for (a, _), n in zip(widths, shape))


@operation(lambda g, y, x, widths, value: g[_inside(widths, x.shape)])
def _pad(x, widths, value):
    shape = [a + n + b for (a, b), n in zip(widths, x.shape)]
    out = np.full(shape, value, x.dtype)
    out[_inside(widths, x.shape)] = x
    return out


def pad(input: Any, pad: Sequence[int], value: float = 0.0) -> Tensor:
    """Return `input` with a margin of `value` around it.

    Args:
        pad: (left, right) of the last axis, then of the one before it, and
            so on, as in PyTorch: (1, 1, 2, 2) pads the last axis by 1 and
            the one before by 2 on both sides.

    Raises:
        ValueError: there are not two widths per axis, or one is negative.
    """
    input = _tensor(input)
    if len(pad) % 2 or len(pad) > 2 * input.ndim or min(pad, default=0) < 0:
        raise ValueError(
            f"pad: {tuple(pad)} is not two widths, 0 or more, for each of "
            f"up to {input.ndim} axes of shape {input.shape}"
        )
    pairs = list(zip(pad[::2], pad[1::2]))[::-1]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs
    return _pad(input, widths=widths, value=value)
