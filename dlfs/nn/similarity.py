# Made from book/ by scripts/tangle.py: edit the chapters.
"""How alike vectors are, and vectors for classes."""

import numpy as np

from dlfs.autograd import Tensor, norm
from dlfs.nn.module import _array

__all__ = ["cosine_similarity", "normalize", "one_hot"]


# book/13-more-operations.md#similarity
def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12
) -> Tensor:
    """Return the input divided by its norm along `dim`, or by `eps`."""
    return input / norm(input, p, dim, keepdim=True).clip(eps, None)


def cosine_similarity(
    x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8
) -> Tensor:
    """Return the cosine of the angle between vectors along `dim`."""
    return (normalize(x1, 2, dim, eps) * normalize(x2, 2, dim, eps)).sum(dim)


def one_hot(target: Tensor | np.ndarray, num_classes: int = -1) -> Tensor:
    """Return integers: a last axis with a 1 at the class and 0 elsewhere.

    Args:
        target: class numbers of any shape.
        num_classes: -1 for one more than the largest class number.
    """
    target = _array(target)
    if target.dtype.kind not in "iu":
        raise TypeError(f"one_hot: {target.dtype} classes, expected integers")
    if num_classes == -1 and target.size:
        num_classes = int(target.max()) + 1
    wrong = (target < 0) | (target >= num_classes)
    if num_classes < 1 or wrong.any():
        raise ValueError(
            f"one_hot: {num_classes} classes for numbers that do not fit"
        )
    return Tensor((target[..., None] == np.arange(num_classes)).astype(int))
