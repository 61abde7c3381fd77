# Made from book/ by scripts/tangle.py: edit the chapters.
"""A batch in shards: the same bits for any number of threads."""

import contextvars
import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from threadpoolctl import ThreadpoolController

from dlfs.autograd import Function, Tensor, default_generator, is_grad_enabled
from dlfs.autograd.random import _own_generator
from dlfs.nn import Module, Parameter

__all__ = ["Sharded"]


# book/27-two-cores.md#parallel-together
_libraries = ThreadpoolController()


def _together(threads: int, calls: Sequence[Callable]) -> list:
    """Return what the calls return, in order; `threads` at the same time.

    Matrix products have one thread each. If a call raises, so does this,
    for the first such call in order, once no thread is at work any more.
    """
    with _libraries.limit(limits=1, user_api="blas"):
        if threads == 1:
            return [call() for call in calls]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda call: call(), calls))


# book/27-two-cores.md#parallel-replica
def _replica(module: Module, generator: np.random.Generator) -> Module:
    """Return a copy that shares the values of the parameters.

    Gradients and buffers are its own. It draws from `generator`, and calls
    the hooks of the original.
    """
    memo = {}  # id -> what stands for it in the copy
    for parameter in module.parameters():
        twin = Parameter(parameter.data, parameter.requires_grad)
        memo[id(parameter)] = twin
    for inner in module.modules():
        for name, value in vars(inner).items():
            if name == "_forward_hooks":
                memo[id(value)] = value
            elif isinstance(value, np.random.Generator):
                memo[id(value)] = generator
    return copy.deepcopy(module, memo)


# book/27-two-cores.md#parallel-shard
class _Shard:
    """A part of a batch, with a replica, a generator and a context."""

    def __init__(self, module: Module, input: Tensor, part: slice, seed: int):
        self.original, self.part = module, part
        values = input.data[part].copy()  # nobody else looks at this memory
        self.input = Tensor(values, input.requires_grad)
        self.generator = np.random.default_rng(seed)
        self.context = contextvars.copy_context()
        self.context.run(_own_generator.set, self.generator)

    def forward(self) -> None:
        """Compute the output of this part."""
        self.module = _replica(self.original, self.generator)
        self.parameters = list(self.module.parameters())
        self.output = self.module(self.input)
        shape = getattr(self.output, "shape", ())
        if shape[:1] != self.input.shape[:1]:
            raise TypeError(
                f"Sharded: for {len(self.input.data)} examples the model "
                f"returned a {type(self.output).__name__} of shape {shape}, "
                "expected a tensor with a row for each example"
            )

    def backward(self, g: np.ndarray) -> None:
        """Leave gradients in the replica, from that of the whole output."""
        if self.output.requires_grad:
            self.output.backward(g[self.part])

    def later(self, method: Callable, *arguments) -> Callable:
        """Return a call of `method` in the context of this shard."""
        return partial(self.context.run, method, *arguments)


# book/27-two-cores.md#parallel-added
def _added(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """Return the sum, from first to last, in the memory of the first."""
    first, *others = [g for g in gradients if g is not None] or [None]
    for g in others:
        np.add(first.data, g.data, out=first.data)
    return first


def _gradient(tensor):
    """Return the gradient of a tensor as an array, 0 where it has none."""
    values = tensor.data
    return np.zeros_like(values) if tensor.grad is None else tensor.grad.data


# book/27-two-cores.md#parallel-joined
class _Joined(Function):
    """The outputs of all shards in one, with a way back to what they share."""

    @staticmethod
    def forward(ctx, threads, shards, used, input, *parameters):
        """Return the outputs, one below the other."""
        ctx.threads, ctx.shards, ctx.used = threads, shards, used
        return Tensor(np.concatenate([s.output.data for s in shards]))

    @staticmethod
    def backward(ctx, g):
        """Let all shards go backward, and add up in their order."""
        if is_grad_enabled():
            raise RuntimeError("Sharded: it has no second derivative")
        calls = [s.later(s.backward, g.data) for s in ctx.shards]
        _together(ctx.threads, calls)
        gradients = [None] * 4
        if ctx.needs_input_grad[3]:
            gradients[3] = Tensor(
                np.concatenate([_gradient(s.input) for s in ctx.shards])
            )
        for number in ctx.used:
            twins = [s.parameters[number] for s in ctx.shards]
            gradients.append(_added([twin.grad for twin in twins]))
        return tuple(gradients)


# book/27-two-cores.md#parallel-used
def _leaves(output: Tensor) -> set[Tensor]:
    """Return the tensors that the graph behind `output` begins with."""
    seen, left = {output}, [output]
    while left:
        for x in left.pop()._inputs:
            if isinstance(x, Tensor) and x not in seen:
                seen.add(x)
                left.append(x)
    return {x for x in seen if x.is_leaf}


def _used(shards: Sequence[_Shard]) -> list[int]:
    """Return the numbers of the parameters that any shard has used."""
    leaves = [_leaves(shard.output) for shard in shards]
    return [
        number
        for number, twins in enumerate(zip(*(s.parameters for s in shards)))
        if any(twin in found for twin, found in zip(twins, leaves))
    ]


# book/27-two-cores.md#parallel-buffers
def _merge_buffers(module: Module, shards: Sequence[_Shard]) -> None:
    """Give `module` the mean of what the replicas have measured.

    The mean is over the examples; of whole numbers it takes the first.
    """
    size = sum(len(s.input.data) for s in shards)
    replicas = [s.module.buffers() for s in shards]
    for buffer, *measured in zip(module.buffers(), *replicas):
        first = measured[0].data
        if all(np.array_equal(m.data, buffer.data) for m in measured):
            continue  # nothing was measured
        values = first.copy()
        if first.dtype.kind == "f":
            for s, m in zip(shards, measured):
                values += (m.data - first) * (len(s.input.data) / size)
        buffer.copy_(values)


# book/27-two-cores.md#sharded
class Sharded(Module):
    """A model that cuts every batch into shards and shares them out.

    Each shard has a copy of the model with the same parameters: what depends
    on a whole batch, such as batch normalisation, sees its shard alone. Loss
    and gradients are those of the whole batch, and have the same bits for any
    number of threads. The names in its state are those of the model.

    Args:
        module: gives a tensor with a row for each example.
        shards: parts that a batch is cut into; a small one has fewer.
        threads: how many of them to work on at the same time.

    Raises:
        ValueError: a number is less than 1.
    """

    def __init__(self, module: Module, shards: int = 2, threads: int = 1):
        for name, number in ("shards", shards), ("threads", threads):
            if number < 1:
                raise ValueError(
                    f"Sharded: {name}={number}, expected at least 1"
                )
        self.module, self.shards, self.threads = module, shards, threads

    # book/27-two-cores.md#sharded-forward
    def forward(self, input: Tensor) -> Tensor:
        """Return (N, ...) for an input of (N, ...)."""
        size = len(input.data)
        seeds = range(self.shards)
        if self.training:
            seeds = default_generator().integers(2**63, size=self.shards)
        ends = [size * n // self.shards for n in range(self.shards + 1)]
        shards = [
            _Shard(self.module, input, slice(start, stop), seed)
            for start, stop, seed in zip(ends, ends[1:], seeds)
            if start < stop
        ]
        _together(self.threads, [s.later(s.forward) for s in shards])
        _merge_buffers(self.module, shards)
        parameters, used = list(self.module.parameters()), _used(shards)
        chosen = [parameters[number] for number in used]
        return _Joined.apply(self.threads, shards, used, input, *chosen)

    # book/27-two-cores.md#sharded-state
    def _named_state(self, remove_duplicate=False):
        """Yield the state of the model, by the names it has there."""
        return self.module._named_state(remove_duplicate)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        return f"shards={self.shards}, threads={self.threads}"
