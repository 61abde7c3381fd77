# Made from book/ by scripts/tangle.py: edit the chapters.
"""Deep learning from scratch: tensors, layers and training in NumPy.

Every line of this package stands in a chapter of the book beside it, with its
explanation. The comment above each piece of code names the chapter.
"""

import builtins
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlfs.autograd import (
    Tensor,
    absolute,
    arange,
    cat,
    clip,
    cos,
    einsum,
    exp,
    expm1,
    eye,
    full,
    full_like,
    grad,
    is_grad_enabled,
    log,
    log1p,
    log_softmax,
    logsumexp,
    manual_seed,
    matmul,
    maximum,
    minimum,
    no_grad,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    relu,
    set_grad_enabled,
    sigmoid,
    sin,
    softmax,
    sqrt,
    stack,
    tanh,
    tensor,
    where,
    zeros,
    zeros_like,
)

__all__ = [
    "Tensor",
    "__version__",
    "absolute",
    "arange",
    "cat",
    "clip",
    "cos",
    "einsum",
    "exp",
    "expm1",
    "extend",
    "eye",
    "full",
    "full_like",
    "grad",
    "is_grad_enabled",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "manual_seed",
    "matmul",
    "maximum",
    "minimum",
    "no_grad",
    "ones",
    "ones_like",
    "rand",
    "randint",
    "randn",
    "relu",
    "set_grad_enabled",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "stack",
    "tanh",
    "tensor",
    "where",
    "zeros",
    "zeros_like",
]


# book/00-preface.md#package
__version__ = "0.1.0"


# book/00-preface.md#extend
def extend(cls: type) -> Callable[[Any], Any]:
    """Return a decorator that adds a method to a class.

    It takes a function, property, staticmethod or classmethod, and returns
    what its name meant before, so that a method `exp` hides no function `exp`.

    Args:
        cls: the class that grows.
    """
    names = sys._getframe(1).f_globals  # the names of the page that calls us

    def add(member: Any) -> Any:
        name = getattr(member, "fget", member).__name__
        setattr(cls, name, member)
        return names.get(name, getattr(builtins, name, member))

    return add


# book/00-preface.md#traceback-hook
def _name_chapters_in_tracebacks(root):
    """In a checkout of the book, let uncaught errors name its lines."""
    tool = root / "scripts" / "tangle.py"
    if not tool.is_file() or sys.excepthook is not sys.__excepthook__:
        return

    def show(kind, error, trace):
        sys.excepthook = sys.__excepthook__
        if issubclass(kind, Exception):  # Ctrl-C is not
            with contextlib.suppress(Exception):
                import runpy  # costs time, and errors are rare

                run = runpy.run_path(str(tool))
                run["install_traceback_hook"](root)
        sys.excepthook(kind, error, trace)

    sys.excepthook = show


if "__file__" in globals():  # a notebook is no file
    _name_chapters_in_tracebacks(Path(__file__).resolve().parent.parent)
