# Made from book/ by scripts/tangle.py: edit the chapters.
"""The one device, and arguments that name it."""

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Device"]


# book/14-from-pytorch.md#device
class Device(str):
    """The place where numbers are kept: "cpu", the only one there is.

    Raises:
        RuntimeError: another one was asked for.
    """

    __slots__ = ()
    type, index = "cpu", None

    def __new__(cls, name: Any = "cpu"):
        if str(name) != "cpu":
            raise RuntimeError(f'device: there is only "cpu", not {name!r}')
        return super().__new__(cls, "cpu")


def _on_cpu(function: Callable) -> Callable:
    """Let a function take an argument `device`."""

    @functools.wraps(function)
    def make(*args, device="cpu", **options):
        Device(device or "cpu")
        return function(*args, **options)

    return make
