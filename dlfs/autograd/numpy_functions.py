# Made from book/ by scripts/tangle.py: edit the chapters.
"""NumPy's own functions, called with tensors."""

import math

import numpy as np

from dlfs.autograd.creation import full_like, ones_like, zeros_like
from dlfs.autograd.einstein import einsum
from dlfs.autograd.engine import (
    _NUMPY,
    _WITHOUT_GRADIENT,
    Tensor,
    _tensor,
    matmul,
)
from dlfs.autograd.joining import cat, stack


# book/05-shapes.md#numpy-shapes
def _np_transpose(a, axes=None):
    """What np.transpose means for a tensor."""
    return a.T if axes is None else a.permute(*axes)


def _np_var(a, axis=None, *, ddof=0, keepdims=False):
    """What np.var means for a tensor."""
    return a.var(axis, ddof, keepdims)


def _np_std(a, axis=None, *, ddof=0, keepdims=False):
    """What np.std means for a tensor."""
    return a.std(axis, ddof, keepdims)


def _np_gather(arr, indices, axis=-1):
    """What np.take_along_axis means for a tensor."""
    return _tensor(arr).gather(axis, indices)


# book/05-shapes.md#numpy-table
_NUMPY.update(
    {
        np.sum: Tensor.sum,
        np.mean: Tensor.mean,
        np.var: _np_var,
        np.std: _np_std,
        np.max: Tensor.amax,
        np.amax: Tensor.amax,
        np.min: Tensor.amin,
        np.amin: Tensor.amin,
        np.argmax: Tensor.argmax,
        np.argmin: Tensor.argmin,
        np.matmul: matmul,
        np.einsum: lambda eq, *xs, optimize=True: einsum(eq, *xs),
    }
)


# book/05-shapes.md#numpy-table-shapes
_NUMPY.update(
    {
        np.reshape: lambda a, shape: a.reshape(shape),
        np.ravel: Tensor.flatten,
        np.squeeze: lambda a, axis=None: a.squeeze(axis),
        np.expand_dims: lambda a, axis: a.unsqueeze(axis),
        np.transpose: _np_transpose,
        np.swapaxes: lambda a, axis1, axis2: a.transpose(axis1, axis2),
        np.broadcast_to: lambda array, shape: array.expand(shape),
        np.concatenate: lambda arrays, axis=0: cat(arrays, axis),
        np.stack: lambda arrays, axis=0: stack(arrays, axis),
        np.take_along_axis: _np_gather,
        np.copy: Tensor.clone,
        np.zeros_like: zeros_like,
        np.ones_like: ones_like,
        np.full_like: full_like,
        np.shape: lambda a: a.shape,
        np.ndim: lambda a: a.ndim,
        np.size: lambda a: math.prod(a.shape),
    }
)
_WITHOUT_GRADIENT.update(
    [np.all, np.any, np.isclose, np.allclose, np.array_equal, np.argsort]
)
