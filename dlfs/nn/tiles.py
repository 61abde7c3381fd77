# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution with fewer multiplications, four pixels at a time."""

import contextlib
import contextvars
from collections.abc import Iterator

import numpy as np

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
_KERNEL = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
)
_KERNEL = _KERNEL / 24


def _before(d, factors, spare):
    """Make six factors of six inputs, into the memory of `factors`."""
    even, odd = spare
    np.subtract(d[4], d[2], out=even)
    np.subtract(d[3], d[1], out=odd)
    odd += odd
    np.add(even, odd, out=factors[3])
    np.subtract(even, odd, out=factors[4])
    first, last = factors[0], factors[5]
    np.subtract(d[0], d[2], out=first)
    first *= 4
    first += even
    np.subtract(d[5], d[3], out=last)
    last -= odd
    last -= odd
    np.multiply(d[2], 4, out=even)
    np.subtract(d[4], even, out=even)
    np.multiply(d[1], 4, out=odd)
    np.subtract(d[3], odd, out=odd)
    np.add(even, odd, out=factors[1])
    np.subtract(even, odd, out=factors[2])


def _after(m, y, spare):
    """Make four outputs of six products m, some of which are overwritten."""
    plus, minus = spare
    np.add(m[1], m[2], out=plus)
    np.subtract(m[1], m[2], out=minus)
    sums = np.add(m[3], m[4], out=m[1])
    differences = np.subtract(m[3], m[4], out=m[2])
    m[0] += plus
    np.add(m[0], sums, out=y[0])
    differences *= 2
    np.add(minus, differences, out=y[1])
    sums *= 4
    np.add(plus, sums, out=y[2])
    minus += m[5]
    differences *= 4
    np.add(minus, differences, out=y[3])


def _back(g, factors, spare):
    """Give the gradients of four outputs back to the six products."""
    even, odd = spare
    factors[0], factors[5] = g[0], g[3]
    np.add(g[0], g[2], out=even)
    np.add(g[1], g[3], out=odd)
    np.add(even, odd, out=factors[1])
    np.subtract(even, odd, out=factors[2])
    np.multiply(g[2], 4, out=even)
    even += g[0]
    np.multiply(g[3], 4, out=odd)
    odd += g[1]
    odd += odd
    np.add(even, odd, out=factors[3])
    np.subtract(even, odd, out=factors[4])


# book/35-fast-convolution.md#winograd-tiles
_MEMORY = 3 * 2**19  # bytes: so much is in work at a time


def _step(count, rows, across, inputs, outputs, dtype):
    """Return for how many images at a time the work fits into the cache."""
    cost = 6 * rows * across * (inputs + 2 * outputs) * dtype.itemsize
    return max(1, min(count, _MEMORY // max(1, cost)))


def _factors(x, padding, rows, across, step, dtype):
    """Yield some images at a time, and the factors of their lines.

    Args:
        x: (N, H, W, C).
        rows, across: lines of a picture with its border, fours in a line.

    Yields:
        A slice of the batch, and (6, step, rows * across, C). After the last
        images, what is left of earlier ones may follow.
    """
    count, height, width, channels = x.shape
    (top, left), shape = padding, (step, rows, across + 1, 4, channels)
    padded = np.zeros(shape, dtype)
    inside = padded.reshape(step, rows, -1, channels)
    inside = inside[:, top : top + height, left : left + width]
    pixels = np.empty((4, step, rows, across + 1, channels), dtype)
    shape = (step, rows, across, channels)
    d = [pixels[j % 4, :, :, j // 4 :][:, :, :across] for j in range(6)]
    factors, spare = np.empty((6, *shape), dtype), np.empty((2, *shape), dtype)
    for start in range(0, count, step):
        images = x[start : start + step]
        inside[: len(images)] = images
        np.copyto(pixels, padded.transpose(3, 0, 1, 2, 4))
        _before(d, factors, spare)
        part = slice(start, start + len(images))
        yield part, factors.reshape(6, step, rows * across, channels)


# book/35-fast-convolution.md#winograd-forward
def _convolve_tiles(x, weight, bias, padding):
    """Return (N, OH, OW, O) for x (N, H, W, C) and a weight (O, C, 3, 3)."""
    outputs, inputs = weight.shape[:2]
    rows = x.shape[1] + 2 * padding[0]
    across = (x.shape[2] + 2 * padding[1] - 2) // 4
    dtype = np.result_type(x, weight)
    step = _step(len(x), rows, across, inputs, outputs, dtype)
    sums = weight.transpose(3, 2, 1, 0).reshape(3, -1)
    sums = _KERNEL.astype(dtype) @ sums
    sums = sums.reshape(6, 3, 1, 1, inputs, outputs)
    size = (rows - 2) * across
    piece = _piece(size, inputs, outputs) or size
    products = np.empty((6, step, size // piece, piece, outputs), dtype)
    more = np.empty_like(products)
    table = products.reshape(6, step, rows - 2, across, outputs)
    spare = np.empty((2, *table.shape[1:]), dtype)
    y = np.empty((len(x), rows - 2, across, 4, outputs), dtype)
    for part, factors in _factors(x, padding, rows, across, step, dtype):
        for i in range(3):  # the lines of the kernel
            seen = factors[:, :, i * across :][:, :, :size]
            seen = seen.reshape(6, step, -1, piece, inputs)
            np.matmul(seen, sums[:, i], out=more if i else products)
            if i:
                products += more
        if bias is not None:
            table[1] += bias
        n = part.stop - part.start
        four = y[part].transpose(3, 0, 1, 2, 4)
        _after(table[:, :n], four, spare[:, :n])
    return y.reshape(len(x), rows - 2, 4 * across, outputs)


# book/35-fast-convolution.md#winograd-weight
def _weight_from_tiles(x, g, padding):
    """Return (O, C, 3, 3) for x (N, H, W, C) and g (N, OH, OW, O)."""
    count, height, width, outputs = g.shape
    inputs, rows, across = x.shape[3], height + 2, width // 4
    dtype = np.result_type(x, g)
    step = _step(count, rows, across, inputs, outputs, dtype)
    small = _SMALL // (rows * across * inputs * outputs)
    step = max(1, min(step, small))
    shape = (step, rows, across, outputs)
    pixels = np.zeros((4, *shape), dtype)
    back, spare = np.empty((6, *shape), dtype), np.empty((2, *shape), dtype)
    total = np.zeros((6, 3, inputs, outputs), dtype)
    size = (step * rows - 2) * across
    table = back.reshape(6, -1, outputs)[:, :size]
    for part, factors in _factors(x, padding, rows, across, step, dtype):
        n = part.stop - part.start
        fours = g[part].reshape(n, height, across, 4, outputs)
        pixels[:, :n, :height] = fours.transpose(3, 0, 1, 2, 4)
        pixels[:, n:] = 0
        _back(pixels, back, spare)
        seen = factors.reshape(6, -1, inputs).swapaxes(1, 2)
        for i in range(3):
            line = seen[:, :, i * across :][:, :, :size]
            total[:, i] += line @ table
    weight = _KERNEL.astype(dtype).T @ total.reshape(6, -1)
    weight = weight.reshape(3, 3, inputs, outputs)
    return np.ascontiguousarray(weight.transpose(3, 2, 1, 0))
