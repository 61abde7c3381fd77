# Made from book/ by scripts/tangle.py: edit the chapters.
"""First values of parameters."""

import math

import numpy as np

from dlfs.autograd import Tensor, default_generator, no_grad

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


# book/07-modules.md#init
def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill `tensor` with uniform random numbers from [a, b)."""
    rng = generator or default_generator()
    with no_grad():
        return tensor.copy_(rng.uniform(a, b, tensor.shape))


# book/07-modules.md#init-normal
def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill `tensor` with normal random numbers."""
    rng = generator or default_generator()
    with no_grad():
        return tensor.copy_(rng.normal(mean, std, tensor.shape))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill `tensor` with zeros."""
    with no_grad():
        return tensor.copy_(0.0)


# book/07-modules.md#fans
def _fans(tensor):
    """Return (fan in, fan out) of a weight.

    A weight is (out, in), or (out, in, height, width) for a convolution.
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"init: shape {tensor.shape} has no fan in and fan out: "
            "expected at least two axes, (out, in)"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


# book/15-layers-and-sets.md#kaiming-by-name
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers that keep activations in scale.

    Args:
        tensor: the weight, (out, in, ...).
        a: the slope of a leaky ReLU for negative inputs.
        mode: "fan_in" keeps the scale of outputs, "fan_out" of gradients.
        nonlinearity: what follows the layer; see `calculate_gain`.
        generator: default the one that `manual_seed` sets.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    bound = math.sqrt(3) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight as `kaiming_uniform_` does, with normal numbers."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers for layers with tanh.

    The variance is gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio,
    2010, equation 16).
    """
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight as `xavier_uniform_` does, with normal numbers."""
    std = gain * math.sqrt(2 / sum(_fans(tensor)))
    return normal_(tensor, 0.0, std, generator)


# book/15-layers-and-sets.md#gain
_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_GAINS |= dict.fromkeys(["linear", "sigmoid", "conv1d", "conv2d"], 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by what factor weights make up for an activation.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu", ...
        param: for "leaky_relu" its slope for negative inputs; default 0.01.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain: no gain is known for {nonlinearity!r}; expected "
            f"one of {sorted([*_GAINS, 'leaky_relu'])}"
        )
    return _GAINS[nonlinearity]


def _kaiming_std(tensor, a, mode, nonlinearity):
    """Return gain / sqrt(fan), He et al. (2015), equations 10 and 14."""
    fans = dict(zip(("fan_in", "fan_out"), _fans(tensor)))
    if mode not in fans:
        raise ValueError(f"init: mode {mode!r}, expected one of {list(fans)}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


# book/15-layers-and-sets.md#init-more
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill `tensor` with one number."""
    with no_grad():
        return tensor.copy_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill `tensor` with ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity, as far as it goes."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: shape {tensor.shape}, expected a matrix")
    with no_grad():
        return tensor.copy_(np.eye(*tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill `tensor` with normal numbers from [a, b]; others are drawn anew."""
    near = max(a, mean - 4 * std), min(b, mean + 4 * std)
    if not near[1] - near[0] > 1e-3 * std:
        raise ValueError(
            f"trunc_normal_: [{a}, {b}] holds next to nothing of a normal "
            f"distribution around {mean} with deviation {std}"
        )
    rng = generator or default_generator()
    values = rng.normal(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = rng.normal(mean, std, outside.sum())
    with no_grad():
        return tensor.copy_(values)


def orthogonal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with gain times an orthogonal matrix (Saxe et al., 2014).

    A weight of more than two axes counts as (out, everything else).
    """
    _fans(tensor)  # an error if it has fewer than two axes
    rng = generator or default_generator()
    rows = tensor.shape[0]
    noise = rng.normal(size=(rows, math.prod(tensor.shape[1:])))
    wide = rows < noise.shape[1]
    q, r = np.linalg.qr(noise.T if wide else noise)
    q *= np.sign(np.diag(r))  # every rotation is as likely as any other
    with no_grad():
        return tensor.copy_(gain * (q.T if wide else q).reshape(tensor.shape))
