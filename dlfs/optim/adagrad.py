# Made from book/ by scripts/tangle.py: edit the chapters.
"""Adagrad."""

from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer

__all__ = ["Adagrad"]


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
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, defaults)

    def _update(self, p, g, state, group):
        """One step for one parameter."""
        if not state:
            start = group["initial_accumulator_value"]
            state |= {"step": 0, "sum": np.full_like(p.data, start)}
        rate = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        state["sum"] += g * g
        p.data -= float(rate) * g / (np.sqrt(state["sum"]) + group["eps"])
