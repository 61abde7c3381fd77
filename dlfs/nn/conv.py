# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution: a window slides over its input."""

import math
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dlfs.autograd import Tensor, operation
from dlfs.nn.fitting import _border, _check_conv, _check_groups, _whole
from dlfs.nn.init import uniform_
from dlfs.nn.layout import _at_a_time, _channels_first, _channels_last, _filled
from dlfs.nn.module import Module, Parameter
from dlfs.nn.products import _piece
from dlfs.nn.tiles import _convolve_tiles, _saves, _weight_from_tiles

__all__ = ["Conv1d", "Conv2d", "conv1d", "conv2d"]


# book/33-convolution-arguments.md#conv-reach
def _reach(kernel, dilation):
    """Return how many pixels a window spans, down and across."""
    pairs = zip(kernel, dilation, strict=True)
    return tuple(d * (k - 1) + 1 for k, d in pairs)


def _room(size, kernel, places, stride, padding, dilation):
    """Return the size of a picture with all zeros that windows reach."""
    lines = zip(size, _reach(kernel, dilation), places, stride, padding)
    return tuple(max(p + n, s * (m - 1) + r) for n, r, m, s, p in lines)


# book/33-convolution-arguments.md#conv-nd
class _ConvNd(Module):
    """The arguments, the weight and the bias of a convolution."""

    _dims, _transposed = 2, False  # axes that windows slide along; which way

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ):
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = self._whole("kernel_size", kernel_size)
        self.stride = self._whole("stride", stride)
        self.dilation = self._whole("dilation", dilation)
        self.padding = padding
        if self._transposed or not isinstance(padding, str):
            self.padding = self._whole("padding", padding, least=0)
        self.groups, self.padding_mode = groups, padding_mode
        self._check()
        pair = out_channels, in_channels // groups
        if self._transposed:
            pair = in_channels, out_channels // groups
        self.weight = Parameter(np.empty(pair + self.kernel_size, np.float32))
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_channels, np.float32))
        self.reset_parameters()

    def _whole(self, what, value, least=1):
        """Return one number for each axis, or raise."""
        name = f"{type(self).__name__}: {what}"
        return _whole(value, self._dims, name, least)

    # book/33-convolution-arguments.md#conv-nd-methods
    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, OH, OW) for an input (N, C, H, W).

        Of rows (N, C, L), it is (N, out_channels, OL).
        """
        how = self.stride, self.padding, self.dilation, self.groups
        return _convolve(self._dims, input, self.weight, self.bias, *how)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        text = f"{self.in_channels}, {self.out_channels}, "
        text += f"kernel_size={self.kernel_size}, stride={self.stride}"
        usual = {"padding": 0, "dilation": 1, "output_padding": 0}
        for name, number in usual.items():
            value = getattr(self, name, number)
            if value not in (number, (number,) * self._dims):
                text += f", {name}={value}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text if self.bias is not None else text + ", bias=False"

    # book/33-convolution-arguments.md#conv-nd-check
    def _check(self):
        """Raise unless there can be such a layer."""
        name = type(self).__name__
        inputs, outputs = self.in_channels, self.out_channels
        if min(inputs, outputs) < 1:
            raise ValueError(
                f"{name}: in_channels={inputs}, out_channels={outputs}, "
                "expected at least 1 for each"
            )
        (groups,) = _whole(self.groups, 1, f"{name}: groups", least=1)
        _check_groups(f"{name}: groups", groups, inputs, outputs)
        if self.padding_mode != "zeros":
            raise ValueError(
                f"{name}: padding_mode={self.padding_mode!r}, expected 'zeros'"
                ", as there is no other border here"
            )
        reach = _reach(self.kernel_size, self.dilation)
        _border(name, self.padding, reach, self.stride)


# book/35-fast-convolution.md#conv-forward-lines
def _conv2d_bias_rule(g, y, x, weight, bias, **how):
    """Every place of a channel adds the same number."""
    rows = _channels_last(g).reshape(-1, g.shape[1])
    return np.ones(rows.shape[0], g.dtype) @ rows


@operation(
    lambda g, y, x, weight, bias=None, places=None, **how: _conv2d_input(
        g, weight, size=x.shape[2:], **how
    ),
    lambda g, y, x, weight, bias=None, places=None, **how: _conv2d_weight(
        g, x, kernel=weight.shape[2:], **how
    ),
    _conv2d_bias_rule,
)
def _conv2d(x, weight, bias=None, *, places, groups, **how):
    if groups > 1:
        y = _conv2d_groups(x, weight, groups, places=places, **how)
        return y if bias is None else y + bias[:, None, None]
    outputs, _, *kernel = weight.shape
    if _saves(weight.shape[:2], kernel, x.shape[2:], places, **how):
        return _convolve_tiles(x, weight, bias, how["padding"])
    y = np.empty((len(x), *places, outputs), np.result_type(x, weight))
    table = weight.transpose(2, 3, 1, 0).reshape(-1, outputs)
    if bias is not None:  # a line of the picture at a time is faster
        bias_line = np.tile(bias, places[1])
    for images, lines in _line_tables(x, kernel, places, outputs, 8, **how):
        part = y[images].reshape(*lines[0].shape[:3], outputs)
        parts = table.reshape(len(lines), -1, outputs)
        np.matmul(lines[0], parts[0], out=part)
        for line, weights in zip(lines[1:], parts[1:]):
            part += line @ weights
        if bias is not None:
            part = part.reshape(-1, len(bias_line))
            part += bias_line
    return _channels_first(y)


# book/35-fast-convolution.md#conv-weight-lines
@operation(
    lambda g, y, x, input, kernel, **how: _conv2d(
        input, g, places=x.shape[2:], **how
    ),
    lambda g, y, x, input, kernel, **how: _conv2d_input(
        x, g, size=input.shape[2:], **how
    ),
)
def _conv2d_weight(x, input, *, kernel, groups, **how):
    """The gradient of the weight, for the gradient x of the output."""
    if groups > 1:
        return _conv2d_weight_groups(x, input, groups, kernel=kernel, **how)
    outputs, channels = x.shape[1], input.shape[1]
    size, places = input.shape[2:], x.shape[2:]
    if _saves((outputs, channels), kernel, size, places, **how):
        return _weight_from_tiles(input, x, how["padding"])
    shape = (math.prod(kernel) * channels, outputs)
    total = np.zeros(shape, np.result_type(x, input))
    how |= {"outputs": outputs, "least": 64}
    for images, lines in _line_tables(input, kernel, places, **how):
        g = _channels_last(x[images])
        g = g.reshape(*lines[0].shape[:3], outputs)
        for part, line in zip(total.reshape(len(lines), -1, outputs), lines):
            part += (line.swapaxes(2, 3) @ g).sum((0, 1))
    total = total.reshape(*kernel, channels, outputs)
    return np.ascontiguousarray(total.transpose(3, 2, 0, 1))


# book/33-convolution-arguments.md#conv-input-all
@operation(
    lambda g, y, x, weight, size, **how: _conv2d(
        g, weight, places=x.shape[2:], **how
    ),
    lambda g, y, x, weight, size, **how: _conv2d_weight(
        x, g, kernel=weight.shape[2:], **how
    ),
)
def _conv2d_input(x, weight, *, size, groups, stride, padding, dilation):
    """The gradient of the input, for the gradient x of the output."""
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    if groups > 1:
        return _conv2d_input_groups(x, weight, groups, size=size, **how)
    if stride == (1, 1):
        turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        reach = _reach(weight.shape[2:], dilation)
        border = tuple(r - 1 - p for r, p in zip(reach, padding, strict=True))
        if min(border) >= 0:
            how["padding"] = border
            return _conv2d(x, turned, places=size, groups=1, **how)
    return _scatter(x, weight, size, **how)


# book/33-convolution-arguments.md#conv2d-function-all
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Let windows slide over images: a sum of products in every place.

    Args:
        input: (N, C, H, W), or (C, H, W) for a single image.
        weight: (O, C / groups, KH, KW), a window for each output channel.
        bias: (O,), or None for no bias.
        stride: how far a window moves, down and across.
        padding: how many zeros are put around each image; "valid" for none,
            "same" for as many as keep its size (an odd one at the end).
        dilation: from one pixel of a window to the next.
        groups: into how many parts channels are cut, which do not meet.

    Returns:
        (N, O, OH, OW), or (O, OH, OW); OH = (H + 2 padding - dilation
        (KH - 1) - 1) // stride + 1.

    Raises:
        ValueError: shapes or arguments do not fit.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


# book/33-convolution-arguments.md#conv-convolve
def _convolve(dims, input, weight, bias, stride, padding, dilation, groups):
    """Check everything, and see rows as pictures of height 1."""
    name = f"conv{dims}d"
    _check_conv(name, dims, input, weight, bias, groups)
    stride = _whole(stride, dims, f"{name}: stride", least=1)
    dilation = _whole(dilation, dims, f"{name}: dilation", least=1)
    reach = _reach(weight.shape[2:], dilation)
    before, border = _border(name, padding, reach, stride)
    lines = zip(input.shape[-dims:], border, reach, stride, strict=True)
    places = tuple((n + b - r) // s + 1 for n, b, r, s in lines)
    if min(places) < 1:
        raise ValueError(
            f"{name}: an input of shape {input.shape}, with padding={padding}"
            f", does not fit a weight of shape {weight.shape} with dilation="
            f"{dilation}: its window is larger"
        )
    single, x = input.ndim == dims + 1, input
    if single:
        x = x.unsqueeze(0)
    if dims == 1:
        x, weight = x.unsqueeze(2), weight.unsqueeze(2)
        stride, dilation, before = (1, *stride), (1, *dilation), (0, *before)
    how = {"stride": stride, "padding": before, "dilation": dilation}
    how |= {"places": (1,) * (2 - dims) + places, "groups": groups}
    tensors = (x, weight) if bias is None else (x, weight, bias)
    y = _conv2d(*tensors, **how)
    y = y.squeeze(2) if dims == 1 else y
    return y.squeeze(0) if single else y


# book/35-fast-convolution.md#conv-lines
def _line_tables(
    x, kernel, places, outputs, least, *, stride, padding, dilation
):
    """Yield some images of x at a time, and what windows see, line by line.

    Args:
        x: (N, C, H, W).
        places: how many windows there are, down and across.
        outputs, least: of the products to come, for `_piece`.
        padding: the zeros above and to the left; as many as windows reach
            are put below and to the right.

    Yields:
        A slice of the batch, and for each line of the kernel the rows for
        these images, (A, B, rows, KW * C), in the order of the places; or
        one table for all lines, whose rows are the windows.
    """
    count, channels, *size = x.shape
    room = _room(size, kernel, places, stride, padding, dilation)
    rows, numbers = math.prod(places), kernel[1] * channels
    piece = _piece(rows, numbers, outputs, least)
    apart = stride[0] == 1 and (piece is not None or rows >= 256)
    if apart:  # a table of lines, which windows below each other share
        seen, down, height = (1, kernel[1]), 1, room[0]
        starts = range(0, kernel[0] * dilation[0], dilation[0])
    else:  # a table of windows
        seen, down, height, starts = kernel, stride[0], places[0], [0]
        numbers *= kernel[0]
        piece = _piece(rows, numbers, outputs, least)
    cost = math.prod(room) * channels + height * places[1] * numbers
    cost = (cost + 2 * rows * outputs) * x.itemsize
    step = _at_a_time(count, cost)
    padded = np.zeros((step, *room, channels), x.dtype)
    windows = sliding_window_view(padded, _reach(seen, dilation), (1, 2))
    windows = windows[:, ::down, :: stride[1]][:, :height, : places[1]]
    windows = windows[..., :: dilation[0], :: dilation[1]]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)
    table = np.empty(windows.shape, x.dtype)
    for images in _filled(padded, x, padding):
        n = images.stop - images.start
        np.copyto(table[:n], windows[:n])
        tables, most = (n, rows) if apart else (1, n * rows)
        shape = tables, -1, piece or most, numbers
        lines = (table[:n, i : i + places[0]] for i in starts)
        yield images, [line.reshape(shape) for line in lines]


# book/33-convolution-arguments.md#conv-scatter
def _seen(kernel, places, stride, dilation):
    """Yield each place in a kernel, and slices of the pixels it sees."""
    for place in product(*map(range, kernel)):
        lines = zip(place, places, stride, dilation, strict=True)
        pixels = (slice(d * k, d * k + s * n, s) for k, n, s, d in lines)
        yield place, tuple(pixels)


def _scatter(x, weight, size, stride, padding, dilation, depthwise=False):
    """Give every window its share back: what overlaps is added up."""
    count, outputs, *places = x.shape
    _, inputs, *kernel = weight.shape
    channels = outputs if depthwise else inputs
    room = _room(size, kernel, places, stride, padding, dilation)
    dtype = np.result_type(x, weight)
    total = np.zeros((count, *room, channels), dtype)
    table = weight.transpose(0, 2, 3, 1).reshape(outputs, -1)
    cost = math.prod((*places, *kernel, channels)) * dtype.itemsize
    step = _at_a_time(count, cost)
    for start in range(0, count, step):
        images = slice(start, start + step)
        g = _channels_last(x[images])
        if not depthwise:
            rows = g.reshape(-1, outputs) @ table
            shares = rows.reshape(-1, *places, *kernel, channels)
        for (i, j), pixels in _seen(kernel, places, stride, dilation):
            if depthwise:
                total[images, *pixels] += g * weight[:, 0, i, j]
            else:
                total[images, *pixels] += shares[:, :, :, i, j]
    inside = (slice(p, p + s) for p, s in zip(padding, size, strict=True))
    return _channels_first(total[:, *inside])


# book/33-convolution-arguments.md#conv-groups
def _each(function, groups, axis, one, two, cut, **how):
    """Call a function for each group, and join what it returns at axis.

    `one` is cut along its channels, `two` along the axis `cut`.
    """
    ones, twos = np.split(one, groups, 1), np.split(two, groups, cut)
    parts = [function(a, b, groups=1, **how) for a, b in zip(ones, twos)]
    return np.concatenate(parts, axis)


def _conv2d_groups(x, weight, groups, **how):
    if groups == x.shape[1] == len(weight):
        return _depthwise(x, weight, **how)
    return _each(_conv2d, groups, 1, x, weight, 0, **how)


def _conv2d_weight_groups(x, input, groups, **how):
    if groups == x.shape[1] == input.shape[1]:
        return _depthwise_weight(x, input, **how)
    return _each(_conv2d_weight, groups, 0, x, input, 1, **how)


def _conv2d_input_groups(x, weight, groups, **how):
    if groups == x.shape[1] and weight.shape[1] == 1:
        return _scatter(x, weight, **how, depthwise=True)
    return _each(_conv2d_input, groups, 1, x, weight, 0, **how)


# book/33-convolution-arguments.md#conv-depthwise
def _views(x, kernel, places, *, stride, padding, dilation):
    """Yield some images of x, a place in the kernel, and what it sees."""
    count, channels, *size = x.shape
    room = _room(size, kernel, places, stride, padding, dilation)
    step = _at_a_time(count, math.prod(room) * channels * x.itemsize)
    padded = np.zeros((step, *room, channels), x.dtype)
    seen = list(_seen(kernel, places, stride, dilation))
    for images in _filled(padded, x, padding):
        for place, pixels in seen:
            yield images, place, padded[: images.stop - images.start, *pixels]


def _depthwise(x, weight, places, **how):
    """Convolve each channel of x with a kernel of its own."""
    shape = (len(x), *places, len(weight))
    y = np.zeros(shape, np.result_type(x, weight))
    for images, (i, j), seen in _views(x, weight.shape[2:], places, **how):
        y[images] += seen * weight[:, 0, i, j]
    return _channels_first(y)


def _depthwise_weight(x, input, kernel, **how):
    """The gradient of the weight, for the gradient x of the output."""
    total = np.zeros((x.shape[1], 1, *kernel), np.result_type(x, input))
    for images, (i, j), seen in _views(input, kernel, x.shape[2:], **how):
        g = _channels_last(x[images])
        total[:, 0, i, j] += np.einsum("nhwc,nhwc->c", seen, g)
    return total


# book/33-convolution-arguments.md#conv1d-function
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int] = 1,
    padding: int | tuple[int] | str = 0,
    dilation: int | tuple[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Let windows slide along rows: `conv2d` on images of height 1.

    Args:
        input: (N, C, L), or (C, L) for a single row.
        weight: (O, C / groups, K).
        bias, stride, padding, dilation, groups: as for `conv2d`.

    Returns:
        (N, O, OL), or (O, OL), with OL as OH for `conv2d`.

    Raises:
        ValueError: shapes or arguments do not fit.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


# book/33-convolution-arguments.md#conv2d-layer-all
class Conv2d(_ConvNd):
    """Windows that slide over images, with weights that are learnt.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, each with a window of its own.
        kernel_size: height and width of the windows; an int for both.
        stride, padding, dilation, groups: as for `conv2d`.
        bias: whether to add a number to each channel.
        padding_mode: "zeros"; there is no other.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Both start uniform in +-1 / sqrt(fan_in), as in PyTorch.

    Raises:
        ValueError: there can be no such layer.
    """


class Conv1d(_ConvNd):
    """Windows that slide along rows; all arguments are those of `Conv2d`.

    Attributes:
        weight: (out_channels, in_channels / groups, kernel_size).
        bias: (out_channels,), or None.
    """

    _dims = 1
