# Made from book/ by scripts/tangle.py: edit the chapters.
"""RMSprop."""

from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer

__all__ = ["RMSprop"]


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
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, defaults)

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
