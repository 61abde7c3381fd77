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
    if len({x.ndim for x in tensors}) != 1:
        raise ValueError(
            "cat: expected tensors with the same number of axes, got shapes "
            f"{[x.shape for x in tensors]}"
        )
    dim = _axis(dim, tensors[0].ndim, "cat")
    cuts = [0, *itertools.accumulate(x.shape[dim] for x in tensors)]
    rules = [
        functools.partial(_slab_rule, dim, start, stop)
        for start, stop in itertools.pairwise(cuts)
    ]
    dtypes = {x.dtype for x in tensors}
    floats = {d for d in dtypes if d.kind == "f"}
    dtype = np.result_type(*(floats or dtypes))

    @operation(*rules)
    def cat(*arrays):
        return np.concatenate(arrays, axis=dim, dtype=dtype)

    return cat(*tensors)


# book/05-shapes.md#stack
def stack(tensors: Iterable[Any], dim: int = 0) -> Tensor:
    """Return tensors of one shape, stacked along a new axis `dim`.

    Raises:
        ValueError: there are none, or their shapes differ.
    """
    tensors = [_tensor(x) for x in tensors]
    shapes = sorted({x.shape for x in tensors})
    if len(shapes) != 1:
        raise ValueError(f"stack: expected tensors of one shape, got {shapes}")
    dim = _axis(dim, len(shapes[0]) + 1, "stack")
    return cat([x.unsqueeze(dim) for x in tensors], dim)


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
