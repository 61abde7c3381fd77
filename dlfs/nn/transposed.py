# Made from book/ by scripts/tangle.py: edit the chapters.
"""Transposed convolution: every pixel stamps a window."""

from collections.abc import Sequence

from dlfs.autograd import Tensor
from dlfs.nn.conv import _conv2d_input, _ConvNd, _reach
from dlfs.nn.fitting import _check_conv, _whole

__all__ = ["ConvTranspose2d", "conv_transpose2d"]


# book/33-convolution-arguments.md#conv-transpose2d
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    output_padding: int | tuple[int, int] = 0,
    groups: int = 1,
    dilation: int | tuple[int, int] = 1,
) -> Tensor:
    """Stamp a window for every pixel, and add up where stamps overlap.

    Args:
        input: (N, C, H, W), or (C, H, W) for a single image.
        weight: (C, O / groups, KH, KW), a stamp for each input channel.
        bias: (O,), or None for no bias.
        stride: from one stamp to the next, down and across.
        padding: how many pixels are cut off on every side.
        output_padding: how many fewer below and to the right; less than
            the stride or the dilation.
        groups, dilation: as for `conv2d`.

    Returns:
        (N, O, OH, OW), or (O, OH, OW); OH = (H - 1) stride - 2 padding +
        dilation (KH - 1) + output_padding + 1.

    Raises:
        ValueError: shapes or arguments do not fit.
    """
    name = "conv_transpose2d"
    _check_conv(name, 2, input, weight, bias, groups, turned=True)
    stride = _whole(stride, 2, f"{name}: stride", least=1)
    padding = _whole(padding, 2, f"{name}: padding", least=0)
    dilation = _whole(dilation, 2, f"{name}: dilation", least=1)
    more = _whole(output_padding, 2, f"{name}: output_padding", least=0)
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    size = _stamped(name, input.shape, weight.shape, more, **how)
    x = input if input.ndim == 4 else input.unsqueeze(0)
    y = _conv2d_input(x, weight, size=size, groups=groups, **how)
    y = y if bias is None else y + bias.reshape(-1, 1, 1)
    return y if input.ndim == 4 else y.squeeze(0)


# book/33-convolution-arguments.md#conv-transpose-size
def _stamped(name, shape, kernel, more, stride, padding, dilation):
    """Return the size of a picture that is stamped, or raise."""
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation)):
        raise ValueError(
            f"{name}: output_padding={more}, expected less than stride="
            f"{stride} or dilation={dilation}"
        )
    reach = _reach(kernel[2:], dilation)
    lines = zip(shape[-2:], reach, more, stride, padding, strict=True)
    size = tuple((n - 1) * s - 2 * p + r + m for n, r, m, s, p in lines)
    if min(*size, *shape[-2:]) < 1:
        raise ValueError(
            f"{name}: an input of shape {shape} and a weight of shape "
            f"{kernel}, with padding={padding}, leave a picture of {size}; "
            "expected at least one pixel"
        )
    return size


# book/33-convolution-arguments.md#conv-transpose2d-layer
class ConvTranspose2d(_ConvNd):
    """Stamps that are learnt: a convolution that makes images larger.

    Args:
        in_channels: channels of the input, each with a stamp of its own.
        out_channels: channels of the output.
        kernel_size: height and width of the stamps; an int for both.
        stride, padding, output_padding, groups, dilation: as for
            `conv_transpose2d`.
        bias: whether to add a number to each channel.
        padding_mode: "zeros"; there is no other.

    Attributes:
        weight: (in_channels, out_channels / groups, *kernel_size).
        bias: (out_channels,), or None.

    Both start as PyTorch's, uniform in +-1 / sqrt(weight[0].numel()).

    Raises:
        ValueError: there can be no such layer.
    """

    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        output_padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int] = 1,
        padding_mode: str = "zeros",
    ):
        more = self._whole("output_padding", output_padding, least=0)
        self.output_padding = more
        sizes = in_channels, out_channels, kernel_size, stride, padding
        super().__init__(*sizes, dilation, groups, bias, padding_mode)

    # book/33-convolution-arguments.md#conv-transpose2d-forward
    def forward(
        self, input: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Return (N, out_channels, OH, OW) for an input (N, C, H, W).

        Args:
            output_size: (OH, OW), which may be larger than the arguments make
                it by less than a stride; takes the place of output_padding.
        """
        more = self.output_padding
        if output_size is not None:
            more = self._more(input, tuple(output_size)[-2:])
        how = self.stride, self.padding, more, self.groups, self.dilation
        return conv_transpose2d(input, self.weight, self.bias, *how)

    def _more(self, input, wanted):
        """Return the output padding that makes the output of a size."""
        name, none = "ConvTranspose2d", (0, 0)
        inputs = input, self.weight, self.bias
        _check_conv(name, 2, *inputs, self.groups, turned=True)
        if len(wanted) != 2:
            text = f"{name}: output_size={wanted}, expected (OH, OW)"
            raise ValueError(text)
        how = self.stride, self.padding, self.dilation
        size = _stamped(name, input.shape, self.weight.shape, none, *how)
        more = tuple(w - n for w, n in zip(wanted, size, strict=True))
        if min(more) < 0 or any(m >= s for m, s in zip(more, self.stride)):
            raise ValueError(
                f"{name}: output_size={wanted}, expected {size} or more, by "
                f"less than stride={self.stride}"
            )
        return more
