# Made from book/ by scripts/tangle.py: edit the chapters.
"""Derivatives measured with small steps, and gradients held against them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dlfs.autograd.engine import Tensor, _sequence, grad

__all__ = [
    "GradcheckError",
    "gradcheck",
    "gradgradcheck",
    "numeric_derivative",
    "numeric_gradient",
]


# book/01-derivatives.md#numeric-derivative
def numeric_derivative(
    f: Callable[[float], float], x: float, eps: float = 1e-6
) -> float:
    """Measure the slope of `f` at `x` by a central difference.

    The error is about eps**2 / 6 times the third derivative of `f`, plus
    1e-16 / eps times the size of f(x): some 1e-10 with the default step.

    Args:
        f: a smooth function of one number.
        x: where to measure.
        eps: how far to step to each side.

    Returns:
        (f(x + eps) - f(x - eps)) / (2 * eps).

    Raises:
        ZeroDivisionError: `eps` is too small to move `x`.
    """
    high, low = x + eps, x - eps
    return (f(high) - f(low)) / (high - low)


# book/01-derivatives.md#numeric-gradient
def numeric_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, eps: float = 1e-6
) -> np.ndarray:
    """Measure the gradient of `f` at `x`, one entry at a time.

    It evaluates `f` twice for each entry of `x`, so it is for small arrays.

    Args:
        f: a function of a float64 array that returns one number.
        x: where to measure, of any shape; it is not changed.
        eps: how far to step to each side.

    Returns:
        An array of the shape of `x`: entry i is the slope of `f` along x[i].
    """
    x = np.asarray(x, dtype=np.float64)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[index] += eps
        low[index] -= eps
        run = high[index] - low[index]
        gradient[index] = (f(high) - f(low)) / run
    return gradient


# book/06-gradient-checking.md#numeric-of
class GradcheckError(AssertionError):
    """A gradient differs from the numeric one."""


def _numeric(f, x, eps):
    """Return the numeric gradient of the number f() by the tensor `x`."""

    def at(values):
        before, x._data = x._data, values
        try:
            return float(f())
        finally:
            x._data = before

    return numeric_gradient(at, x._data, eps)


def _weighted_sum(outputs):
    """Return the sum of all entries of the outputs, with random weights."""
    total, rng = 0.0, np.random.default_rng(0)
    for y in _sequence(outputs):
        total = total + (y * rng.uniform(0.5, 1.5, y.shape)).sum()
    return total


# book/06-gradient-checking.md#gradcheck
def gradcheck(
    func: Callable,
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of `func` with numeric derivatives.

    The outputs are summed with fixed random weights, so that one number
    stands for all of them, and every entry of every input is nudged.

    Args:
        func: a function of tensors that returns a tensor or several.
        inputs: a float64 tensor or a sequence; those that require gradients
            are checked.
        eps: the step of the numeric derivative.
        atol, rtol: what may differ: atol + rtol * |numeric|.
        raise_exception: raise on a difference; otherwise return False.

    Returns:
        True if all agree.

    Raises:
        GradcheckError: they differ; says where and by how much.
        ValueError: no input requires gradients, or one that does is not
            float64: rounding would hide mistakes.
    """
    inputs = _sequence(inputs)
    checked = _inputs_to_check(inputs)
    y = _weighted_sum(func(*inputs))
    ours = [None] * len(checked)  # what a constant has
    if isinstance(y, Tensor) and y.requires_grad:
        ours = grad(y, checked.values(), allow_unused=True)
    for (i, x), g in zip(checked.items(), ours):
        numeric = _numeric(lambda: _weighted_sum(func(*inputs)), x, eps)
        actual = np.zeros(x.shape) if g is None else g.data
        wrong = ~np.isclose(actual, numeric, rtol, atol)
        if wrong.any() and not raise_exception:
            return False
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            raise GradcheckError(
                f"gradcheck: {_name(func)}: input {i}, of shape {x.shape}, "
                f"at {at}: gradient {actual[at]:.6g}, "
                f"numeric {numeric[at]:.6g}"
            )
    return True


# book/06-gradient-checking.md#gradcheck-inputs
def _name(func):
    """Return what to call a function in a message."""
    return getattr(func, "__name__", repr(func))


def _inputs_to_check(inputs):
    """Return {number: input} of those that require gradients."""
    checked = {
        i: x
        for i, x in enumerate(inputs)
        if isinstance(x, Tensor) and x.requires_grad
    }
    if not checked:
        raise ValueError("gradcheck: no input requires gradients")
    for i, x in checked.items():
        if x.dtype != np.float64:
            raise ValueError(
                f"gradcheck: input {i} is {x.dtype}, but differences of "
                "rounded numbers need float64"
            )
    return checked


# book/06-gradient-checking.md#gradgradcheck
def gradgradcheck(
    func: Callable, inputs: Tensor | Sequence[Tensor], **options: Any
) -> bool:
    """Check second derivatives: `gradcheck` the gradients of `func`.

    Takes the options of `gradcheck`, returns and raises as it does.

    Raises:
        RuntimeError: an operation has no second derivative.
    """
    inputs = _sequence(inputs)
    checked = list(_inputs_to_check(inputs).values())
    rng = np.random.default_rng(1)
    weights = [
        Tensor(rng.uniform(0.5, 1.5, y.shape), requires_grad=True)
        for y in _sequence(func(*inputs))
    ]

    def gradients(*arguments):
        outputs = _sequence(func(*arguments[: len(inputs)]))
        found = grad(
            outputs, checked, weights, create_graph=True, allow_unused=True
        )
        return [g for g in found if g is not None]

    gradients.__name__ = f"gradient of {_name(func)}"
    return gradcheck(gradients, [*inputs, *weights], **options)
