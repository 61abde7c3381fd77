# Made from book/ by scripts/tangle.py: edit the chapters.
"""First values of parameters."""

import math

import numpy as np

from dlfs.autograd import Tensor, default_generator, no_grad

__all__ = [
    "kaiming_uniform_",
    "normal_",
    "uniform_",
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


# book/07-modules.md#kaiming
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers that keep ReLU layers in scale.

    The variance is 2 / ((1 + a**2) fan_in), where `a` is the slope of the
    (leaky) ReLU for negative inputs (He et al., 2015, equation 15).
    """
    fan_in, _ = _fans(tensor)
    bound = math.sqrt(6 / ((1 + a * a) * fan_in))
    return uniform_(tensor, -bound, bound, generator)


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers for layers with tanh.

    The variance is gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio,
    2010, equation 16).
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)
