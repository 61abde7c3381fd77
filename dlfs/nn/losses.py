# Made from book/ by scripts/tangle.py: edit the chapters.
"""Losses, as functions and as modules."""

import numpy as np

from dlfs.autograd import Tensor, operation, sigmoid
from dlfs.autograd.engine import _scatter
from dlfs.nn.function_layer import FunctionLayer
from dlfs.nn.module import _array

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "softplus",
]


# book/08-losses.md#cross-entropy-operation
def _cross_entropy_rule(g, y, logits, target, reduction, saved):
    """softmax - one-hot, each row times the gradient of its loss."""
    if reduction == "mean":
        g = g / len(target)
    gradient = saved["softmax"] * g.reshape(-1, 1)  # (N, C)
    gradient[np.arange(len(target)), target] -= g
    return gradient


@operation(_cross_entropy_rule, twice=False)
def _cross_entropy(logits, target, reduction, saved):
    shifted = logits - logits.max(axis=1, keepdims=True)  # (N, C)
    picked = shifted[np.arange(len(target)), target]  # (N,)
    softmax = np.exp(shifted)
    total = softmax.sum(axis=1, keepdims=True)
    softmax /= total
    saved["softmax"] = softmax
    losses = np.log(total[:, 0]) - picked
    return _reduced("cross_entropy", losses, reduction)


# book/08-losses.md#reduction
def _reduced(name, losses, reduction):
    """Return the mean or the sum of the losses, or all of them."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ValueError(
        f"{name}: reduction {reduction!r}, expected 'mean', 'sum' or 'none'"
    )


# book/08-losses.md#check-targets
def _check_targets(name, input, target, counts):
    """Raise unless there is one class number for every row that counts."""
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ValueError(
            f"{name}: input of shape {input.shape} and targets of shape "
            f"{target.shape}: expected (N, C) and (N,)"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: targets are {target.dtype}, "
            "expected integer class numbers"
        )
    wrong = counts & ((target < 0) | (target >= input.shape[1]))
    if wrong.any():
        row = int(wrong.argmax())
        raise IndexError(
            f"{name}: target {target[row]} in row {row}, expected "
            f"0 to {input.shape[1] - 1}"
        )


# book/08-losses.md#rows-that-count
def _rows_that_count(name, input, target, ignore_index, reduction):
    """Return their inputs and targets, and a mask (None if all count)."""
    target = _array(target)
    counts = np.asarray(target != ignore_index)
    _check_targets(name, input, target, counts)
    if reduction == "mean" and not counts.any():
        raise ValueError(
            f"{name}: none of the {len(target)} rows counts, "
            "so there is no mean"
        )
    if counts.all():
        return input, target, None
    return input[counts], target[counts], counts


def _spread(losses, counts, reduction):
    """Return losses "none" with 0 for the rows that did not count."""
    if counts is None or reduction != "none":
        return losses
    return _scatter(losses, index=counts, shape=counts.shape)


# book/08-losses.md#cross-entropy
def cross_entropy(
    input: Tensor,
    target: Tensor | np.ndarray,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return -log softmax(input) at the target classes.

    One fused operation: stable, and the gradient is softmax - one-hot.

    Args:
        input: (N, C) logits.
        target: (N,) integers, the right classes.
        ignore_index: rows with this target do not count.
        reduction: "mean" or "sum" over the rows that count, or "none".

    Returns:
        one number, or (N,) for "none", with 0 where a row does not count.

    Raises:
        ValueError, TypeError, IndexError: say what is wrong with the
            targets or the reduction.
    """
    input, target, counts = _rows_that_count(
        "cross_entropy", input, target, ignore_index, reduction
    )
    losses = _cross_entropy(
        input, target=target, reduction=reduction, saved={}
    )
    return _spread(losses, counts, reduction)


# book/08-losses.md#nll-loss
def nll_loss(
    input: Tensor,
    target: Tensor | np.ndarray,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return -input at the target classes.

    Args:
        input: (N, C) log-probabilities, as from `log_softmax`.
        target, ignore_index, reduction: as for `cross_entropy`.
    """
    input, target, counts = _rows_that_count(
        "nll_loss", input, target, ignore_index, reduction
    )
    losses = -input.gather(1, target[:, None]).squeeze(1)  # (N,)
    losses = _reduced("nll_loss", losses, reduction)
    return _spread(losses, counts, reduction)


# book/08-losses.md#softplus
@operation(lambda g, y, x: g * sigmoid(x))
def softplus(x: Tensor) -> Tensor:
    """Return log(1 + e**x), a smooth max(x, 0); no x overflows."""
    return np.logaddexp(0, x)


# book/08-losses.md#elementwise-losses
def _same_shape(name, input, target):
    """Return the target as a tensor, which must have the input's shape."""
    if not isinstance(target, Tensor):
        target = Tensor(target, dtype=input.dtype)
    if target.shape != input.shape:
        raise ValueError(
            f"{name}: input of shape {input.shape} and target of shape "
            f"{target.shape} must be equal"
        )
    return target


def mse_loss(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return the squared difference of input and target, of one shape."""
    difference = input - _same_shape("mse_loss", input, target)
    return _reduced("mse_loss", difference * difference, reduction)


def l1_loss(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return the absolute difference of input and target, of one shape."""
    difference = input - _same_shape("l1_loss", input, target)
    return _reduced("l1_loss", difference.abs(), reduction)


# book/08-losses.md#binary-cross-entropy
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return -t log s(x) - (1 - t) log(1 - s(x)), s being the sigmoid.

    Args:
        input: logits x of any shape.
        target: probabilities t, 0 to 1, of the same shape.
        reduction: "mean", "sum" or "none".
    """
    name = "binary_cross_entropy_with_logits"
    losses = softplus(input) - input * _same_shape(name, input, target)
    return _reduced(name, losses, reduction)


# book/15-layers-and-sets.md#loss-layers
class CrossEntropyLoss(FunctionLayer):
    """`cross_entropy` as a module."""

    function, inputs = staticmethod(cross_entropy), 2


class NLLLoss(FunctionLayer):
    """`nll_loss` as a module."""

    function, inputs = staticmethod(nll_loss), 2


class MSELoss(FunctionLayer):
    """`mse_loss` as a module."""

    function, inputs = staticmethod(mse_loss), 2


class L1Loss(FunctionLayer):
    """`l1_loss` as a module."""

    function, inputs = staticmethod(l1_loss), 2


class HuberLoss(FunctionLayer):
    """`huber_loss` as a module."""

    function, inputs = staticmethod(huber_loss), 2


class BCEWithLogitsLoss(FunctionLayer):
    """`binary_cross_entropy_with_logits` as a module."""

    function, inputs = staticmethod(binary_cross_entropy_with_logits), 2


# book/15-layers-and-sets.md#huber-loss
def huber_loss(
    input: Tensor,
    target: Tensor | np.ndarray,
    reduction: str = "mean",
    delta: float = 1.0,
) -> Tensor:
    """Return d**2 / 2 of the differences d; beyond delta a straight line."""
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta}, expected more than 0")
    distance = (input - _same_shape("huber_loss", input, target)).abs()
    near = distance.clip(0, delta)
    losses = near * (distance - 0.5 * near)
    return _reduced("huber_loss", losses, reduction)
