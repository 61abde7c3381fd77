# Made from book/ by scripts/tangle.py: edit the chapters.
"""The operations that people know from PyTorch, beyond the first ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from dlfs.autograd.axes import _axes, _axis
from dlfs.autograd.engine import (
    _NUMPY,
    MaxResult,
    Tensor,
    _over,
    _root,
    _sizes,
    _slab,
    _tensor,
    matmul,
    operation,
    where,
)
from dlfs.autograd.joining import cat

__all__ = [
    "addmm",
    "bmm",
    "chunk",
    "cosh",
    "cumsum",
    "diagonal",
    "dot",
    "flip",
    "index_select",
    "log2",
    "masked_fill",
    "mm",
    "mv",
    "norm",
    "outer",
    "prod",
    "reciprocal",
    "repeat",
    "roll",
    "rsqrt",
    "sinh",
    "sort",
    "square",
    "tan",
    "topk",
    "trace",
    "tril",
    "triu",
]


# book/13-more-operations.md#prod
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False
) -> Tensor:
    """Return the product along `dim`, or of all; gradients are right at 0."""
    x, name = _tensor(input), "prod"
    if dim is None:
        shape = (1,) * x.ndim if keepdim else ()
        return prod(x.reshape(-1), 0).reshape(shape)
    dim = _axis(dim, x.ndim, name)
    if x.shape[dim] == 0:
        x = 1 + x.sum(dim, keepdim=True)  # the product of nothing
    elif x.shape[dim] == 1:
        x = x.clone()
    while (n := x.shape[dim]) > 1:
        half = n // 2
        pairs = _slab(x, dim, 0, half) * _slab(x, dim, half, 2 * half)
        rest = [_slab(x, dim, n - 1, n)] * (n % 2)
        x = cat([pairs, *rest], dim)
    return x if keepdim else x.squeeze(dim)


# book/13-more-operations.md#cumsum
def _cumsum_rule(g, y, x, dim, reverse):
    """Each value counts in all sums after it: sum up from the other end."""
    return _cumsum(g, dim=dim, reverse=not reverse)


@operation(_cumsum_rule)
def _cumsum(x, dim, reverse):
    if reverse:
        return np.flip(np.flip(x, dim).cumsum(dim), dim)
    return x.cumsum(dim)


def cumsum(input: Tensor, dim: int) -> Tensor:
    """Return the running sums along `dim`."""
    dim = _axis(dim, input.ndim, "cumsum")
    return _cumsum(input, dim=dim, reverse=False)


# book/13-more-operations.md#more-elementwise
@operation(lambda g, y, x: g * (1 + y * y))
def tan(x: Any) -> Any:
    """Return the tangent of x, in radians."""
    return np.tan(x)


@operation(lambda g, y, x: g * cosh(x))
def sinh(x: Any) -> Any:
    """Return the hyperbolic sine of x."""
    return np.sinh(x)


@operation(lambda g, y, x: g * sinh(x))
def cosh(x: Any) -> Any:
    """Return the hyperbolic cosine of x."""
    return np.cosh(x)


@operation(lambda g, y, x: _over(g, x * math.log(2)))
def log2(x: Any) -> Any:
    """Return the logarithm of x to the base 2."""
    return np.log2(x)


_NUMPY.update({np.tan: tan, np.sinh: sinh, np.cosh: cosh, np.log2: log2})


def square(input: Tensor) -> Tensor:
    """Return x * x."""
    return input * input


def reciprocal(input: Tensor) -> Tensor:
    """Return 1 / x."""
    return 1 / input


def rsqrt(input: Tensor) -> Tensor:
    """Return 1 / sqrt(x)."""
    return 1 / input.sqrt()


# book/13-more-operations.md#products
def _operands(name, a, b, ndims):
    """Return two tensors, which must have `ndims` axes, and one batch."""
    a, b = _tensor(a), _tensor(b)
    if (a.ndim, b.ndim) != ndims or a.shape[:-2] != b.shape[:-2]:
        raise ValueError(
            f"{name}: shapes {a.shape} and {b.shape}: expected "
            f"{ndims[0]} and {ndims[1]} axes that fit"
        )
    return a, b


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of matrices (n, k) and (k, m)."""
    return matmul(*_operands("mm", input, mat2, (2, 2)))


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of (b, n, k) and (b, k, m), one by one."""
    return matmul(*_operands("bmm", input, mat2, (3, 3)))


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix (n, k) and a vector (k,)."""
    return matmul(*_operands("mv", input, vec, (2, 1)))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the sum of the products of two vectors (k,)."""
    return matmul(*_operands("dot", input, tensor, (1, 1)))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of all pairs from vectors (n,) and (m,)."""
    a, b = _operands("outer", input, vec2, (1, 1))
    return a.unsqueeze(1) * b


def addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
) -> Tensor:
    """Return beta * input + alpha * mat1 @ mat2; beta 0 ignores input."""
    product = matmul(*_operands("addmm", mat1, mat2, (2, 2)))
    product = product if alpha == 1 else alpha * product
    return product if beta == 0 else beta * _tensor(input) + product


# book/13-more-operations.md#moving
def _band(input, name, keep):
    """Return the last two axes where keep(row, column), else 0."""
    if input.ndim < 2:
        raise ValueError(f"{name}: shape {input.shape} has no two axes")
    rows, columns = np.ogrid[: input.shape[-2], : input.shape[-1]]
    return where(keep(rows, columns), input, np.zeros((), input.dtype))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the matrices with zeros above a diagonal."""
    return _band(input, "tril", lambda i, j: j - i <= diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the matrices with zeros below a diagonal."""
    return _band(input, "triu", lambda i, j: j - i >= diagonal)


def flip(
    input: Tensor, *axes: int | Sequence[int], dims: Sequence[int] = ()
) -> Tensor:
    """Return the values in reverse order along axes, also named `dims`."""
    index = [slice(None)] * input.ndim
    for d in _axes(_sizes(axes or (dims,)), input.ndim, "flip"):
        index[d] = slice(None, None, -1)
    return input[tuple(index)].clone()


def roll(
    input: Tensor,
    shifts: int | Sequence[int],
    dims: int | Sequence[int] | None = None,
) -> Tensor:
    """Return the values moved on by `shifts`, round the end of `dims`."""
    if dims is None:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    shifts = shifts if isinstance(shifts, Sequence) else [shifts]
    dims = dims if isinstance(dims, Sequence) else [dims]
    if len(shifts) != len(dims) or not dims:
        raise ValueError(f"roll: {len(shifts)} shifts for {len(dims)} axes")
    for shift, d in zip(shifts, dims):
        d = _axis(d, input.ndim, "roll")
        n = input.shape[d]
        start = -shift % n if n else 0
        parts = _slab(input, d, start, n), _slab(input, d, 0, start)
        input = cat(parts, d)
    return input


# book/13-more-operations.md#choosing
def repeat(input: Tensor, *sizes: int | Sequence[int]) -> Tensor:
    """Return the tensor laid out `sizes` times along each axis."""
    sizes = _sizes(sizes)
    shape = (1,) * (len(sizes) - input.ndim) + input.shape
    if len(shape) > len(sizes) or min(sizes, default=0) < 0:
        raise ValueError(
            f"repeat: {sizes} is not one number, 0 or more, for each axis "
            f"of shape {input.shape}"
        )
    pairs = [m for n in shape for m in (1, n)]
    wide = [m for pair in zip(sizes, shape) for m in pair]
    out = [m * n for m, n in zip(sizes, shape)]
    return input.reshape(pairs).expand(wide).reshape(out).clone()


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return at most `chunks` slabs of equal length, the last one shorter."""
    if chunks < 1:
        raise ValueError(f"chunk: {chunks} chunks, expected 1 or more")
    n = input.shape[_axis(dim, input.ndim, "chunk")]
    return input.split(max(1, -(-n // chunks)), dim)


def index_select(input: Tensor, dim: int, index: Any) -> Tensor:
    """Return the slices of axis `dim` that the integers (k,) number."""
    dim = _axis(dim, input.ndim, "index_select")
    index = np.asarray(_tensor(index).data)
    wrong = (index < 0) | (index >= input.shape[dim])
    if index.ndim > 1 or index.dtype.kind not in "iu" or wrong.any():
        raise IndexError(
            f"index_select: expected integers (k,) from 0 to "
            f"{input.shape[dim] - 1}, got {index.dtype} {index.shape}"
        )
    return input[(slice(None),) * dim + (index.reshape(-1),)]


def masked_fill(input: Tensor, mask: Any, value: Any) -> Tensor:
    """Return `value` where `mask` holds and the input elsewhere."""
    if (found := _tensor(mask).dtype).kind != "b":
        raise TypeError(f"masked_fill: a mask of {found}, expected bool")
    return where(mask, value, input)


def diagonal(
    input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Return a diagonal of axes `dim1` and `dim2`, as a last axis.

    It is a copy: writing into it does not change the input.
    """
    dims = [_axis(d, input.ndim, "diagonal") for d in (dim1, dim2)]
    if dims[0] == dims[1]:
        raise ValueError(f"diagonal: axis {dims[0]} stands there twice")
    rest = [d for d in range(input.ndim) if d not in dims]
    x = input.permute(*rest, *dims)
    down, right = max(0, -offset), max(0, offset)
    steps = np.arange(min(x.shape[-2] - down, x.shape[-1] - right))
    return x[..., steps + down, steps + right]


def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise ValueError(f"trace: shape {input.shape} is no matrix")
    return diagonal(input).sum()


# book/13-more-operations.md#sort
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True
) -> MaxResult:
    """Return (values, indices) in order along `dim`.

    Ties keep their order, whether or not `stable` asks for it.
    """
    dim = _axis(dim, input.ndim, "sort")
    values = np.flip(input.data, dim) if descending else input.data
    order = values.argsort(dim, kind="stable")
    if descending:  # equal ones reversed twice: as they were
        order = np.flip(order.shape[dim] - 1 - order, dim)
    return MaxResult(input.gather(dim, order), Tensor(order))


def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> MaxResult:
    """Return (values, indices) of the `k` largest along `dim`.

    They are in order, whether or not `sorted` asks for it.
    """
    dim = _axis(dim, input.ndim, "topk")
    if not 0 <= k <= input.shape[dim]:
        raise ValueError(
            f"topk: k is {k}, expected 0 to {input.shape[dim]} values"
        )
    both = sort(input, dim, descending=largest)
    return MaxResult(*(_slab(part, dim, 0, k) for part in both))


# book/13-more-operations.md#norm
def _safe_power(x, p):
    """Return x**p for x >= 0, as a constant at 0: its limit there."""
    limit = 0 if p > 0 else math.inf
    return where(x == 0, limit, where(x == 0, 1, x) ** p)


def norm(
    input: Tensor,
    p: float | str = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
) -> Tensor:
    """Return (sum |x|**p)**(1/p) over `dim`; the gradient at 0 is 0.

    Args:
        p: "fro" or 2, any other power, 0 (how many are not 0), or plus or
            minus infinity (the largest or smallest |x|).
        dim, keepdim: as for `Tensor.sum`.
    """
    p = 2 if p == "fro" else p
    if not isinstance(p, (int, float)):
        raise ValueError(f"norm: p is {p!r}, expected a number or 'fro'")
    if p == 2:
        return _root((input * input).sum(dim, keepdim))
    sizes = input.abs()
    if p in (math.inf, -math.inf):
        return (sizes.amax if p > 0 else sizes.amin)(dim, keepdim)
    if p == 1:
        return sizes.sum(dim, keepdim)
    if p == 0:
        return where(sizes != 0, 1, sizes).sum(dim, keepdim)
    return _safe_power(_safe_power(sizes, p).sum(dim, keepdim), 1 / p)


# book/13-more-operations.md#methods
_METHODS = [
    *(rsqrt, square, reciprocal, tan, sinh, cosh, log2, prod, cumsum),
    *(mm, bmm, mv, dot, outer, addmm, tril, triu, flip, roll, repeat),
    *(chunk, index_select, masked_fill, sort, topk, trace, diagonal),
    *(norm, matmul),
]
for _method in _METHODS:
    setattr(Tensor, _method.__name__, _method)
Tensor.view = Tensor.reshape
Tensor.clamp, Tensor.pow = Tensor.clip, Tensor.__pow__
