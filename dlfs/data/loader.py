# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data sets of arrays, and mini-batches of them."""

import math
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["DataLoader", "TensorDataset", "Transformed"]


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


# book/10-data.md#data-loader
class DataLoader:
    """Go through a data set in mini-batches, shuffled anew every epoch.

    Args:
        dataset: anything with a length whose `dataset[indices]` is a batch.
        batch_size: examples in a batch; the last may be smaller.
        shuffle: draw a new order for every epoch.
        drop_last: leave out a smaller last batch.
        generator: source of the orders; default `default_rng(0)`.
    """

    def __init__(
        self,
        dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ):
        if batch_size < 1 or len(dataset) < (batch_size if drop_last else 1):
            raise ValueError(
                f"DataLoader: {len(dataset)} examples make no batch of "
                f"{batch_size}"
            )
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.generator = generator or np.random.default_rng(0)
        self._epoch_start = self.generator.bit_generator.state
        self._position = 0  # batches handed out in this epoch
        self._resumed = False

    def __len__(self) -> int:
        if self.drop_last:
            return len(self.dataset) // self.batch_size
        return math.ceil(len(self.dataset) / self.batch_size)

    # book/10-data.md#data-loader-iter
    def __iter__(self) -> Iterator:
        if not self._resumed:
            self._position = 0
        self._resumed = False
        self._epoch_start = self.generator.bit_generator.state
        size = len(self.dataset)
        order = np.arange(size)
        if self.shuffle:
            order = self.generator.permutation(size)
        for number in range(self._position, len(self)):
            self._position = number + 1
            start = number * self.batch_size
            yield self.dataset[order[start : start + self.batch_size]]
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
