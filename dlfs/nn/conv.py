# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution: one small window of weights for all places of a picture."""

import math

import numpy as np

from dlfs.autograd import Tensor, operation
from dlfs.nn.init import uniform_
from dlfs.nn.module import Module, Parameter

__all__ = ["Conv2d", "conv2d"]


# book/20-convolution.md#conv2d-naive
def _conv2d_weight_rule(g, y, x, weight):
    """Let g slide over x; the sum goes over the pictures of the batch."""
    x, g = np.swapaxes(x, 0, 1), np.swapaxes(g, 0, 1)
    return np.swapaxes(_conv2d(x, g), 0, 1)


@operation(
    lambda h, x, g, weight: _conv2d(h, weight),
    lambda h, x, g, weight: _conv2d_weight_rule(g, None, h, weight),
)
def _write_back(g, weight):
    """Let each window write to where it read: the gradient of the input."""
    size, _, down, across = g.shape
    _, channels, height, width = weight.shape
    shape = (size, channels, down + height - 1, across + width - 1)
    x = np.zeros(shape, g.dtype)
    for n, o, i, j in np.ndindex(*g.shape):
        window = x[n, :, i : i + height, j : j + width]  # a view
        window += g[n, o, i, j] * weight[o]
    return x


@operation(lambda g, y, x, weight: _write_back(g, weight), _conv2d_weight_rule)
def _conv2d(x, weight):
    kernels, _, height, width = weight.shape
    down, across = x.shape[2] - height + 1, x.shape[3] - width + 1
    shape = (len(x), kernels, down, across)
    y = np.empty(shape, np.result_type(x, weight))
    for n, o, i, j in np.ndindex(*shape):
        window = x[n, :, i : i + height, j : j + width]  # (C, KH, KW)
        y[n, o, i, j] = (window * weight[o]).sum()
    return y


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Slide kernels over pictures; sum the products at every place.

    The kernels are not turned round: it is a cross-correlation.

    Args:
        input: (N, C, H, W).
        weight: (O, C, KH, KW), O kernels.
        bias: (O,), or None for no bias.

    Returns:
        (N, O, H - KH + 1, W - KW + 1).

    Raises:
        ValueError: the shapes do not fit, or a kernel is larger than the
            pictures.
    """
    text = f"conv2d: input of shape {input.shape} for a weight of shape "
    text += f"{weight.shape}: expected"
    four = input.ndim == weight.ndim == 4
    if not four or input.shape[1] != weight.shape[1]:
        raise ValueError(f"{text} (N, C, H, W) and (O, C, KH, KW)")
    if (np.array(input.shape) < weight.shape)[2:].any():
        raise ValueError(f"{text} kernels that fit into the pictures")
    if bias is None:
        return _conv2d(input, weight)
    if bias.shape != weight.shape[:1]:
        raise ValueError(f"{text} a bias {weight.shape[:1]}, not {bias.shape}")
    return _conv2d(input, weight) + bias.reshape(1, -1, 1, 1)


# book/20-convolution.md#conv2d-layer
class Conv2d(Module):
    """Slide kernels over pictures (N, C, H, W), as `conv2d` does.

    Args:
        in_channels: C of the input.
        out_channels: how many kernels, the channels of the output.
        kernel_size: height and width of the window, or one number for both.
        bias: whether to add a bias to each channel of the output.

    Attributes:
        weight: (out_channels, in_channels, KH, KW).
        bias: (out_channels,), or None.

    Both start uniform in +-1 / sqrt(in_channels * KH * KW), as in PyTorch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        bias: bool = True,
    ):
        if isinstance(kernel_size, int):
            kernel_size = (kernel_size, kernel_size)
        shape = (out_channels, in_channels, *kernel_size)
        if len(shape) != 4 or min(shape) < 1:
            raise ValueError(
                f"Conv2d: {in_channels} in and {out_channels} out channels, "
                f"kernel_size {kernel_size}: expected 1 or more, and a number "
                "or a pair for the kernel"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = tuple(kernel_size)
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_channels, np.float32))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        for parameter in self.parameters():
            uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, H - KH + 1, W - KW + 1)."""
        return conv2d(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        text = f"{self.in_channels}, {self.out_channels}, "
        text += f"kernel_size={self.kernel_size}"
        return text if self.bias is not None else f"{text}, bias=False"
