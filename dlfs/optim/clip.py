# Made from book/ by scripts/tangle.py: edit the chapters.
"""Clipping of gradients."""

import math
from collections.abc import Iterable

import numpy as np

from dlfs.autograd import Tensor

__all__ = ["clip_grad_norm_"]


# book/09-optimisers.md#clip-grad-norm
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    *,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients so that together they are at most max_norm long.

    Args:
        parameters: a parameter or several; those without gradient do not
            count.
        max_norm: the largest allowed length of all gradients as one vector,
            the root of the sum of their squares (the 2-norm).
        error_if_nonfinite: raise if the norm is NaN or infinite.

    Returns:
        the norm before clipping, a tensor of shape ().

    Raises:
        RuntimeError: the norm is not finite, and that was to be an error.
    """
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    grads = [p.grad for p in parameters if p.grad is not None]
    squares = [float(np.sum(g.data * g.data)) for g in grads]
    norm = math.sqrt(sum(squares))
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {norm}"
        )
    scale = float(max_norm) / (norm + 1e-6)
    if not scale >= 1:  # as in PyTorch, a NaN norm spreads
        for g in grads:
            g.data *= scale
    return Tensor(norm)
