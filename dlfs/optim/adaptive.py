# Made from book/ by scripts/tangle.py: edit the chapters.
"""Adagrad, RMSprop and Adadelta: steps divided by a root of squares."""

from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer, _options

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


# book/15-layers-and-sets.md#adagrad
class Adagrad(Optimizer):
    """Steps that shrink with the sum of squared gradients.

    Duchi, Hazan and Singer (2011).

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        lr_decay: step t has the rate lr / (1 + (t - 1) lr_decay).
        weight_decay: adds weight_decay * p to the gradient.
        initial_accumulator_value: what the sums begin with.
        eps: keeps the division from exploding.
    """

    _remembers = ("step", "sum")

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, _options(locals()))

    def _update(self, p, g, state, group):
        """One step for one parameter."""
        self._count_step(p, state, group, group["initial_accumulator_value"])
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        state["sum"] += g * g
        p.data -= float(rate) * g / (np.sqrt(state["sum"]) + group["eps"])


# book/15-layers-and-sets.md#rmsprop
class RMSprop(Optimizer):
    """Steps divided by the root of a mean of squared gradients.

    Tieleman and Hinton (2012).

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        alpha: how slowly the mean of g**2 forgets.
        eps: keeps the division from exploding.
        weight_decay: adds weight_decay * p to the gradient.
        momentum: how much of the last step to keep.
        centered: divide by the deviation of g instead of its size.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))

    def _names(self, group):
        """Return the names of what is remembered under these options."""
        names = ("step", "square_avg")
        names += ("momentum_buffer",) if group["momentum"] else ()
        return names + (("grad_avg",) if group["centered"] else ())

    def _update(self, p, g, state, group):
        """One step for one parameter."""
        self._count_step(p, state, group)
        forget = 1 - group["alpha"]
        mean = state["square_avg"]
        mean += forget * (g * g - mean)
        if group["centered"]:
            state["grad_avg"] += forget * (g - state["grad_avg"])
            mean = mean - state["grad_avg"] ** 2
        step = g / (np.sqrt(mean) + group["eps"])
        if group["momentum"]:
            state["momentum_buffer"] *= group["momentum"]
            state["momentum_buffer"] += step
            step = state["momentum_buffer"]
        p.data -= float(group["lr"]) * step


# book/15-layers-and-sets.md#adadelta
class Adadelta(Optimizer):
    """Steps as long as the last steps were, in the units of the parameter.

    Zeiler (2012), algorithm 1.

    Args:
        params: parameters or groups of them.
        lr: a factor for all steps.
        rho: how slowly the means forget.
        eps: added below both roots; the first steps are of this size.
        weight_decay: adds weight_decay * p to the gradient.
    """

    _remembers = ("step", "square_avg", "acc_delta")

    def __init__(
        self,
        params: Iterable,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, _options(locals()))

    def _update(self, p, g, state, group):
        """One step for one parameter."""
        self._count_step(p, state, group)
        rho, eps = group["rho"], group["eps"]
        squares, steps = state["square_avg"], state["acc_delta"]
        squares += (1 - rho) * (g * g - squares)
        step = np.sqrt((steps + eps) / (squares + eps)) * g
        steps += (1 - rho) * (step * step - steps)
        p.data -= float(group["lr"]) * step
