# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution with fewer multiplications, four pixels at a time."""

import contextlib
import contextvars
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dlfs.nn.layout import _at_a_time, _channels_first, _channels_last, _filled
from dlfs.nn.products import _SMALL, _piece

__all__ = ["winograd"]


# book/35-fast-convolution.md#winograd-switch
_winograd = contextvars.ContextVar("winograd", default=False)


@contextlib.contextmanager
def winograd(mode: bool = True) -> Iterator[None]:
    """Let convolutions save multiplications inside `with winograd():`.

    Winograd's F(4, 3), in each line of a picture: six multiplications where
    there are twelve. For windows of 3 x 3 with a stride of 1 between at least
    32 channels on either side, where the output's width is a multiple of 4.
    All other convolutions stay as they are. Results differ from the usual
    ones by rounding. The gradients come from the mode that `backward` is
    called in. Lavin and Gray (2016) use it in both directions.

    Args:
        mode: False for the usual way.
    """
    token = _winograd.set(mode)
    try:
        yield
    finally:
        _winograd.reset(token)


def _saves(channels, kernel, size, places, stride, padding, dilation):
    """Return whether a convolution is to be done in tiles."""
    return (
        _winograd.get()
        and tuple(kernel) == (3, 3)
        and stride == dilation == (1, 1)
        and min(channels) >= 32
        and places[1] % 4 == 0
        and all(places[i] == size[i] + 2 * padding[i] - 2 for i in (0, 1))
    )


# book/35-fast-convolution.md#winograd-line
_BEFORE = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
)
_KERNEL = _KERNEL / 24
_AFTER = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)


def _sums(matrix, tables, out):
    """Multiply a matrix by tables (K, N, ...), an image at a time."""
    rows, sums = (
        each.reshape(*each.shape[:2], -1).swapaxes(0, 1)
        for each in (tables, out)
    )
    np.matmul(matrix.astype(out.dtype), rows, out=sums)


# book/35-fast-convolution.md#winograd-tiles
def _step(count, rows, across, inputs, outputs, dtype):
    """Return for how many images at a time the work fits into the cache."""
    cost = 6 * rows * across * (inputs + 2 * outputs) * dtype.itemsize
    return _at_a_time(count, cost)


def _factors(x, padding, rows, across, step, dtype):
    """Yield some images at a time, and the factors of their lines.

    Args:
        x: (N, C, H, W).
        rows, across: lines of a picture with its border, fours in a line.

    Yields:
        A slice of the batch, and (6, step, rows * across, C). After the last
        images, what is left of earlier ones may follow.
    """
    padded = np.zeros((step, rows, 4 * across + 2, x.shape[1]), dtype)
    windows = sliding_window_view(padded, 6, axis=2)[:, :, ::4]
    windows = np.moveaxis(windows, -1, 0)
    pixels, factors = (np.empty(windows.shape, dtype) for _ in range(2))
    for part in _filled(padded, x, padding):
        np.copyto(pixels, windows)
        _sums(_BEFORE, pixels, factors)
        yield part, factors.reshape(6, step, rows * across, -1)


# book/35-fast-convolution.md#winograd-forward
def _convolve_tiles(x, weight, bias, padding):
    """Return (N, O, OH, OW) for x (N, C, H, W) and a weight (O, C, 3, 3)."""
    outputs, inputs = weight.shape[:2]
    rows = x.shape[2] + 2 * padding[0]
    across = (x.shape[3] + 2 * padding[1] - 2) // 4
    dtype = np.result_type(x, weight)
    step = _step(len(x), rows, across, inputs, outputs, dtype)
    sums = weight.transpose(3, 2, 1, 0).reshape(3, -1)
    sums = _KERNEL.astype(dtype) @ sums
    sums = sums.reshape(6, 3, 1, 1, inputs, outputs)
    size = (rows - 2) * across
    piece = _piece(size, inputs, outputs) or size
    products = np.empty((6, step, size // piece, piece, outputs), dtype)
    more = np.empty_like(products)
    fours = np.empty((4, step, rows - 2, across, outputs), dtype)
    y = np.empty((len(x), rows - 2, across, 4, outputs), dtype)
    for part, factors in _factors(x, padding, rows, across, step, dtype):
        for i in range(3):  # the lines of the kernel
            seen = factors[:, :, i * across :][:, :, :size]
            seen = seen.reshape(6, step, -1, piece, inputs)
            np.matmul(seen, sums[:, i], out=more if i else products)
            if i:
                products += more
        if bias is not None:
            products[1] += bias
        _sums(_AFTER, products, fours)
        n = part.stop - part.start
        y[part] = fours[:, :n].transpose(1, 2, 3, 0, 4)
    return _channels_first(y.reshape(len(x), rows - 2, 4 * across, outputs))


# book/35-fast-convolution.md#winograd-weight
def _weight_from_tiles(x, g, padding):
    """Return (O, C, 3, 3) for x (N, C, H, W) and g (N, O, OH, OW)."""
    g = _channels_last(g)
    count, height, width, outputs = g.shape
    inputs, rows, across = x.shape[1], height + 2, width // 4
    dtype = np.result_type(x, g)
    step = _step(count, rows, across, inputs, outputs, dtype)
    small = _SMALL // (rows * across * inputs * outputs)
    step = max(1, min(step, small))
    fours = np.zeros((4, step, rows, across, outputs), dtype)
    back = np.empty((6, *fours.shape[1:]), dtype)
    total = np.zeros((6, 3, inputs, outputs), dtype)
    size = (step * rows - 2) * across
    table = back.reshape(6, -1, outputs)[:, :size]
    for part, factors in _factors(x, padding, rows, across, step, dtype):
        n = part.stop - part.start
        given = g[part].reshape(n, height, across, 4, outputs)
        fours[:, :n, :height] = given.transpose(3, 0, 1, 2, 4)
        fours[:, n:] = 0
        _sums(_AFTER.T, fours, back)
        seen = factors.reshape(6, -1, inputs).swapaxes(1, 2)
        for i in range(3):
            line = seen[:, :, i * across :][:, :, :size]
            total[:, i] += line @ table
    weight = _KERNEL.astype(dtype).T @ total.reshape(6, -1)
    weight = weight.reshape(3, 3, inputs, outputs)
    return np.ascontiguousarray(weight.transpose(3, 2, 1, 0))
