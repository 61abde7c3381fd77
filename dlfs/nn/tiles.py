# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution with fewer multiplications, a tile of pixels at a time."""

import contextlib
import contextvars
from collections.abc import Iterator

import numpy as np

__all__ = ["winograd"]


# book/34-fast-numpy.md#winograd-switch
_winograd = contextvars.ContextVar("winograd", default=False)


@contextlib.contextmanager
def winograd(mode: bool = True) -> Iterator[None]:
    """Let convolutions save multiplications inside `with winograd():`.

    Winograd's F(2 x 2, 3 x 3), as Lavin and Gray (2016) use it, for windows
    of 3 x 3 with a stride of 1 between at least 64 channels on either side,
    where the output's height and width are even: there it is faster. All
    other convolutions stay as they are. Results differ from the usual ones
    by rounding. The gradients come from the mode that `backward` is called
    in.

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
        and min(channels) >= 64
        and not any(places[i] % 2 for i in (0, 1))
        and all(places[i] == size[i] + 2 * padding[i] - 2 for i in (0, 1))
    )


# book/34-fast-numpy.md#winograd-line
_KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def _before(x, factors):
    """Make four factors of four inputs, into the memory of `factors`."""
    np.subtract(x[0], x[2], out=factors[0])
    np.add(x[1], x[2], out=factors[1])
    np.subtract(x[2], x[1], out=factors[2])
    np.subtract(x[1], x[3], out=factors[3])


def _after(products, y):
    """Make two outputs of four products, into the memory of y."""
    part = products[0] + products[1]
    np.add(part, products[2], out=y[0])
    np.subtract(products[1], products[2], out=part)
    np.subtract(part, products[3], out=y[1])


def _back(g, factors):
    """Give the gradients of two outputs back to the four products."""
    factors[0] = g[0]
    np.add(g[0], g[1], out=factors[1])
    np.subtract(g[0], g[1], out=factors[2])
    np.negative(g[1], out=factors[3])


# book/34-fast-numpy.md#winograd-tiles
_MEMORY = 2**21  # bytes: so much of the factors is made at a time


def _tiles(x, padding, down, across, step, dtype):
    """Yield some images at a time, and the factors of their tiles.

    Args:
        x: (N, H, W, C).

    Yields:
        A slice of the batch, and (4, 4, tiles, C).
    """
    count, height, width, channels = x.shape
    (top, left), border = padding, (2 * down + 2, 2 * across + 2)
    padded = np.zeros((step, *border, channels), dtype)
    rows = np.empty((4, step, down, border[1], channels), dtype)
    factors = np.empty((4, 4, step, down, across, channels), dtype)
    for start in range(0, count, step):
        images = x[start : start + step]
        n = len(images)
        padded[:n, top : top + height, left : left + width] = images
        _before([padded[:, i : i + 2 * down : 2] for i in range(4)], rows)
        for row, factor in zip(rows, factors):
            parts = [row[:, :, j : j + 2 * across : 2] for j in range(4)]
            _before(parts, factor)
        table = factors[:, :, :n].reshape(4, 4, -1, channels)
        yield slice(start, start + n), table


def _step(images, tiles, channels, dtype):
    """Return for how many images at a time the factors fit into the cache."""
    cost = 16 * tiles * sum(channels) * dtype.itemsize
    return max(1, min(images, _MEMORY // max(1, cost)))


# book/34-fast-numpy.md#winograd-forward
def _convolve_tiles(x, weight, bias, padding):
    """Return (N, OH, OW, O) for x (N, H, W, C) and a weight (O, C, 3, 3)."""
    outputs, inputs = weight.shape[:2]
    count, height, width, _ = x.shape
    dtype = np.result_type(x, weight)
    down = (height + 2 * padding[0] - 2) // 2
    across = (width + 2 * padding[1] - 2) // 2
    step = _step(count, down * across, (inputs, outputs), dtype)
    kernel = np.kron(_KERNEL, _KERNEL).astype(dtype)  # (16, 9)
    kernel = kernel @ weight.transpose(2, 3, 1, 0).reshape(9, -1)
    kernel = kernel.reshape(4, 4, inputs, outputs)
    products = np.empty((4, 4, step * down * across, outputs), dtype)
    columns = np.empty((4, 2, step, down, across, outputs), dtype)
    y = np.empty((count, down, 2, across, 2, outputs), dtype)
    for part, table in _tiles(x, padding, down, across, step, dtype):
        np.matmul(table, kernel, out=products[:, :, : table.shape[2]])
        if bias is not None:  # a part of all four outputs of a tile
            products[1, 1] += bias
        for row, column in zip(products, columns.reshape(4, 2, -1, outputs)):
            _after(row, column)
        out = y[part].transpose(2, 4, 0, 1, 3, 5)
        _after(columns[:, :, : out.shape[2]], out)
    return y.reshape(count, 2 * down, 2 * across, outputs)


# book/34-fast-numpy.md#winograd-weight
def _weight_from_tiles(x, g, padding):
    """Return (O, C, 3, 3) for x (N, H, W, C) and g (N, OH, OW, O)."""
    count, height, width, outputs = g.shape
    down, across, inputs = height // 2, width // 2, x.shape[3]
    dtype = np.result_type(x, g)
    step = _step(count, down * across, (inputs, outputs), dtype)
    columns = np.empty((4, 2, step, down, across, outputs), dtype)
    back = np.empty((4, 4, step, down, across, outputs), dtype)
    total = np.zeros((4, 4, inputs, outputs), dtype)
    for part, table in _tiles(x, padding, down, across, step, dtype):
        pairs = g[part].reshape(-1, down, 2, across, 2, outputs)
        n = len(pairs)
        _back(pairs.transpose(2, 4, 0, 1, 3, 5), columns[:, :, :n])
        for column, row in zip(columns, back):
            _back(column, row)
        rows = back[:, :, :n].reshape(4, 4, -1, outputs)
        total += table.swapaxes(2, 3) @ rows
    kernel = np.kron(_KERNEL, _KERNEL).astype(dtype).T  # (9, 16)
    weight = (kernel @ total.reshape(16, -1)).reshape(3, 3, inputs, outputs)
    return np.ascontiguousarray(weight.transpose(3, 2, 0, 1))
