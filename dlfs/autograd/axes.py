# Made from book/ by scripts/tangle.py: edit the chapters.
"""The axes that a method works along, by their numbers."""

import functools
from collections.abc import Sequence

import numpy as np

# book/05-shapes.md#axes
_Axes = int | Sequence[int] | None  # an axis, several, or all


def _axis(dim, ndim, name):
    """Return axis number `dim` counted from 0; raise if there is none."""
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}: dim {dim!r} is not a whole number")
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: dim {dim} does not exist among {ndim} axes")
    return dim % ndim


def _axes(dim, ndim, name):
    """Return axis numbers, counted from 0, as a sorted tuple; None is all."""
    if dim is None:
        return tuple(range(ndim))
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    found = {_axis(d, ndim, name) for d in dims}
    if len(found) < len(dims):
        raise ValueError(f"{name}: dim {dims} names an axis twice")
    return tuple(sorted(found))


def _also(**words):
    """Let a method take other words for its arguments: {theirs: ours}."""

    def decorate(method):
        @functools.wraps(method)
        def either(self, *args, **options):
            ours = {words[w]: options.pop(w) for w in words if w in options}
            return method(self, *args, **options, **ours)

        return either

    return decorate


_numpy_words = _also(axis="dim", keepdims="keepdim")
