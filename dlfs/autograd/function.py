# Made from book/ by scripts/tangle.py: edit the chapters.
"""Operations of one's own, in the form that PyTorch has for them."""

import functools
from typing import Any

from dlfs.autograd.creation import zeros
from dlfs.autograd.engine import Tensor, _tensor, operation
from dlfs.autograd.joining import cat
from dlfs.autograd.recording import no_grad, set_grad_enabled

__all__ = ["Function", "FunctionCtx"]


# book/14-from-pytorch.md#function-context
class FunctionCtx:
    """What the forward pass of a `Function` leaves for its backward pass.

    Any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument, whether a gradient is wanted.
    """

    def __init__(self, args: tuple):
        self._args, self._saved = args, ()
        self._now = {}  # id of a saved tensor -> the one of the graph
        self.needs_input_grad = tuple(
            isinstance(x, Tensor) and x.requires_grad for x in args
        )

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments, results or other tensors for `backward`."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved; in backward as the graph knows it."""
        return tuple(self._now.get(id(x), x) for x in self._saved)


# book/14-from-pytorch.md#function-backward
def _numbers(values):
    """Return the tensors among values that hold floating-point numbers."""
    return [x for x in values if isinstance(x, Tensor) and x.dtype.kind == "f"]


def _join(tensors):
    """Return a tensor, or several as one row of numbers."""
    if len(tensors) == 1:
        return tensors[0]
    return cat([zeros(0), *(x.reshape(-1) for x in tensors)])


def _cut(row, like):
    """Undo `_join`: return tensors of the shapes and dtypes of `like`."""
    if len(like) == 1:
        return [row]
    parts = row.split([0, *(x.numel() for x in like)])[1:]
    return [p.reshape(x.shape).astype(x.dtype) for p, x in zip(parts, like)]


# book/14-from-pytorch.md#function-gradients
def _function_rule(function, ctx, outputs, g, y, x):
    """Return the gradient of the row of arguments from that of results."""
    inputs, has_graph = _numbers(ctx._args), isinstance(g, Tensor)
    with set_grad_enabled(has_graph):
        now = _cut(_tensor(x), inputs) + _cut(_tensor(y), outputs)
        ctx._now = dict(zip(map(id, [*inputs, *outputs]), now))
        found = function.backward(ctx, *_cut(_tensor(g), outputs))
        ctx._now = {}
        found = found if isinstance(found, tuple) else (found,)
        row = _join([*_check_gradients(function.__name__, found, ctx._args)])
    return row if has_graph else row.data


# book/14-from-pytorch.md#function-check
def _check_gradients(name, found, args):
    """Yield the gradients of the arguments that have one, if they fit."""
    extra = any(g is not None for g in found[len(args) :])
    if len(found) < len(args) or extra:
        raise RuntimeError(
            f"{name}.backward: {len(found)} gradients for {len(args)} "
            "arguments: return one for each, None where there is none"
        )
    for i, (g, x) in enumerate(zip(found, args)):
        if not _numbers([x]):
            continue
        g = zeros(x.shape) if g is None else _tensor(g)
        if g.shape != x.shape:
            raise RuntimeError(
                f"{name}.backward: gradient of shape {g.shape} for argument "
                f"{i} of shape {x.shape}"
            )
        yield g


# book/14-from-pytorch.md#function
class Function:
    """An operation with a backward pass of its own; subclass it.

    A subclass has two static methods. `forward(ctx, *args)` returns a tensor
    or a tuple of tensors; nothing in it is recorded. `backward(ctx, *grads)`
    gets a gradient for each of them that holds floating-point numbers, and
    returns one for each argument of forward, None where there is none. It is
    called by `apply`. Where backward uses operations of tensors, there are
    second derivatives too.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, *args: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError("Function: forward(ctx, ...) is missing")

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Any:
        """Return the gradient for each argument of forward."""
        raise NotImplementedError("Function: backward(ctx, ...) is missing")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Return what forward computes from the arguments, recorded.

        Raises:
            TypeError: forward returns something else than tensors.
        """
        ctx = FunctionCtx(args)
        with no_grad():
            result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        for x in outputs:
            if not isinstance(x, Tensor):
                kind = type(x).__name__
                raise TypeError(
                    f"{cls.__name__}.forward: returned a {kind}, not a tensor"
                )
        pieces = iter(_record(cls, ctx, _numbers(outputs)))
        outputs = tuple(next(pieces) if _numbers([x]) else x for x in outputs)
        return outputs if isinstance(result, tuple) else outputs[0]


# book/14-from-pytorch.md#function-record
def _record(function, ctx, outputs):
    """Return the outputs that have gradients, as results in the graph."""
    row = _join(outputs).data

    @operation(functools.partial(_function_rule, function, ctx, outputs))
    @functools.wraps(function, updated=())
    def forward(x):
        return row

    return _cut(forward(_join(_numbers(ctx._args))), outputs)
