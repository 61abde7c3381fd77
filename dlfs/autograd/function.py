# Made from book/ by scripts/tangle.py: edit the chapters.
"""Operations of one's own, in the form that PyTorch has for them."""

from typing import Any

import numpy as np

from dlfs.autograd.engine import Tensor, _tensor, _wrap, operation
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
        self._args, self._outputs, self._saved = args, (), ()
        self._now = {}  # id of a saved tensor -> the one of the graph
        self._given = None, {}  # a gradient, and what became of it
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
    def _cut(self, row):
        """Return the outputs, or their gradients, from one row of numbers."""
        if len(self._outputs) == 1:
            return [row]
        parts = row.split([x.numel() for x in self._outputs])
        return [
            part.reshape(x.shape).astype(x.dtype)
            for part, x in zip(parts, self._outputs)
        ]

    def _gradient(self, function, place, g, y, inputs):
        """Return the gradient for the argument at a place."""
        if self._given[0] is not g or place not in self._given[1]:
            self._given = g, self._all_gradients(function, g, y, inputs)
        found = self._given[1].pop(place)
        if not self._given[1]:
            self._given = None, {}  # nothing is kept that is not asked for
        return found

    # book/14-from-pytorch.md#function-gradients
    def _all_gradients(self, function, g, y, inputs):
        """Return {place: gradient} for the arguments that need one."""
        has_graph = isinstance(g, Tensor)
        tensors = [x for x in self._args if isinstance(x, Tensor)]
        known = [*tensors, *self._outputs]
        with set_grad_enabled(has_graph):
            now = [*map(_tensor, inputs), *self._cut(_tensor(y))]
            self._now = dict(zip(map(id, known), now))
            found = function.backward(self, *self._cut(_tensor(g)))
        self._now = {}
        found = found if isinstance(found, tuple) else (found,)
        _check_gradients(function.__name__, found, self._args)
        return {
            i: _as_gradient(found[i], self._args[i], has_graph)
            for i, needed in enumerate(self.needs_input_grad)
            if needed
        }


# book/14-from-pytorch.md#function-check
def _check_gradients(name, found, args):
    """Raise unless there is a gradient of the right shape for each."""
    extra = any(g is not None for g in found[len(args) :])
    if len(found) < len(args) or extra:
        raise RuntimeError(
            f"{name}.backward: {len(found)} gradients for {len(args)} "
            "arguments: return one for each, None where there is none"
        )
    for i, (g, x) in enumerate(zip(found, args)):
        if isinstance(x, Tensor) and g is not None and g.shape != x.shape:
            raise RuntimeError(
                f"{name}.backward: gradient of shape {g.shape} for argument "
                f"{i} of shape {x.shape}"
            )


def _as_gradient(g, x, has_graph):
    """Return a gradient as the engine wants it: an array, or a tensor."""
    g = _wrap(np.zeros_like(x.data)) if g is None else _tensor(g)
    return g if has_graph else g.data


# book/14-from-pytorch.md#function
class Function:
    """An operation with a backward pass of its own; subclass it.

    A subclass has two static methods. `forward(ctx, *args)` returns a tensor
    or a tuple of tensors; nothing in it is recorded. `backward(ctx, *grads)`
    gets a gradient for each of them, and returns one for each argument of
    forward, None where there is none. It is called by `apply`. Where backward
    uses operations of tensors, there are second derivatives too.
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
        several = isinstance(result, tuple)
        outputs = result if several else (result,)
        for x in outputs:
            if not isinstance(x, Tensor):
                kind = type(x).__name__
                raise TypeError(
                    f"{cls.__name__}.forward: returned a {kind}, not a tensor"
                )
        pieces = iter(_record(cls, ctx, outputs))
        outputs = tuple(x if _is_exact(x) else next(pieces) for x in outputs)
        return outputs if several else outputs[0]


# book/14-from-pytorch.md#function-record
def _is_exact(x):
    """Return whether a tensor holds no floating-point numbers."""
    return x.dtype.kind != "f"


def _record(function, ctx, outputs):
    """Return the outputs that have gradients, as results in the graph."""
    ctx._outputs = tuple(x for x in outputs if not _is_exact(x))
    if not ctx._outputs:
        return []
    rows = [x.data for x in ctx._outputs]
    row = np.concatenate([r.ravel() for r in rows]) if rows[1:] else rows[0]

    def rule(place):
        return lambda g, y, *inputs, ctx: ctx._gradient(
            function, place, g, y, inputs
        )

    def forward(*arrays, ctx):
        return row

    forward.__name__ = function.__name__
    tensors = {i: x for i, x in enumerate(ctx._args) if isinstance(x, Tensor)}
    record = operation(*map(rule, tensors))(forward)
    return ctx._cut(_tensor(record(*tensors.values(), ctx=ctx)))
