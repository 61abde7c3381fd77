# Made from book/ by scripts/tangle.py: edit the chapters.
"""How good a model is."""

from collections.abc import Callable

import numpy as np

from dlfs import nn
from dlfs.autograd import Tensor, no_grad
from dlfs.data import DataLoader

__all__ = ["Meter", "evaluate"]


# book/11-training.md#trainer-meter
class Meter:
    """Mean loss and accuracy over the examples seen so far."""

    def __init__(self):
        self.sums = {"examples": 0, "loss": 0.0, "correct": 0}

    def add(
        self, loss: float, logits: np.ndarray, targets: np.ndarray
    ) -> None:
        """Count a batch: its mean loss, logits (..., C), targets (...)."""
        self.sums["examples"] += targets.size
        self.sums["loss"] += loss * targets.size
        correct = np.count_nonzero(logits.argmax(-1) == targets)
        self.sums["correct"] += int(correct)

    def means(self) -> dict[str, float]:
        """Return loss and accuracy (0 to 1), averaged over the examples."""
        examples = self.sums["examples"]
        return {
            "loss": self.sums["loss"] / examples,
            "accuracy": self.sums["correct"] / examples,
        }


# book/11-training.md#trainer-evaluate
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    loss_function: Callable = nn.cross_entropy,
) -> dict[str, float]:
    """Measure a model on a data set, in evaluation mode, without a graph.

    Returns:
        `{"loss": mean loss, "accuracy": share of right answers}`.
    """
    meter = Meter()
    training = model.training
    model.eval()
    try:
        with no_grad():
            for inputs, targets in loader:
                logits = model(Tensor(inputs))
                loss = loss_function(logits, targets)
                meter.add(loss.item(), logits.data, targets)
    finally:
        model.train(training)
    return meter.means()
