# Made from book/ by scripts/tangle.py: edit the chapters.
"""What is done to pixels before a network sees them."""

import hashlib
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    "PADDING_MODES",
    "Compose",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomTransform",
    "channel_statistics",
    "fingerprint",
    "normalize",
    "pixel_statistics",
]


# book/10-data.md#data-fingerprint
def fingerprint(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of the shapes, types and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


# book/10-data.md#data-pixel-statistics
def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation of uint8 pixels, scaled to 0..1."""
    counts = sum(
        np.bincount(images[start : start + 1000].ravel(), minlength=256)
        for start in range(0, len(images), 1000)
    )
    values = np.arange(256) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean) ** 2) / counts.sum()
    return float(mean), float(math.sqrt(variance))


# book/10-data.md#data-normalize
def normalize(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Shift and scale uint8 pixels to mean 0 and deviation 1.

    Args:
        images: uint8 array of any shape.
        mean: mean of the training pixels, scaled to 0..1.
        std: their standard deviation.

    Returns:
        A float32 array of the same shape.
    """
    table = ((np.arange(256) / 255 - mean) / std).astype(np.float32)
    return table[images]


# book/26-colour.md#transforms-random
class RandomTransform:
    """A random change of whole batches of images.

    A subclass says in `change(images)` what becomes of a batch, and takes
    its random numbers from `self.generator`.

    Args:
        generator: source of random numbers; by default a new one, with a
            seed that belongs to the class.
    """

    def __init__(self, generator: np.random.Generator | None = None):
        if generator is None:  # one seed for all would tie flips to crops
            seed = zlib.crc32(type(self).__name__.encode())
            generator = np.random.default_rng(seed)
        self.generator = generator

    def change(self, images: np.ndarray) -> np.ndarray:
        """Return changed images, for images of shape (N, C, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} has no change()")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return changed images; images (N, C, H, W), or one (C, H, W)."""
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{type(self).__name__}: images of shape {images.shape}; "
                "expected (N, C, H, W) or (C, H, W)"
            )
        if images.ndim == 3:
            return self.change(images[None])[0]
        return self.change(images)

    # book/26-colour.md#transforms-state
    def state_dict(self) -> dict:
        """Return the state of the generator, as JSON can hold it."""
        return {"generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: dict) -> None:
        """Go on drawing where `state` was taken."""
        self.generator.bit_generator.state = state["generator"]


# book/26-colour.md#transforms-flip
class RandomHorizontalFlip(RandomTransform):
    """Mirror each image, left to right, with probability `p`.

    Args:
        p: probability of each image to be mirrored.
        generator: source of random numbers, as for `RandomTransform`.
    """

    def __init__(
        self, p: float = 0.5, generator: np.random.Generator | None = None
    ):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p={p}; expected 0 to 1")
        super().__init__(generator)
        self.p = p

    def change(self, images: np.ndarray) -> np.ndarray:
        """Return a copy of images (N, C, H, W) in which some are mirrored."""
        chosen = self.generator.random(len(images)) < self.p
        mirrored = images.copy()
        mirrored[chosen] = images[chosen, :, :, ::-1]
        return mirrored


# book/26-colour.md#transforms-crop
PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


class RandomCrop(RandomTransform):
    """Cut a window out of each image, at a place drawn for that image.

    Args:
        size: height and width of the window, in pixels; a number for both.
        padding: width of a border that each image gets first.
        fill: what the border holds if it is "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric", as for
            `np.pad`.
        generator: source of random numbers, as for `RandomTransform`.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | None = None,
        *,
        fill: int = 0,
        padding_mode: str = "constant",
        generator: np.random.Generator | None = None,
    ):
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"RandomCrop: padding_mode={padding_mode!r}; expected one of "
                f"{', '.join(PADDING_MODES)}"
            )
        super().__init__(generator)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding, self.fill = padding or 0, fill
        self.padding_mode = padding_mode

    # book/26-colour.md#transforms-crop-change
    def change(self, images: np.ndarray) -> np.ndarray:
        """Return windows (N, C, *size) of images (N, C, H, W)."""
        border = [(0, 0), (0, 0), *[(self.padding, self.padding)] * 2]
        constant = self.padding_mode == "constant"
        filled = {"constant_values": self.fill} if constant else {}
        padded = np.pad(images, border, self.padding_mode, **filled)
        height, width = padded.shape[2:]
        if self.size[0] > height or self.size[1] > width:
            raise ValueError(
                f"RandomCrop: a window of {self.size} does not fit into "
                f"images of {(height, width)}, their padding included"
            )
        count = len(images)
        tops = self.generator.integers(0, height - self.size[0] + 1, count)
        lefts = self.generator.integers(0, width - self.size[1] + 1, count)
        windows = sliding_window_view(padded, self.size, axis=(2, 3))
        return windows[np.arange(count), :, tops, lefts]


# book/26-colour.md#transforms-channel-statistics
def channel_statistics(
    images: np.ndarray,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel, pixels scaled to 0..1.

    Args:
        images: (N, C, H, W) uint8.

    Returns:
        C means and C standard deviations.
    """
    channels = range(images.shape[1])
    pairs = [pixel_statistics(images[:, channel]) for channel in channels]
    return tuple(zip(*pairs, strict=True))


# book/26-colour.md#transforms-normalize
class Normalize:
    """Shift and scale the channels of images: (x - mean) / std.

    uint8 pixels are scaled to 0..1 first; floats are taken as they are.

    Args:
        mean: the mean of each channel; a number for images of one.
        std: their standard deviations.
    """

    def __init__(
        self, mean: float | Sequence[float], std: float | Sequence[float]
    ):
        self.mean, self.std = np.atleast_1d(mean), np.atleast_1d(std)
        if self.mean.shape != self.std.shape or not (self.std > 0).all():
            raise ValueError(
                f"Normalize: mean={mean} and std={std}; expected a mean and "
                "a std above 0 for each channel"
            )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return float images of the same shape, (N, C, H, W)."""
        if images.ndim < 3 or images.shape[-3] != len(self.mean):
            raise ValueError(
                f"Normalize: images of shape {images.shape}; expected "
                f"(N, {len(self.mean)}, H, W), as there are "
                f"{len(self.mean)} means"
            )
        unit = 255 if images.dtype == np.uint8 else 1
        dtype = np.float32 if unit == 255 else images.dtype
        if not np.issubdtype(dtype, np.floating):
            raise TypeError(f"Normalize: {dtype} pixels, not uint8 or float")
        scale = (1 / (unit * self.std)).astype(dtype)[:, None, None]
        shift = (self.mean / self.std).astype(dtype)[:, None, None]
        normal = images * scale
        normal -= shift
        return normal


# book/26-colour.md#transforms-compose
class Compose:
    """Several changes, one after the other.

    Args:
        transforms: functions of a batch of images, or objects such as
            `RandomCrop`, in the order in which they are to be done.
    """

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = list(transforms)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return what all of them make of the images."""
        for transform in self.transforms:
            images = transform(images)
        return images

    # book/26-colour.md#transforms-state
    def state_dict(self) -> dict:
        """Return the states of the random ones, each with its name."""
        own = self._random_ones()
        states = [[type(t).__name__, t.state_dict()] for t in own]
        return {"transforms": states}

    def _random_ones(self):
        """Return the transforms that have a state."""
        return [t for t in self.transforms if hasattr(t, "state_dict")]

    def load_state_dict(self, state: dict) -> None:
        """Go on drawing where `state` was taken.

        Raises:
            ValueError: If the state belongs to other transforms.
        """
        saved = [name for name, _ in state["transforms"]]
        own = self._random_ones()
        names = [type(transform).__name__ for transform in own]
        if saved != names:
            raise ValueError(
                f"Compose: the saved state is of {saved}, this is {names}"
            )
        for transform, (_, part) in zip(own, state["transforms"], strict=True):
            transform.load_state_dict(part)
