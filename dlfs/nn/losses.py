# Made from book/ by scripts/tangle.py: edit the chapters.
"""Losses, as functions and as modules."""

import numpy as np

from dlfs.autograd import Tensor, operation, sigmoid, where
from dlfs.autograd.engine import _scatter
from dlfs.nn.module import FunctionLayer, _array

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
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


# book/13-more-operations.md#cross-entropy-full
def cross_entropy(
    input: Tensor,
    target: Tensor | np.ndarray,
    weight: Tensor | np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return -log softmax(input) at the target classes.

    Args:
        input: logits (C,), (N, C) or (N, C, d1, ...).
        target: class numbers, of the same shape without C; or
            probabilities of the input's shape.
        weight: (C,), what the loss of each class counts.
        ignore_index: rows with this class number do not count.
        reduction: "mean" (by weight, for class numbers) or "sum" over what
            counts, or "none".
        label_smoothing: the part of the target, 0 to 1, that is spread
            equally over all classes.

    Returns:
        one number, or for "none" the input's shape without C, with 0 where
        a row does not count.

    Raises:
        ValueError, TypeError, IndexError: say what is wrong with the
            targets or an argument.
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"{name}: label_smoothing {label_smoothing} is not in 0 to 1"
        )
    if weight is not None and _array(weight).shape != (_classes(input),):
        raise ValueError(
            f"{name}: weight of shape {_array(weight).shape}, expected "
            f"({_classes(input)},), one for each class"
        )
    values = _array(target)
    if values.dtype.kind == "f" and values.shape == input.shape:
        losses = _soft(input, target, weight, label_smoothing)
        return _reduced(name, losses, reduction)
    shape = values.shape
    if shape == input.shape[:1] * (input.ndim > 1) + input.shape[2:]:
        input, target = _rows(input), values.reshape(-1)
    input, target, counts = _rows_that_count(
        name, input, target, ignore_index, reduction
    )
    if weight is None and not label_smoothing:
        losses = _cross_entropy(
            input, target=target, reduction=reduction, saved={}
        )
    else:
        hot = target[:, None] == np.arange(_classes(input))
        losses = _soft(input, hot, weight, label_smoothing)
        if reduction == "mean" and weight is not None:
            losses = losses.sum() / _array(weight)[target].sum()
        else:
            losses = _reduced(name, losses, reduction)
    losses = _spread(losses, counts, reduction)
    return losses.reshape(shape) if reduction == "none" else losses


def _classes(input):
    """Return how many classes there are logits for."""
    return input.shape[min(1, input.ndim - 1)] if input.ndim else 0


def _rows(x):
    """Return (N, C, d1, ...) as (N * d1 * ..., C)."""
    if x.ndim == 2:
        return x
    if x.ndim > 2:
        x = x.permute(0, *range(2, x.ndim), 1)
    return x.reshape(-1, x.shape[-1])


def _soft(input, target, weight, smoothing):
    """Return the cross-entropies to the probabilities in `target`."""
    dim = min(1, input.ndim - 1)
    target = _same_shape("cross_entropy", input, target)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    if weight is not None:
        shape = (-1,) + (1,) * (input.ndim - dim - 1)
        target = target * _array(weight).astype(input.dtype).reshape(shape)
    return -(input.log_softmax(dim) * target).sum(dim)


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


# book/13-more-operations.md#softplus-beta
@operation(lambda g, y, x: g * sigmoid(x))
def _softplus(x):
    return np.logaddexp(0, x)


def softplus(
    input: Tensor, beta: float = 1.0, threshold: float = 20.0
) -> Tensor:
    """Return log(1 + e**(beta x)) / beta, a smooth max(x, 0).

    Where beta * x is above `threshold`, it is x.
    """
    scaled = input * beta
    return where(scaled > threshold, input, _softplus(scaled) / beta)


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
class CrossEntropyLoss(FunctionLayer, function=cross_entropy, inputs=2):
    """`cross_entropy` as a module."""


class MSELoss(FunctionLayer, function=mse_loss, inputs=2):
    """`mse_loss` as a module."""


class BCEWithLogitsLoss(
    FunctionLayer, function=binary_cross_entropy_with_logits, inputs=2
):
    """`binary_cross_entropy_with_logits` as a module."""


# book/13-more-operations.md#more-losses
def smooth_l1_loss(
    input: Tensor,
    target: Tensor | np.ndarray,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d**2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta {beta} is negative")
    if beta == 0:
        return l1_loss(input, target, reduction)
    d = input - _same_shape("smooth_l1_loss", input, target)
    near = d * d * (0.5 / beta)
    losses = where(d.abs() < beta, near, d.abs() - 0.5 * beta)
    return _reduced("smooth_l1_loss", losses, reduction)


@operation(
    lambda g, y, x, t: g * (x - t) / np.maximum(x * (1 - x), 1e-12),
    lambda g, y, x, t: g * (_from(np.log1p, -x) - _from(np.log, x)),
)
def _binary_cross_entropy(x, t):
    return (t - 1) * _from(np.log1p, -x) - t * _from(np.log, x)


def _from(logarithm, x):
    """Return a logarithm of x, but not less than -100."""
    with np.errstate(divide="ignore"):
        return np.maximum(logarithm(x), -100)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor | np.ndarray,
    weight: Tensor | np.ndarray | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -t log x - (1 - t) log(1 - x), each logarithm at least -100.

    Args:
        input: probabilities x, 0 to 1, of any shape.
        target: probabilities t of the same shape.
        weight: what to multiply each loss with.
    """
    name = "binary_cross_entropy"
    target = _same_shape(name, input, target)
    if not ((input.data >= 0) & (input.data <= 1)).all():
        raise ValueError(f"{name}: input must be between 0 and 1")
    losses = _binary_cross_entropy(input, target)
    losses = losses if weight is None else losses * weight
    return _reduced(name, losses, reduction)


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


# book/15-layers-and-sets.md#more-loss-layers
class NLLLoss(FunctionLayer, function=nll_loss, inputs=2):
    """`nll_loss` as a module."""


class L1Loss(FunctionLayer, function=l1_loss, inputs=2):
    """`l1_loss` as a module."""


class HuberLoss(FunctionLayer, function=huber_loss, inputs=2):
    """`huber_loss` as a module."""


class SmoothL1Loss(FunctionLayer, function=smooth_l1_loss, inputs=2):
    """`smooth_l1_loss` as a module."""


class BCELoss(FunctionLayer, function=binary_cross_entropy, inputs=2):
    """`binary_cross_entropy` as a module, for probabilities."""
