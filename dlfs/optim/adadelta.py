# Made from book/ by scripts/tangle.py: edit the chapters.
"""Adadelta."""

from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer

__all__ = ["Adadelta"]


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
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)

    def _update(self, p, g, state, group):
        """One step for one parameter."""
        self._count_step(p, state, group)
        rho, eps = group["rho"], group["eps"]
        squares, steps = state["square_avg"], state["acc_delta"]
        squares += (1 - rho) * (g * g - squares)
        step = np.sqrt((steps + eps) / (squares + eps)) * g
        steps += (1 - rho) * (step * step - steps)
        p.data -= float(group["lr"]) * step
