# Made from book/ by scripts/tangle.py: edit the chapters.
"""Normalisation: numbers inside a network with mean 0 and deviation 1."""

import math
from collections.abc import Sequence

import numpy as np

from dlfs.autograd import Tensor, operation
from dlfs.nn.fitting import _check_groups
from dlfs.nn.module import Module, Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "LayerNorm",
    "batch_norm",
    "group_norm",
    "layer_norm",
]


# book/23-batch-normalisation.md#batch-norm-layers
class _BatchNorm(Module):
    """What the batch normalisations share; see `BatchNorm1d`."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ):
        if num_features < 1:
            raise ValueError(
                f"{type(self).__name__}: {num_features} features, expected "
                "at least 1"
            )
        self.num_features, self.eps = num_features, eps
        self.momentum, self.affine = momentum, affine
        self.track_running_stats = track_running_stats
        self.weight, self.bias = _ones_and_zeros(num_features, affine)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            zeros = np.zeros(num_features, np.float32)
            self.register_buffer("running_mean", zeros)
            self.register_buffer("running_var", zeros + 1)
            self.register_buffer("num_batches_tracked", np.array(0))

    def forward(self, input: Tensor) -> Tensor:
        """Return an output of the shape of the input."""
        if input.ndim not in self._dimensions:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {input.shape}, "
                f"expected {self._expected}"
            )
        counts = self.training and self.track_running_stats
        momentum = self.momentum
        if counts and momentum is None:  # the mean of all batches
            momentum = 1 / (int(self.num_batches_tracked) + 1)
        running = self.running_mean, self.running_var
        affine = self.weight, self.bias
        by_itself = self.training or not self.track_running_stats
        y = batch_norm(input, *running, *affine, by_itself, momentum, self.eps)
        if counts:
            self.num_batches_tracked = self.num_batches_tracked + 1
        return y

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        text += f", affine={self.affine}"
        return f"{text}, track_running_stats={self.track_running_stats}"


def _ones_and_zeros(shape, wanted, bias=True):
    """Return a weight of ones and a bias of zeros, None where unwanted."""
    if not wanted:
        return None, None
    weight = Parameter(np.ones(shape, np.float32))
    return weight, Parameter(np.zeros(shape, np.float32)) if bias else None


# book/23-batch-normalisation.md#standardize
def _moments(x, axes, eps):
    """Return x without its mean, the mean, variance and 1 / deviation."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    return centred, mean, variance, (variance + eps) ** -0.5


def _standardize_rule(g, y, x, axes, eps, saved):
    """Take out of g its mean and its part along y; divide as forward did."""
    if isinstance(g, Tensor):  # for second derivatives
        scale = _moments(x, axes, eps)[3]
    else:
        scale = saved["scale"]
    along = (g * y).mean(axis=axes, keepdims=True)
    return scale * (g - g.mean(axis=axes, keepdims=True) - y * along)


@operation(_standardize_rule)
def _standardize(x, axes, eps, saved):
    y, saved["mean"], saved["variance"], scale = _moments(x, axes, eps)
    saved["scale"] = scale
    y *= scale
    return y


# book/34-fast-numpy.md#batch-norm-fast
def _affine(y, weight, bias, shape):
    """Return y * weight + bias, both reshaped to broadcast."""
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def batch_norm(
    input: Tensor,
    running_mean: np.ndarray | None,
    running_var: np.ndarray | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel: (x - mean) / deviation * weight + bias.

    Ioffe and Szegedy (2015), algorithm 1. While training, the mean and the
    variance are those of the batch, and the running ones follow, in place.

    Args:
        input: (N, C, ...).
        running_mean, running_var: (C,) arrays; None, while training, to
            keep none.
        weight, bias: (C,) tensors, or None.
        training: use the batch's own mean and variance.
        momentum: how far the running ones move towards the batch's.
        eps: added to the variance.

    Returns:
        A tensor of the shape of the input.

    Raises:
        ValueError: the channels are not as many as the other arguments have;
            while training, a channel has fewer than two values; else there
            is no running mean or variance.
    """
    _check_channels("batch_norm", input, running_mean, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(
                "batch_norm: running_mean and running_var are needed unless "
                "training=True"
            )
        shape = (1, -1, *[1] * (input.ndim - 2))
        scale = (running_var + eps) ** -0.5
        shift = running_mean.reshape(shape).astype(input.dtype)
        y = (input - shift) * scale.reshape(shape).astype(input.dtype)
        return _affine(y, weight, bias, shape)
    count = input.numel() // max(input.shape[1], 1)
    if count < 2:
        raise ValueError(
            "batch_norm: expected more than 1 value per channel when "
            f"training, got an input of shape {input.shape}"
        )
    one = np.ones(input.shape[1], input.dtype)
    weight = Tensor(one) if weight is None else weight
    bias = Tensor(0 * one) if bias is None else bias
    saved = {}
    y = _normalised(input, weight, bias, eps=eps, saved=saved)
    if running_mean is not None:
        mean = saved["mean"].astype(np.float32)
        variance = (saved["variance"] * (count / (count - 1))).astype("f4")
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (variance - running_var)
    return y


# book/23-batch-normalisation.md#norm-checks
def _check_channels(name, input, *others):
    """Raise unless the input is (N, C, ...) and the others are (C,)."""
    if input.ndim < 2:
        raise ValueError(
            f"{name}: an input of shape {input.shape}, expected (N, C, ...)"
        )
    for other in others:
        if other is not None and other.shape != (input.shape[1],):
            raise ValueError(
                f"{name}: an input of shape {input.shape} has "
                f"{input.shape[1]} channels, expected {other.shape[0]}"
            )


# book/23-batch-normalisation.md#batch-norm-kinds
class BatchNorm1d(_BatchNorm):
    """Every unit with mean 0 and deviation 1, times weight, plus bias.

    While training, mean and variance are those of the batch; after `eval()`
    the running ones. For inputs (N, C) or (N, C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running mean and variance move with each
            batch; None for the mean of all batches.
        affine: whether there is a weight and a bias to learn.
        track_running_stats: keep running values; without them a batch is
            always normalised by itself.

    Attributes:
        weight, bias: (C,), starting as ones and zeros, or None.
        running_mean, running_var: (C,) buffers, or None.
        num_batches_tracked: how many batches they have seen, or None.
    """

    _dimensions, _expected = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Every channel of pictures with mean 0 and deviation 1.

    For inputs (N, C, H, W); otherwise as `BatchNorm1d`.
    """

    _dimensions, _expected = (4,), "(N, C, H, W)"


# book/23-batch-normalisation.md#group-norm
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of the channels of each example (Wu and He, 2018).

    Args:
        input: (N, C, ...).
        num_groups: how many; C must be divisible by it.
        weight, bias: (C,) tensors, or None.
        eps: added to the variance.

    Returns:
        A tensor of the shape of the input.

    Raises:
        ValueError: the channels cannot be parted so, or are not as many as
            the weight and the bias have.
    """
    _check_channels("group_norm", input, weight, bias)
    size, channels = input.shape[:2]
    _check_groups("group_norm: num_groups", num_groups, channels)
    length = math.prod(input.shape[1:]) // num_groups
    groups = input.reshape(size, num_groups, length)
    y = _standardize(groups, axes=(2,), eps=eps, saved={})
    shape = (1, -1, *[1] * (input.ndim - 2))
    return _affine(y.reshape(input.shape), weight, bias, shape)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise the last axes of each example (Ba et al., 2016).

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the lengths of the axes to take the mean over.
        weight, bias: tensors of that shape, or None.
        eps: added to the variance.

    Returns:
        A tensor of the shape of the input.

    Raises:
        ValueError: the input does not end with that shape, or the weight or
            the bias has another.
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm: an input of shape {input.shape}, expected "
            f"(..., {str(shape)[1:-1].rstrip(',')})"
        )
    for other in weight, bias:
        if other is not None and other.shape != shape:
            raise ValueError(
                f"layer_norm: a weight or bias of shape {other.shape}, "
                f"expected {shape}"
            )
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    y = _standardize(input, axes=axes, eps=eps, saved={})
    return _affine(y, weight, bias, shape)


# book/23-batch-normalisation.md#group-norm-layers
class GroupNorm(Module):
    """Groups of channels with mean 0 and deviation 1, in each example.

    Args:
        num_groups: how many groups.
        num_channels: C of the inputs (N, C, ...).
        eps: added to the variance.
        affine: whether there is a weight and a bias to learn, (C,) each.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
    ):
        _check_groups("GroupNorm: num_groups", num_groups, num_channels)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self.weight, self.bias = _ones_and_zeros(num_channels, affine)

    def forward(self, input: Tensor) -> Tensor:
        """Return an output of the shape of the input."""
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm: an input of shape {input.shape}, expected "
                f"(N, {self.num_channels}, ...)"
            )
        affine = self.weight, self.bias
        return group_norm(input, self.num_groups, *affine, self.eps)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        sizes = f"{self.num_groups}, {self.num_channels}"
        return f"{sizes}, eps={self.eps}, affine={self.affine}"


class LayerNorm(Module):
    """The last axes of each example with mean 0 and deviation 1.

    Args:
        normalized_shape: the lengths of these axes, or of the last one.
        eps: added to the variance.
        elementwise_affine: whether there is a weight to learn.
        bias: whether there is a bias as well.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        if isinstance(normalized_shape, int):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight, self.bias = _ones_and_zeros(
            self.normalized_shape, elementwise_affine, bias
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return an output of the shape of the input."""
        affine = self.weight, self.bias
        return layer_norm(input, self.normalized_shape, *affine, self.eps)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


# book/34-fast-numpy.md#norm-lines
_LINE, _BLOCK = 2**11, 2**16  # numbers in a line, and in some lines


def _lines(x):
    """Return x (N, C, ...) as lines of pixels, and the pixels of a line.

    A pixel is the C numbers of a place, side by side; a line has so many of
    them that a loop over it is worth its start.
    """
    channels = x.shape[1]
    pixels = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    longest = 2 ** (max(1, _LINE // channels).bit_length() - 1)
    wide = math.gcd(x.size // channels, longest)
    return pixels.reshape(-1, wide * channels), wide


def _from_lines(lines, shape):
    """Return lines as an array of a shape (N, C, ...)."""
    count, channels, *places = shape
    return np.moveaxis(lines.reshape(count, *places, channels), -1, 1)


def _blocks(lines):
    """Return slices: some lines at a time, which fit into the cache."""
    step = max(1, _BLOCK // lines.shape[1])
    return [slice(i, i + step) for i in range(0, len(lines), step)]


def _channel_sums(blocks, channels):
    """Add up the pixels of some blocks of lines; (channels,) float64."""
    total = np.zeros(1)
    for block in blocks:  # a product with ones is a fast sum
        total = total + np.ones(len(block), block.dtype) @ block
    return total.reshape(-1, channels).sum(axis=0)


# book/34-fast-numpy.md#batch-norm-operation
def _gradients(g, y, x, weight, bias, eps, saved):
    """Return the gradients of x, weight and bias; the first rule finds all."""
    if isinstance(g, Tensor):  # for second derivatives
        return _recorded_gradients(g, x, weight, eps)
    if saved.get("g") is not g:
        saved["gradients"] = _gradients_of(g, x, weight, saved)
        saved["g"] = g
    return saved["gradients"]


@operation(
    lambda *inputs, **how: _gradients(*inputs, **how)[0],
    lambda *inputs, **how: _gradients(*inputs, **how)[1],
    lambda *inputs, **how: _gradients(*inputs, **how)[2],
)
def _normalised(x, weight, bias, *, eps, saved):
    """Read x three times, and write once; `saved` gets what it measures."""
    lines, wide = _lines(x)
    blocks, channels = _blocks(lines), x.shape[1]
    count = lines.size // channels
    mean = _channel_sums((lines[b] for b in blocks), channels) / count
    centre = np.tile(mean.astype(x.dtype), wide)
    squares = (np.square(lines[b] - centre) for b in blocks)
    variance = _channel_sums(squares, channels) / count
    scale = (variance + eps) ** -0.5
    saved.update(mean=mean, variance=variance, centre=centre, scale=scale)
    y = np.empty(lines.shape, np.result_type(x, weight))
    factor = np.tile((scale * weight).astype(y.dtype), wide)
    shift = np.tile(bias, wide)
    for b in blocks:
        part = np.subtract(lines[b], centre, out=y[b])
        part *= factor
        part += shift
    return _from_lines(y, x.shape)


def _gradients_of(g, x, weight, saved):
    """Read x twice and g three times, and write once."""
    (lines, wide), (back, _) = _lines(x), _lines(g)
    blocks, channels = _blocks(lines), x.shape[1]
    centre, scale = saved["centre"], saved["scale"]
    of_bias = _channel_sums((back[b] for b in blocks), channels)
    products = ((lines[b] - centre) * back[b] for b in blocks)
    of_weight = _channel_sums(products, channels) * scale
    factor = scale * weight
    count = lines.size // channels
    along = -factor * scale * of_weight / count
    parts = factor, along, -factor * of_bias / count
    factor, along, shift = (np.tile(p.astype(g.dtype), wide) for p in parts)
    of_x = np.empty(lines.shape, g.dtype)
    for b in blocks:
        part = np.subtract(lines[b], centre, out=of_x[b])
        part *= along
        part += shift
        part += back[b] * factor
    of_x = _from_lines(of_x, x.shape)
    return of_x, of_weight.astype(g.dtype), of_bias.astype(g.dtype)


def _recorded_gradients(g, x, weight, eps):
    """Return the gradients of x, weight and bias, made of tensors."""
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *[1] * (x.ndim - 2))
    y = _standardize(x, axes=axes, eps=eps, saved={})
    stretched = g * weight.reshape(shape)
    of_x = _standardize_rule(stretched, y, x, axes, eps, {})
    return of_x, (g * y).sum(axis=axes), g.sum(axis=axes)
