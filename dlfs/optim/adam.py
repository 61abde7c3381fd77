# Made from book/ by scripts/tangle.py: edit the chapters.
"""Adam and AdamW."""

import math
from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer, _options

__all__ = ["Adam", "AdamW"]


# book/15-layers-and-sets.md#adam-amsgrad
class Adam(Optimizer):
    """Adam: steps of about lr, whatever the scale of a gradient above eps.

    Kingma and Ba (2015), algorithm 1.

    Args:
        params: parameters or groups of them.
        lr: learning rate, about the length of a step in each coordinate.
        betas: how slowly the means of g and of g**2 forget.
        eps: keeps the division from exploding where g is almost 0.
        weight_decay: adds weight_decay * p to the gradient.
        amsgrad: divide by the largest mean of g**2 so far (Reddi et al.,
            2018).
    """

    _remembers = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))

    def _names(self, group):
        """Return the names of what is remembered under these options."""
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        return self._remembers + largest

    # book/15-layers-and-sets.md#adam-amsgrad-update
    def _update(self, p, g, state, group):
        """One step for one parameter, in place, with one scratch array."""
        self._count_step(p, state, group)
        t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        scratch = np.empty_like(m)
        np.subtract(g, m, out=scratch)
        scratch *= 1 - beta1
        m += scratch  # the mean of g
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        v *= beta2
        v += scratch  # the mean of g * g
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            v = np.maximum(v, largest, out=largest)
        root = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=scratch)
        scratch += group["eps"] * root
        np.divide(m, scratch, out=scratch)
        scratch *= float(group["lr"]) * root / (1 - beta1**t)
        p.data -= scratch


# book/15-layers-and-sets.md#adamw-amsgrad
class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr * weight_decay.

    Loshchilov and Hutter (2019). Takes the arguments of `Adam`.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)

    def _decayed(self, p, group):
        p.data *= 1 - float(group["lr"]) * group["weight_decay"]
        return p.grad.data
