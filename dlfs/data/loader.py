# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data sets of arrays, and mini-batches of them."""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlfs.autograd import Tensor, missing, stack
from dlfs.autograd.habits import _multinomial
from dlfs.data.dataset import _in_batches

__all__ = [
    "DataLoader",
    "TensorDataset",
    "Transformed",
    "WeightedRandomSampler",
    "default_collate",
    "hold_out",
]


# book/10-data.md#data-tensor-dataset
class TensorDataset:
    """Arrays of equal length, indexed together: `dataset[i]` is a tuple."""

    def __init__(self, *arrays: np.ndarray):
        lengths = {len(array) for array in arrays}
        if len(lengths) != 1:
            raise ValueError(
                f"TensorDataset: arrays of lengths {sorted(lengths)}; "
                "all must have the same"
            )
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index) -> tuple[np.ndarray, ...]:
        return tuple(array[index] for array in self.arrays)


# book/10-data.md#data-hold-out
def hold_out(
    dataset, size: int, seed: int | list[int]
) -> tuple[TensorDataset, TensorDataset]:
    """Split `size` random examples off a data set.

    Args:
        dataset: anything with a length whose `dataset[indices]` is a batch.
        size: examples to hold out; at least one other has to be left.
        seed: decides which, as for `np.random.default_rng`.

    Returns:
        All other examples, and those held out, each in their old order.
    """
    if not 0 <= size < len(dataset):
        raise ValueError(
            f"hold_out: {size} of {len(dataset)} examples for validation; "
            "there must be at least 0, and 1 left to learn from"
        )
    order = np.random.default_rng(seed).permutation(len(dataset))
    held_out, others = np.sort(order[:size]), np.sort(order[size:])
    return TensorDataset(*dataset[others]), TensorDataset(*dataset[held_out])


# book/15-layers-and-sets.md#data-loader-for-all
class DataLoader:
    """Go through a data set in mini-batches, shuffled anew every epoch.

    Args:
        dataset: a `Dataset` or a sequence, which give one example at a time;
            or anything with a length whose `dataset[indices]` is a batch.
        batch_size: examples in a batch; the last may be smaller.
        shuffle: draw a new order for every epoch.
        sampler: yields the indices of an epoch, instead of `shuffle`; it
            has a length.
        num_workers, pin_memory: taken and ignored; batches are loaded here.
        collate_fn: makes a batch of a list of examples; default
            `default_collate`.
        drop_last: leave out a smaller last batch.
        generator: source of the orders; default `default_rng(0)`.
    """

    def __init__(
        self,
        dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        *,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ):
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.sampler, self.collate_fn = sampler, collate_fn
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: either shuffle or a sampler")
        if batch_size < 1 or len(self) < 1:
            raise ValueError(
                f"DataLoader: {len(dataset)} examples make no batch of "
                f"{batch_size}"
            )
        self.generator = generator or np.random.default_rng(0)
        self._epoch_start = self.generator.bit_generator.state
        self._position = 0  # batches handed out in this epoch
        self._resumed = False

    def __len__(self) -> int:
        size = len(self.dataset if self.sampler is None else self.sampler)
        if self.drop_last:
            return size // self.batch_size
        return math.ceil(size / self.batch_size)

    def _order(self):
        """Return the indices of an epoch."""
        if self.sampler is not None:
            return np.array(list(self.sampler))
        if self.shuffle:
            return self.generator.permutation(len(self.dataset))
        return np.arange(len(self.dataset))

    def _batch(self, indices):
        """Return the batch of these examples."""
        if self.collate_fn is None and _in_batches(self.dataset):
            return self.dataset[indices]
        examples = [self.dataset[i] for i in indices.tolist()]
        return (self.collate_fn or default_collate)(examples)

    # book/15-layers-and-sets.md#data-loader-iter-for-all
    def __iter__(self) -> Iterator:
        if not self._resumed:
            self._position = 0
        elif self.sampler is not None and self._position:
            raise ValueError(
                "DataLoader: with a sampler an epoch goes on only from its "
                f"beginning, and the state has seen {self._position} batches"
            )
        self._resumed = False
        self._epoch_start = self.generator.bit_generator.state
        order = self._order()
        for number in range(self._position, len(self)):
            self._position = number + 1
            start = number * self.batch_size
            yield self._batch(order[start : start + self.batch_size])
        self._position = 0
        self._epoch_start = self.generator.bit_generator.state

    # book/26-colour.md#data-loader-state-transform
    def state_dict(self) -> dict:
        """Return the place in the epoch, as numbers that JSON can hold.

        The state of a random `transform` of the data set belongs to it.
        """
        state = {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "position": self._position,
            "generator": self._epoch_start,
        }
        transform = getattr(self.dataset, "transform", None)
        if hasattr(transform, "state_dict"):
            state["transform"] = transform.state_dict()
        return state

    def load_state_dict(self, state: dict) -> None:
        """Go on, at the next iteration, where `state` was taken.

        Raises:
            ValueError: If the state belongs to a different loader.
        """
        own = self.state_dict()
        for name in "examples", "batch_size":
            if state[name] != own[name]:
                raise ValueError(
                    f"DataLoader: {name} is {own[name]}, but {state[name]} in "
                    "the saved state"
                )
        if ("transform" in own) != ("transform" in state):
            one, other = ("a", "none") if "transform" in own else ("no", "one")
            raise ValueError(
                f"DataLoader: this data set has {one} random transform, that "
                f"of the saved state has {other}"
            )
        position = state["position"]
        if type(position) is not int or not 0 <= position <= len(self):
            raise ValueError(
                f"DataLoader: position {position!r:.20} in the saved state, "
                f"expected 0 to {len(self)}"
            )
        if "transform" in own:
            self.dataset.transform.load_state_dict(state["transform"])
        self.generator.bit_generator.state = state["generator"]
        self._epoch_start = state["generator"]
        self._position = state["position"]
        self._resumed = True


# book/14-from-pytorch.md#data-missing
sys.modules["dlfs.data"].__getattr__ = missing("dlfs.data")


# book/15-layers-and-sets.md#default-collate
def default_collate(examples: Sequence) -> Any:
    """Return one batch of examples that are built alike.

    Numbers, arrays and tensors are stacked into a tensor, tuples and lists
    become lists of batches, dicts dicts of batches; texts stay a list.

    Raises:
        ValueError: the examples are not of one shape.
    """
    first = examples[0]
    if isinstance(first, Mapping):
        return {
            name: default_collate([example[name] for example in examples])
            for name in first
        }
    if isinstance(first, (tuple, list)):
        lengths = sorted({len(example) for example in examples})
        if len(lengths) > 1:
            raise ValueError(
                f"default_collate: examples of {lengths} parts make no batch"
            )
        return [default_collate(part) for part in zip(*examples)]
    if isinstance(first, (str, bytes)):
        return list(examples)
    shapes = sorted({np.shape(example) for example in examples})
    if len(shapes) > 1:
        raise ValueError(
            f"default_collate: examples of shapes {shapes} make no batch: cut "
            "or pad them to one shape, or give the DataLoader a collate_fn"
        )
    return stack([x if isinstance(x, Tensor) else Tensor(x) for x in examples])


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
        self.weights, self.generator = weights, generator
        self.num_samples, self.replacement = num_samples, replacement

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        chosen = _multinomial(
            self.weights, self.num_samples, self.replacement, self.generator
        )
        return iter(chosen.tolist())


# book/26-colour.md#data-transformed
class Transformed:
    """A data set whose images are changed whenever they are asked for.

    Args:
        dataset: anything whose `dataset[index]` begins with images.
        transform: what is done to the images, such as a `Compose`.
    """

    def __init__(self, dataset, transform: Callable):
        self.dataset, self.transform = dataset, transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index) -> tuple:
        images, *rest = self.dataset[index]
        return self.transform(images), *rest
