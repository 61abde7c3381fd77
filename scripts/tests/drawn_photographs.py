"""Draw pictures in the format of CIFAR-10, where its photographs are missing.

    python scripts/tests/drawn_photographs.py DIR

Ten kinds of shapes, anywhere, in any two colours, under noise: enough to see
that the recipe of `cnn_cifar10` still learns. DIR gets the folder of the set.
"""

import sys
from pathlib import Path

import numpy as np

from dlfs.data import CIFAR10_FILES, CIFAR10_FOLDER


def draw_masks(kind, x, y, size):
    """Return which pixels belong to shapes of a kind, (N, 32, 32) bool.

    x and y are the distances to the middle of each shape, in pixels.
    """
    far, steps = np.maximum(abs(x), abs(y)), np.hypot(x, y)
    inside = far < size
    return (
        steps < size,
        (steps < size) & (steps > 0.6 * size),
        far < 0.8 * size,
        abs(x) + abs(y) < size,
        inside & (np.minimum(abs(x), abs(y)) < size / 3),
        inside & (y.astype(int) // 2 % 2 == 0),
        inside & (x.astype(int) // 2 % 2 == 0),
        inside & (2 * abs(x) < y + size),
        inside & ((x.astype(int) // 3 + y.astype(int) // 3) % 2 == 0),
        inside & (x * y > 0),
    )[kind]


def draw(count, rng):
    """Return pictures (count, 3, 32, 32) uint8 and their labels."""
    labels = rng.integers(0, 10, count)
    size = rng.uniform(6, 11, (count, 1, 1))
    top, left = rng.uniform(11, 21, (2, count, 1, 1))
    y, x = np.arange(32)[:, None] - top, np.arange(32) - left
    y, x = np.broadcast_arrays(y, x)
    masks = np.zeros((count, 32, 32), bool)
    for kind in range(10):
        chosen = labels == kind
        parts = (values[chosen] for values in (x, y, size))
        masks[chosen] = draw_masks(kind, *parts)
    front, back = rng.uniform(0, 255, (2, count, 3, 1, 1))
    pictures = np.where(masks[:, None], front, back)
    pictures += rng.normal(0, 25, pictures.shape)
    return pictures.clip(0, 255).astype(np.uint8), labels


def main(folder):
    """Write the six files."""
    folder = Path(folder) / CIFAR10_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(CIFAR10_FILES):
        pictures, labels = draw(10_000, np.random.default_rng(number))
        rows = pictures.reshape(len(labels), -1)
        records = np.column_stack([labels.astype(np.uint8), rows])
        (folder / name).write_bytes(records.tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
