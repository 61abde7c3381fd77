# Made from book/ by scripts/tangle.py: edit the chapters.
"""Stochastic gradient descent, with momentum."""

from collections.abc import Iterable

import numpy as np

from dlfs.optim.optimizer import Optimizer

__all__ = ["SGD"]


# book/09-optimisers.md#sgd
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if wanted.

    v <- momentum v + g;  p <- p - lr v. Nesterov's variant steps along
    g + momentum v (Sutskever et al., 2013).

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        momentum: how much of the last step to keep, 0 to 1.
        dampening: g counts only 1 - dampening in later steps.
        weight_decay: adds weight_decay * p to the gradient.
        nesterov: look ahead; needs momentum and no dampening.
    """

    _remembers = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    # book/09-optimisers.md#sgd-check
    def _check(self, group):
        """Raise ValueError for options that make no sense together."""
        Optimizer._check(self, group)
        if group["nesterov"] and (
            group["momentum"] <= 0 or group["dampening"]
        ):
            raise ValueError(
                "Nesterov momentum requires a momentum and zero dampening"
            )

    # book/09-optimisers.md#sgd-update
    def _update(self, p, g, state, group):
        """One step for one parameter."""
        momentum = group["momentum"]
        if momentum:
            v = state.get("momentum_buffer")
            if v is None:
                v = state["momentum_buffer"] = np.array(g)
            else:
                v *= momentum
                v += (1 - group["dampening"]) * g
            g = g + momentum * v if group["nesterov"] else v
        p.data -= float(group["lr"]) * g
