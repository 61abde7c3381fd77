# Made from book/ by scripts/tangle.py: edit the chapters.
"""The linear layer."""

import math

import numpy as np

from dlfs.autograd import Tensor, operation
from dlfs.nn.init import uniform_
from dlfs.nn.module import Module, Parameter

__all__ = ["Linear", "linear"]


# book/07-modules.md#linear-operation
def _linear_weight_rule(g, y, x, weight, bias=None):
    """g^T x: (out, N) times (N, in)."""
    return g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def _linear_bias_rule(g, y, x, weight, bias):
    """The sum of g over the batch, as a matrix product: that is faster."""
    rows = g.reshape(-1, g.shape[-1])  # (N, out)
    return np.ones(rows.shape[0], g.dtype) @ rows


@operation(
    lambda g, y, x, weight, bias=None: g @ weight,
    _linear_weight_rule,
    _linear_bias_rule,
)
def _linear(x, weight, bias=None):
    y = x @ weight.T  # (..., in) @ (in, out)
    if bias is not None:
        y += bias
    return y


# book/07-modules.md#linear-function
def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Return input @ weight.T + bias.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,), or None for no bias.

    Returns:
        (..., out_features).

    Raises:
        ValueError: the weight is no matrix, the last axis of the input is
            not in_features long, or the bias has another shape.
    """
    if weight.ndim != 2:
        raise ValueError(
            f"linear: a weight of shape {weight.shape}, expected "
            "(out_features, in_features)"
        )
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} for a weight of shape "
            f"{weight.shape}: the last axis must be {weight.shape[1]} long"
        )
    if bias is not None and bias.shape not in ((), (1,), weight.shape[:1]):
        raise ValueError(
            f"linear: a bias of shape {bias.shape}, expected "
            f"({weight.shape[0]},)"
        )
    if bias is None:
        return _linear(input, weight)
    return _linear(input, weight, bias)


# book/07-modules.md#linear
class Linear(Module):
    """y = x @ weight.T + bias.

    Args:
        in_features: length of the last axis of the input.
        out_features: length of the last axis of the output.
        bias: whether to add a bias.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,), or None.

    Both start uniform in +-1 / sqrt(in_features), as in PyTorch.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear: {in_features} in and {out_features} out features: "
                "both must be at least 1"
            )
        self.in_features, self.out_features = in_features, out_features
        shape = (out_features, in_features)
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_features, np.float32))
        self.reset_parameters()

    # book/07-modules.md#linear-methods
    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = 1 / math.sqrt(self.in_features)
        uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (..., out_features) for an input of (..., in_features)."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        return (
            f"in_features={self.in_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
