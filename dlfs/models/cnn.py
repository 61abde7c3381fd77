# Made from book/ by scripts/tangle.py: edit the chapters.
"""Convolutional networks."""

from dataclasses import dataclass
from itertools import pairwise

from dlfs.autograd import Tensor
from dlfs.nn import (
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

__all__ = ["LeNet", "LeNetSizes"]


# book/22-pooling.md#lenet
@dataclass(frozen=True)
class LeNetSizes:
    """How wide a `LeNet` is."""

    channels: tuple[int, int] = (6, 16)  # of the two convolutions
    units: tuple[int, int] = (120, 84)  # of the linear layers behind them
    classes: int = 10


class LeNet(Module):
    """A network that reads digits, after LeNet-5 (LeCun et al., 1998).

    Two convolutions with windows of 5 x 5, each followed by ReLU and the
    largest of each 2 x 2, then three linear layers. The sizes are those of
    LeNet-5; max pooling and ReLU have come since.

    Args:
        sizes: channels and units.
    """

    def __init__(self, sizes: LeNetSizes | None = None):
        sizes = sizes or LeNetSizes()
        few, many = sizes.channels
        self.features = Sequential(
            *(Conv2d(1, few, 5, padding=2), ReLU(), MaxPool2d(2)),
            *(Conv2d(few, many, 5), ReLU(), MaxPool2d(2)),
        )
        widths = [many * 5 * 5, *sizes.units, sizes.classes]
        layers = [Flatten()]
        for before, after in pairwise(widths):
            layers += [Linear(before, after), ReLU()]
        self.classifier = Sequential(*layers[:-1])

    def forward(self, input: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, 1, 28, 28)."""
        return self.classifier(self.features(input))
