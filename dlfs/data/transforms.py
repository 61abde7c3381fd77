# Made from book/ by scripts/tangle.py: edit the chapters.
"""What is done to pixels before a network sees them."""

import hashlib
import math

import numpy as np

__all__ = ["fingerprint", "normalize", "pixel_statistics"]


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
