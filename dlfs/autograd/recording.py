# Made from book/ by scripts/tangle.py: edit the chapters.
"""Whether operations are recorded, and which arrays were written."""

import contextlib
import contextvars
import itertools
import weakref

import numpy as np

__all__ = ["is_grad_enabled", "no_grad", "set_grad_enabled"]


# book/03-tensors.md#grad-mode
_tick = itertools.count(1).__next__  # one clock, for all that happens
_recording = contextvars.ContextVar("recording", default=True)


@contextlib.contextmanager
def set_grad_enabled(mode: bool):
    """Record, or don't, inside `with set_grad_enabled(mode):`.

    A call without `with` changes nothing (PyTorch's switches at once).
    """
    before = _recording.get()
    _recording.set(mode)
    try:
        yield
    finally:
        _recording.set(before)


def no_grad() -> contextlib.AbstractContextManager:
    """Record nothing inside `with no_grad():` (works as a decorator too)."""
    return set_grad_enabled(False)


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded in this thread."""
    return _recording.get()


# book/03-tensors.md#write-log
_writes = {}  # id of an array -> when its memory was last written to
_last_write = [0]  # a list: whoever imports it sees it change


def _owner(array):
    """Return the array whose memory `array` looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _mark_written(array):
    """Note that the memory of `array` is being changed in place."""
    owner = _owner(array)
    if id(owner) not in _writes:
        weakref.finalize(owner, _writes.pop, id(owner), None)
    _writes[id(owner)] = _last_write[0] = _tick()


# book/03-tensors.md#check-usable
def _check_usable(y):
    """Raise unless the graph still holds what `y` was computed from."""
    if y._record is None:
        raise RuntimeError(
            f"{y._kind.name}: an earlier backward went through this graph and "
            "freed it: call that one with retain_graph=True"
        )
    _, _, arrays, _ = y._record
    for array in (*arrays, y._data):
        if _writes.get(id(_owner(array)), 0) > y._born:
            raise RuntimeError(
                f"{y._kind.name}: values of shape {array.shape} that its "
                "gradient may need were changed in place after they were used"
            )
