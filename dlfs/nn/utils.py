# Made from book/ by scripts/tangle.py: edit the chapters.
"""What is done with all parameters of a model together."""

from collections.abc import Iterable

import numpy as np

from dlfs.autograd import Tensor, cat, no_grad
from dlfs.nn.module import _array
from dlfs.optim import clip_grad_norm_

__all__ = ["parameters_to_vector", "vector_to_parameters"]


# book/15-layers-and-sets.md#nn-utils
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all values in one vector, through which gradients flow."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(
    vec: Tensor | np.ndarray, parameters: Iterable[Tensor]
) -> None:
    """Write the values of one vector into parameters, in their order.

    Raises:
        ValueError: they hold more or fewer numbers than the vector.
    """
    parameters, values = list(parameters), _array(vec).reshape(-1)
    sizes = [p.data.size for p in parameters]
    if values.size != sum(sizes):
        raise ValueError(
            f"vector_to_parameters: {values.size} numbers for parameters "
            f"that hold {sum(sizes)}"
        )
    with no_grad():
        for p, piece in zip(parameters, np.split(values, np.cumsum(sizes))):
            p.copy_(piece.reshape(p.shape))


_CLIPPING = (clip_grad_norm_,)  # is here, too
