# Made from book/ by scripts/tangle.py: edit the chapters.
"""Orders in which a loader goes through a data set."""

from collections.abc import Iterator, Sequence

import numpy as np

from dlfs.autograd import default_generator

__all__ = ["WeightedRandomSampler"]


# book/15-layers-and-sets.md#weighted-sampler
class WeightedRandomSampler:
    """Indices at random, each as often as its weight says.

    Args:
        weights: one for each example, not negative; their sum is no matter.
        num_samples: how many indices an epoch has.
        replacement: whether an index may come again in an epoch.
        generator: default the one that `manual_seed` sets.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: np.random.Generator | None = None,
    ):
        weights = np.asarray(weights, np.float64)
        if weights.ndim != 1 or not (weights >= 0).all() or not weights.any():
            raise ValueError(
                "WeightedRandomSampler: expected one weight for each example, "
                "none negative and one above 0"
            )
        self.shares = weights / weights.sum()
        self.num_samples, self.replacement = num_samples, replacement
        self.generator = generator

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator or default_generator()
        size, shares = len(self.shares), self.shares
        chosen = generator.choice(
            size, self.num_samples, self.replacement, shares
        )
        return iter(chosen.tolist())
