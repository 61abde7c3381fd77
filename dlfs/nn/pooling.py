# Made from book/ by scripts/tangle.py: edit the chapters.
"""Pooling: a window of neighbours becomes one number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dlfs.autograd import Tensor, operation
from dlfs.autograd.engine import _unbroadcast, _values
from dlfs.nn.fitting import _pair
from dlfs.nn.module import Module

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "MaxPool2d",
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "max_pool2d",
]


# book/22-pooling.md#max-pool2d
def max_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
) -> Tensor:
    """Return the largest number of each window.

    Args:
        input: (N, C, H, W).
        kernel_size: size of a window, an int or (height, width).
        stride: from one window to the next; by default they lie side by side.
        padding: rows and columns around the picture that windows may
            overlap; at most half a window. They never hold the maximum.

    Returns:
        (N, C, H', W') with H' = (H + 2 * padding - kernel_size) // stride + 1
        and W' likewise. Rows and columns that are left over are ignored.
        The gradient goes to the first of equal maxima. NaN counts as largest.

    Raises:
        ValueError: the input has another shape or is too small, or a size
            makes no sense.
        TypeError: the input does not hold numbers.
    """
    _check_pictures("max_pool2d", input)
    windows = _place("max_pool2d", input, kernel_size, stride, padding)
    return _max_pool(input, windows=windows)


# book/22-pooling.md#pooling-windows
class _Windows(NamedTuple):
    """Where the windows lie on a picture of given height and width."""

    shape: tuple[int, int]  # how many windows there are, down and across
    places: list  # for each place in a window: (windows, their pixels)
    tiles: bool  # whether each pixel lies in exactly one window


def _along(length, size, stride, padding):
    """Return how many windows lie on a line, and slices for each place."""
    count = (length + 2 * padding - size) // stride + 1
    places = []
    for start in range(-padding, size - padding):  # its pixel in window 0
        first = max(0, -(start // stride))  # the first window that has one
        stop = min(count, (length - 1 - start) // stride + 1)
        if first < stop:
            pixels = start + first * stride, start + stop * stride, stride
            places.append((slice(first, stop), slice(*pixels)))
    return count, places


def _lay(lengths, kernel, stride, padding):
    """Lay windows on a picture; all arguments are (height, width)."""
    sizes = zip(lengths, kernel, stride, padding, strict=True)
    (height, rows), (width, columns) = (_along(*line) for line in sizes)
    places = [
        ((..., *windows), (..., *pixels))
        for row in rows
        for column in columns
        for windows, pixels in [zip(row, column)]
    ]
    tiles = stride == kernel and padding == (0, 0)
    tiles = tiles and all(n % k == 0 for n, k in zip(lengths, kernel))
    return _Windows((height, width), places, tiles)


# book/22-pooling.md#max-pool
def _max_rule(g, y, x, windows):
    """Send the gradient of each window to the pixel that was largest."""
    x, y = _values(x), _values(y)
    return _unpool(g, input=x, output=y, windows=windows)


@operation(_max_rule)
def _max_pool(x, windows):
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    y = np.full_like(x, lowest, shape=(*x.shape[:2], *windows.shape))
    for here, pixels in windows.places:
        largest = y[here]
        np.maximum(largest, x[pixels], out=largest)
    return y


# book/22-pooling.md#max-pool-maxima
def _last_nan(x, y, windows):
    """Return the place of the last NaN in each window, -1 for none."""
    last = np.full_like(y, -1, dtype=np.int64)
    for place, (here, pixels) in enumerate(windows.places):
        last[here][np.isnan(x[pixels])] = place
    return last


def _maxima(x, y, windows):
    """Yield for each place (windows, pixels, whether the maximum is there).

    Of several equal ones it is the first, of several NaN the last.
    """
    free = np.ones_like(y, dtype=bool)  # windows not yet accounted for
    last = _last_nan(x, y, windows) if (y != y).any() else None
    for place, (here, pixels) in enumerate(windows.places):
        hit = x[pixels] == y[here]
        hit &= free[here]
        free[here] ^= hit
        if last is not None:
            hit |= last[here] == place
        yield here, pixels, hit


# book/22-pooling.md#max-unpool
@operation(lambda h, y, g, **where: _pick(h, **where))
def _unpool(g, input, output, windows):
    """Return zeros like input, with g where the maxima of windows were."""
    make = np.empty_like if windows.tiles else np.zeros_like
    picture = make(input, dtype=g.dtype)
    for here, pixels, hit in _maxima(input, output, windows):
        if windows.tiles:
            np.multiply(g[here], hit, out=picture[pixels])
        else:
            picture[pixels] += g[here] * hit
    return picture


@operation(lambda h, y, g, **where: _unpool(h, **where))
def _pick(g, input, output, windows):
    """Return of a picture g what stands where the maxima were."""
    picked = np.zeros_like(output, dtype=g.dtype)
    for here, pixels, hit in _maxima(input, output, windows):
        picked[here] += g[pixels] * hit
    return picked


# book/22-pooling.md#pooling-checks
def _check_pictures(name, input, kinds="fiu"):
    """Raise unless the input is a batch of pictures that have pixels."""
    if input.ndim != 4 or 0 in input.shape[2:]:
        raise ValueError(
            f"{name}: an input of shape {input.shape}, expected (N, C, H, W)"
            " with H and W of at least 1"
        )
    if input.dtype.kind not in kinds:
        numbers = "floating-point numbers" if kinds == "f" else "numbers"
        raise TypeError(
            f"{name}: an input of dtype {input.dtype}, expected {numbers}"
        )


# book/22-pooling.md#pooling-place
def _place(name, input, kernel_size, stride, padding):
    """Return windows for the arguments of a pooling, or raise."""
    kernel = _pair(kernel_size, f"{name}: kernel_size", least=1)
    stride = kernel_size if stride is None else stride
    stride = _pair(stride, f"{name}: stride", least=1)
    padding = _pair(padding, f"{name}: padding", least=0)
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(
            f"{name}: padding={padding}, expected at most half of "
            f"kernel_size={kernel}, or windows would hold no pixel"
        )
    windows = _lay(input.shape[2:], kernel, stride, padding)
    if min(windows.shape) < 1:
        raise ValueError(
            f"{name}: an input of shape {input.shape} with padding={padding} "
            f"is too small for a window of {kernel[0]} x {kernel[1]}"
        )
    return windows


# book/22-pooling.md#avg-pool
@operation(lambda h, y, g, windows, like: _add_up(h, windows=windows))
def _share_out(g, windows, like):
    """Return a picture with g of each window added to all its pixels."""
    make = np.empty_like if windows.tiles else np.zeros_like
    picture = make(like, dtype=g.dtype)
    for here, pixels in windows.places:
        if windows.tiles:
            picture[pixels] = g[here]
        else:
            picture[pixels] += g[here]
    return picture


def _add_up_rule(g, y, x, windows):
    return _share_out(g, windows=windows, like=_values(x))


@operation(_add_up_rule)
def _add_up(x, windows):
    """Return the sum of each window."""
    sums = np.zeros_like(x, shape=(*x.shape[:2], *windows.shape))
    for here, pixels in windows.places:
        total = sums[here]
        total += _unbroadcast(x[pixels], total.shape)
    return sums


# book/22-pooling.md#avg-pool2d
def avg_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    *,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window.

    Args:
        input: (N, C, H, W), floating-point numbers.
        kernel_size, stride, padding: as for `max_pool2d`.
        count_include_pad: whether padding counts as zeros; otherwise the
            mean is over the pixels alone.

    Returns:
        (N, C, H', W'), as for `max_pool2d`.

    Raises:
        ValueError, TypeError: as for `max_pool2d`.
    """
    _check_pictures("avg_pool2d", input, kinds="f")
    windows = _place("avg_pool2d", input, kernel_size, stride, padding)
    sums = _add_up(input, windows=windows)
    if count_include_pad:
        height, width = _pair(kernel_size, "avg_pool2d: kernel_size", 1)
        return sums / (height * width)
    ones = np.ones((1, 1, *input.shape[2:]), input.dtype)
    return sums / _add_up(ones, windows=windows)


# book/22-pooling.md#adaptive-avg-pool2d
def adaptive_avg_pool2d(
    input: Tensor, output_size: int | Sequence[int | None] | None
) -> Tensor:
    """Return means over as many parts of the picture as asked for.

    Args:
        input: (N, C, H, W), floating-point numbers.
        output_size: an int or (height, width); None keeps the input's. Part
            i of n is from i * H // n to (i + 1) * H / n, rounded up.

    Returns:
        (N, C, height, width).

    Raises:
        ValueError, TypeError: as for `max_pool2d`.
    """
    name = "adaptive_avg_pool2d"
    _check_pictures(name, input, kinds="f")
    pair = output_size
    if not isinstance(pair, Sequence):
        pair = (pair, pair)
    lengths = input.shape[2:]
    if len(pair) == 2:
        pair = [n if m is None else m for m, n in zip(pair, lengths)]
    pair = _pair(pair, f"{name}: output_size", least=1)
    for dim, length, count in zip((2, 3), lengths, pair):
        if count != length:
            input = _means(input, dim, length, count)
    return input


def _means(x, dim, length, count):
    """Return means over `count` parts of an axis, as equal as can be."""
    before, places, sizes = (slice(None),) * dim, [], []
    for i in range(count):
        start, stop = i * length // count, -(-(i + 1) * length // count)
        window, pixels = slice(i, i + 1), slice(start, stop)
        places.append(((*before, window), (*before, pixels)))
        sizes.append(stop - start)
    shape = (count, x.shape[3]) if dim == 2 else (x.shape[2], count)
    sums = _add_up(x, windows=_Windows(shape, places, tiles=False))
    return sums / np.array(sizes, x.dtype).reshape(-1, *[1] * (3 - dim))


# book/22-pooling.md#pooling-layers
class MaxPool2d(Module):
    """The largest number of each window; see `max_pool2d`."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
    ):
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C, H', W') for an input (N, C, H, W)."""
        return max_pool2d(input, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}"
        return f"{sizes}, padding={self.padding}"


# book/22-pooling.md#pooling-mean-layers
class AvgPool2d(MaxPool2d):
    """The mean of each window; see `avg_pool2d`."""

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        *,
        count_include_pad: bool = True,
    ):
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C, H', W') for an input (N, C, H, W)."""
        how = {"count_include_pad": self.count_include_pad}
        sizes = self.kernel_size, self.stride, self.padding
        return avg_pool2d(input, *sizes, **how)


class AdaptiveAvgPool2d(Module):
    """Means over a given number of parts; see `adaptive_avg_pool2d`."""

    def __init__(self, output_size: int | Sequence[int | None] | None):
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C, height, width) for an input (N, C, H, W)."""
        return adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        return f"output_size={self.output_size}"
