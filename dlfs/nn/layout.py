# Made from book/ by scripts/tangle.py: edit the chapters.
"""How pictures lie in memory, and how many fit into the cache."""

import numpy as np

# book/21-one-product.md#conv-layout
_CACHE = 2**21  # bytes: so much is in work at a time


def _at_a_time(count, cost):
    """Return how many of `count` images to take, of `cost` bytes each."""
    return max(1, min(count, _CACHE // max(1, cost)))


def _channels_last(x):
    """Return x (N, C, H, W) seen as (N, H, W, C)."""
    return np.transpose(x, (0, 2, 3, 1))


def _channels_first(x):
    """Return x (N, H, W, C) seen as (N, C, H, W)."""
    return np.transpose(x, (0, 3, 1, 2))


# book/33-convolution-arguments.md#conv-filled
def _filled(padded, x, padding):
    """Put some images of x at a time into a border; yield which ones."""
    (top, left), (height, width) = padding, x.shape[2:]
    inside = padded[:, top : top + height, left : left + width]
    pictures = _channels_last(x)
    for start in range(0, len(x), len(padded)):
        images = pictures[start : start + len(padded)]
        inside[: len(images)] = images
        yield slice(start, start + len(images))
