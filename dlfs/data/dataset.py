# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data sets that give one example at a time, and parts of data sets."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from dlfs.autograd import default_generator

__all__ = ["ConcatDataset", "Dataset", "Subset", "random_split"]


# book/15-layers-and-sets.md#dataset
class Dataset:
    """Base of data sets that give one example at a time.

    A subclass has `__len__()` and `__getitem__(index)`; a DataLoader collates
    what that returns. With `in_batches = True` it is indexed with an array of
    indices instead, and returns a batch.
    """

    in_batches = False

    def __getitem__(self, index):
        raise NotImplementedError(
            f"{type(self).__name__} has no __getitem__ method"
        )

    def __add__(self, other: "Dataset") -> "ConcatDataset":
        return ConcatDataset([self, other])


def _in_batches(dataset):
    """Return whether `dataset[indices]` is a batch."""
    single = isinstance(dataset, (list, tuple, range))
    return getattr(dataset, "in_batches", not single)


# book/15-layers-and-sets.md#subset
class Subset(Dataset):
    """The examples of another data set at the given indices."""

    def __init__(self, dataset, indices: Sequence[int]):
        self.dataset, self.indices = dataset, np.asarray(indices, int)
        self.in_batches = _in_batches(dataset)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):
        chosen = self.indices[index]
        return self.dataset[chosen if self.in_batches else int(chosen)]


def random_split(
    dataset,
    lengths: Sequence[int | float],
    generator: np.random.Generator | None = None,
) -> list[Subset]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: anything with a length.
        lengths: of the parts, together all examples; or their shares,
            together 1, of which the first parts get what is left over.
        generator: default the one that `manual_seed` sets.
    """
    size, whole = len(dataset), list(lengths)
    if math.isclose(sum(lengths), 1) and all(0 <= n <= 1 for n in lengths):
        whole = [math.floor(size * share) for share in lengths]
        for i in range(size - sum(whole)):
            whole[i % len(whole)] += 1
    if min(whole, default=0) < 0 or sum(whole) != size:
        raise ValueError(
            f"random_split: lengths {list(lengths)}, expected none below 0, "
            f"and a sum of {size}, or shares that add up to 1"
        )
    order = (generator or default_generator()).permutation(size)
    ends = np.cumsum(whole)
    return [Subset(dataset, order[e - n : e]) for n, e in zip(whole, ends)]


# book/15-layers-and-sets.md#concat-dataset
class ConcatDataset(Dataset):
    """Several data sets, one behind the other."""

    def __init__(self, datasets: Iterable):
        self.datasets = list(datasets)

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)

    def __getitem__(self, index: int):
        index = range(len(self))[index]  # counts from the end, and checks
        for dataset in self.datasets:
            if index < len(dataset):
                return dataset[index]
            index -= len(dataset)
