# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution: a window slides over its input."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dlfs.autograd import Tensor, operation
from dlfs.nn.init import uniform_
from dlfs.nn.module import Module, Parameter
from dlfs.nn.tiles import _convolve_tiles, _saves, _weight_from_tiles

__all__ = ["Conv2d", "conv2d"]


# book/21-one-product.md#conv-columns
_CACHE = 2**21  # bytes: so much of the columns is made at a time


def _channels_last(x):
    """Return x (N, C, H, W) seen as (N, H, W, C)."""
    return np.transpose(x, (0, 2, 3, 1))


def _channels_first(x):
    """Return x (N, H, W, C) seen as (N, C, H, W)."""
    return np.transpose(x, (0, 3, 1, 2))


def _output_size(size, kernel, stride, padding):
    """Return in how many places a kernel fits, down and across."""
    return tuple(
        (s + 2 * p - k) // step + 1
        for s, k, step, p in zip(size, kernel, stride, padding, strict=True)
    )


def _columns(x, kernel, stride, padding):
    """Yield some images of x at a time, and their windows as rows.

    Args:
        x: (N, C, H, W).

    Yields:
        A slice of the batch, and the windows of these images, each a row of
        height times width times channels.
    """
    count, channels, height, width = x.shape
    places = _output_size((height, width), kernel, stride, padding)
    shape = (*places, *kernel, channels)
    step = max(1, _CACHE // max(1, math.prod(shape) * x.itemsize))
    (down, across), (top, left) = stride, padding
    border = height + 2 * top, width + 2 * left
    padded = np.zeros((min(step, count), *border, channels), x.dtype)
    windows = sliding_window_view(padded, kernel, axis=(1, 2))
    windows = windows[:, ::down, ::across].transpose(0, 1, 2, 4, 5, 3)
    rows = np.empty((len(padded), *shape), x.dtype)
    for start in range(0, count, step):
        images = _channels_last(x[start : start + step])
        n = len(images)
        padded[:n, top : top + height, left : left + width] = images
        np.copyto(rows[:n], windows[:n])
        table = rows[:n].reshape(n * math.prod(places), -1)
        yield slice(start, start + n), table


# book/21-one-product.md#conv2d
class Conv2d(Module):
    """Windows that slide over images, with weights that are learnt.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, each with a window of its own.
        kernel_size: height and width of the windows; an int for both.
        stride: how far they move, down and across.
        padding: how many zeros are put around each image.
        bias: whether to add a number to each channel.

    Attributes:
        weight: (out_channels, in_channels, *kernel_size).
        bias: (out_channels,), or None.

    Both start uniform in +-1 / sqrt(fan_in), as in PyTorch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ):
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _pair(kernel_size, "Conv2d: kernel_size")
        self.stride = _pair(stride, "Conv2d: stride")
        self.padding = _pair(padding, "Conv2d: padding")
        if min(in_channels, out_channels, *self.kernel_size) < 1:
            raise ValueError(
                f"Conv2d: in_channels={in_channels}, out_channels="
                f"{out_channels}, kernel_size={kernel_size}: expected at "
                "least 1 for each"
            )
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_channels, np.float32))
        self.reset_parameters()

    # book/21-one-product.md#conv2d-methods
    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, OH, OW) for an input (N, C, H, W)."""
        return conv2d(input, self.weight, self.bias, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        text = f"{self.in_channels}, {self.out_channels}, "
        text += f"kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        return text if self.bias is not None else text + ", bias=False"


# book/34-fast-numpy.md#conv-forward-tiles
def _conv2d_bias_rule(g, y, x, weight, bias, stride, padding):
    """Every place of a channel adds the same number."""
    rows = _channels_last(g).reshape(-1, g.shape[1])
    return np.ones(rows.shape[0], g.dtype) @ rows


@operation(
    lambda g, y, x, weight, bias=None, **how: _conv2d_input(
        g, weight, size=x.shape[2:], **how
    ),
    lambda g, y, x, weight, bias=None, **how: _conv2d_weight(
        g, x, kernel=weight.shape[2:], **how
    ),
    _conv2d_bias_rule,
)
def _conv2d(x, weight, bias=None, *, stride, padding):
    out_channels, _, *kernel = weight.shape
    size = _output_size(x.shape[2:], kernel, stride, padding)
    if _saves(weight.shape[:2], kernel, stride, size):
        y = _convolve_tiles(_channels_last(x), weight, bias, padding)
        return _channels_first(y)
    y = np.empty((len(x), *size, out_channels), np.result_type(x, weight))
    table = weight.transpose(2, 3, 1, 0).reshape(-1, out_channels)
    for images, rows in _columns(x, tuple(kernel), stride, padding):
        np.matmul(rows, table, out=y[images].reshape(-1, out_channels))
        if bias is not None:  # a line of the picture at a time is faster
            lines = y[images].reshape(-1, size[1] * out_channels)
            lines += np.tile(bias, size[1])
    return _channels_first(y)


# book/34-fast-numpy.md#conv-weight-tiles
@operation(
    lambda g, y, x, input, kernel, **how: _conv2d(input, g, **how),
    lambda g, y, x, input, kernel, **how: _conv2d_input(
        x, g, size=input.shape[2:], **how
    ),
)
def _conv2d_weight(x, input, *, kernel, stride, padding):
    """The gradient of the weight, for the gradient x of the output."""
    out_channels, channels = x.shape[1], input.shape[1]
    if _saves((out_channels, channels), kernel, stride, x.shape[2:]):
        images, g = _channels_last(input), _channels_last(x)
        return _weight_from_tiles(images, g, padding)
    shape = (math.prod(kernel) * channels, out_channels)
    total = np.zeros(shape, np.result_type(x, input))
    for images, rows in _columns(input, kernel, stride, padding):
        total += rows.T @ _channels_last(x[images]).reshape(-1, out_channels)
    total = total.reshape(*kernel, channels, out_channels)
    return np.ascontiguousarray(total.transpose(3, 2, 0, 1))


# book/21-one-product.md#conv-input
@operation(
    lambda g, y, x, weight, size, **how: _conv2d(g, weight, **how),
    lambda g, y, x, weight, size, **how: _conv2d_weight(
        x, g, kernel=weight.shape[2:], **how
    ),
)
def _conv2d_input(x, weight, *, size, stride, padding):
    """The gradient of the input, for the gradient x of the output."""
    kernel = weight.shape[2:]
    if stride == (1, 1):
        turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        border = tuple(k - 1 - p for k, p in zip(kernel, padding, strict=True))
        if min(border) >= 0:
            return _conv2d(x, turned, stride=stride, padding=border)
    return _scatter(x, weight, size, stride, padding)


def _scatter(x, weight, size, stride, padding):
    """Give every window its share back: what overlaps is added up."""
    count, out_channels, *places = x.shape
    _, channels, *kernel = weight.shape
    border = [s + 2 * p for s, p in zip(size, padding, strict=True)]
    dtype = np.result_type(x, weight)
    total = np.zeros((count, *border, channels), dtype)
    table = weight.transpose(0, 2, 3, 1).reshape(out_channels, -1)
    cost = math.prod(places) * table.shape[1] * dtype.itemsize
    step = max(1, _CACHE // max(1, cost))
    for start in range(0, count, step):
        images = slice(start, start + step)
        rows = _channels_last(x[images]).reshape(-1, out_channels) @ table
        shares = rows.reshape(-1, *places, *kernel, channels)
        for i, j in product(*map(range, kernel)):
            rows_of = slice(i, i + stride[0] * places[0], stride[0])
            columns_of = slice(j, j + stride[1] * places[1], stride[1])
            total[images, rows_of, columns_of] += shares[:, :, :, i, j]
    inside = (slice(p, p + s) for p, s in zip(padding, size, strict=True))
    return _channels_first(total[:, *inside])


# book/21-one-product.md#conv-function
def _pair(value, name):
    """Return two whole numbers, for one or two of them."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or not all(isinstance(n, int) for n in pair):
        raise ValueError(f"{name}={value!r}, expected an int or two of them")
    return pair


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> Tensor:
    """Let windows slide over images: a sum of products in every place.

    Args:
        input: (N, C, H, W).
        weight: (O, C, KH, KW), a window for each channel of the output.
        bias: (O,), or None for no bias.
        stride: how far a window moves, down and across.
        padding: how many zeros are put around each image.

    Returns:
        (N, O, OH, OW), where OH = (H + 2 padding - KH) // stride + 1.

    Raises:
        ValueError: the shapes do not fit.
    """
    stride = _pair(stride, "conv2d: stride")
    padding = _pair(padding, "conv2d: padding")
    _check_conv2d(input, weight, bias, stride, padding)
    how = {"stride": stride, "padding": padding}
    if bias is None:
        return _conv2d(input, weight, **how)
    return _conv2d(input, weight, bias, **how)


# book/21-one-product.md#conv-check
def _check_conv2d(input, weight, bias, stride, padding):
    """Raise unless an input, a weight and their options fit together."""
    said = f"conv2d: an input of shape {input.shape}"
    if input.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"{said} and a weight of shape {weight.shape}; expected "
            "(N, C, H, W) and (O, C, KH, KW)"
        )
    if input.shape[1] != weight.shape[1]:
        raise ValueError(
            f"{said} has {input.shape[1]} channels, expected "
            f"{weight.shape[1]} for a weight of shape {weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"conv2d: a bias of shape {bias.shape}, expected "
            f"{weight.shape[:1]}, as the weight is {weight.shape}"
        )
    if min(stride) < 1 or min(padding) < 0:
        raise ValueError(
            f"conv2d: stride={stride} and padding={padding}; expected at "
            "least 1 and 0"
        )
    places = _output_size(input.shape[2:], weight.shape[2:], stride, padding)
    if min(places) < 1:
        raise ValueError(
            f"{said}, with padding={padding}, does not fit a weight of shape "
            f"{weight.shape}: its window is larger"
        )
