# Made from book/ by scripts/tangle.py: edit the chapters.
"""Dropout."""

import numpy as np

from dlfs.autograd import Tensor, default_generator
from dlfs.nn.module import Module

__all__ = ["Dropout", "Dropout2d", "dropout", "dropout2d"]


# book/07-modules.md#dropout
class Dropout(Module):
    """While training, set each value to 0 with probability `p`.

    The others are divided by 1 - p, so that the mean stays the same
    (Srivastava et al., 2014). After `eval()` it changes nothing.
    """

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p={p}, expected 0 <= p <= 1")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        if input.dtype.kind != "f":
            raise TypeError(f"Dropout: {input.dtype}, expected float")
        if self.p == 1:
            return input * 0
        kept = default_generator().random(input.shape, np.float32) >= self.p
        return input * (kept * input.dtype.type(1 / (1 - self.p)))

    def extra_repr(self) -> str:
        return f"p={self.p}"


# book/15-layers-and-sets.md#dropout-function
def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Set each value to 0 with probability `p`; see `Dropout`."""
    return Dropout(p).train(training)(input)


# book/24-overfitting.md#dropout-2d
class Dropout2d(Dropout):
    """While training, set whole channels to 0 with probability `p`.

    The others are divided by 1 - p (Tompson et al., 2015). For inputs
    (N, C, H, W); after `eval()` it changes nothing.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return an output of the shape of the input."""
        if input.ndim != 4:
            raise ValueError(
                f"Dropout2d: an input of shape {input.shape}, expected "
                "(N, C, H, W)"
            )
        if not self.training or self.p == 0:
            return input
        ones = np.ones((*input.shape[:2], 1, 1), input.dtype)
        return input * super().forward(Tensor(ones))  # 0 or 1 / (1 - p)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Set whole channels to 0 with probability `p`; see `Dropout2d`."""
    return Dropout2d(p).train(training)(input)
