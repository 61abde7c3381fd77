# Made from book/ by scripts/tangle.py: edit the chapters.
"""What fits: arguments of layers, checked before they are used."""

import operator
from collections.abc import Sequence


# book/23-batch-normalisation.md#fitting-groups
def _check_groups(name, groups, *channels):
    """Raise unless numbers of channels can be cut into so many groups."""
    if groups < 1 or any(n < 1 or n % groups for n in channels):
        shown = " and ".join(str(n) for n in channels)
        raise ValueError(
            f"{name}={groups}, expected a divisor of {shown} channels"
        )


# book/33-convolution-arguments.md#conv-numbers
def _whole(value, count, name, least):
    """Return whole numbers from `least` on, for one or `count` of them."""
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * count
    try:
        numbers = tuple(operator.index(number) for number in numbers)
    except TypeError:
        numbers = ()
    if len(numbers) != count:
        many = " or two of them" if count == 2 else ""
        raise ValueError(f"{name}={value!r}, expected an int{many}")
    if min(numbers) < least:
        raise ValueError(f"{name}={value!r}, expected at least {least}")
    return numbers


def _pair(value, name, least):
    """Return two whole numbers from `least` on, for one or two of them."""
    return _whole(value, 2, name, least)


def _border(name, padding, reach, stride):
    """Return the zeros before a picture, and all of them, along its axes."""
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(
                f"{name}: padding='same' with stride={stride}; expected a "
                "stride of 1, as larger ones make a picture smaller"
            )
        return tuple((r - 1) // 2 for r in reach), tuple(r - 1 for r in reach)
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(
            f"{name}: padding={padding!r}, expected 'same', 'valid' or numbers"
        )
    padding = 0 if padding == "valid" else padding
    before = _whole(padding, len(reach), f"{name}: padding", least=0)
    return before, tuple(2 * p for p in before)


# book/33-convolution-arguments.md#conv-check-all
def _check_conv(name, dims, input, weight, bias, groups, turned=False):
    """Raise unless an input, a weight, a bias and groups fit together."""
    said = f"{name}: an input of shape {input.shape}"
    if input.ndim not in (dims + 1, dims + 2) or weight.ndim != dims + 2:
        sizes, kernel = ("L", "K") if dims == 1 else ("H, W", "KH, KW")
        first = "C, O / groups" if turned else "O, C / groups"
        raise ValueError(
            f"{said} and a weight of shape {weight.shape}; expected (N, C, "
            f"{sizes}) or (C, {sizes}), and ({first}, {kernel})"
        )
    (groups,) = _whole(groups, 1, f"{name}: groups", least=1)
    _check_groups(f"{name}: groups", groups, len(weight))
    wide = weight.shape[1] * groups
    inputs, outputs = (len(weight), wide) if turned else (wide, len(weight))
    channels = input.shape[-dims - 1]
    if channels != inputs:
        raise ValueError(
            f"{said} has {channels} channels, expected {inputs} for a weight "
            f"of shape {weight.shape} and groups={groups}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(
            f"{name}: a bias of shape {bias.shape}, expected ({outputs},), as "
            f"the weight is {weight.shape} and groups={groups}"
        )
