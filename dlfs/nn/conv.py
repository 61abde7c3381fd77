# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolution: one small window of weights for all places of a picture."""

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
        x[n, :, i : i + height, j : j + width] += g[n, o, i, j] * weight[o]
    return x


@operation(lambda g, y, x, weight: _write_back(g, weight), _conv2d_weight_rule)
def _conv2d(x, weight):
    kernels, _, height, width = weight.shape
    down, across = x.shape[2] - height + 1, x.shape[3] - width + 1
    y = np.empty((len(x), kernels, down, across), np.result_type(x, weight))
    for n, o, i, j in np.ndindex(*y.shape):
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
        ValueError: the shapes do not fit.
    """
    text = f"conv2d: input {input.shape}, weight {weight.shape}: expected"
    four = input.ndim == weight.ndim == 4
    if not four or input.shape[1] != weight.shape[1]:
        raise ValueError(f"{text} (N, C, H, W) and (O, C, KH, KW)")
    if (np.array(input.shape) < weight.shape)[2:].any():
        raise ValueError(f"{text} kernels that fit into the pictures")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"{text} a bias {weight.shape[:1]}, not {bias.shape}")
    y = _conv2d(input, weight)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


# book/20-convolution.md#conv2d-layer
class Conv2d(Module):
    """Slide kernels over pictures (N, C, H, W), as `conv2d` does.

    Args:
        in_channels, out_channels: of the input and of the output.
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
                f"Conv2d: channels {in_channels} and {out_channels}, "
                f"kernel_size {kernel_size}: expected 1 or more each"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = tuple(kernel_size)
        self.weight = Parameter(np.empty(shape, np.float32))
        empty = np.empty(out_channels, np.float32)
        self.bias = Parameter(empty) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = self.weight[0].numel() ** -0.5  # of the fan-in
        for parameter in self.parameters():
            uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, H - KH + 1, W - KW + 1)."""
        return conv2d(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        text = f"{self.in_channels}, {self.out_channels}"
        text += f", kernel_size={self.kernel_size}"
        return text + ", bias=False" * (self.bias is None)
