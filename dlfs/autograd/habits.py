# Made from book/ by scripts/tangle.py: edit the chapters.
"""Methods and functions by the names that programs for PyTorch use."""

import functools
import importlib
import math
import sys
from types import SimpleNamespace
from typing import Self

import numpy as np

from dlfs.autograd.creation import zeros, zeros_like
from dlfs.autograd.devices import Device, _on_cpu
from dlfs.autograd.engine import Tensor, _tensor, _values, _wrap
from dlfs.autograd.names import USUAL, missing
from dlfs.autograd.random import default_generator, rand, randn
from dlfs.autograd.recording import is_grad_enabled, no_grad, set_grad_enabled

__all__ = ["Generator"]


# book/14-from-pytorch.md#habits-methods
_HABITS = {
    "dim": lambda x: x.ndim,
    "tolist": lambda x: x.data.tolist(),
    "element_size": lambda x: x.dtype.itemsize,
    "nelement": lambda x: x.numel(),
    "is_floating_point": lambda x: x.dtype.kind == "f",
    "is_contiguous": lambda x: x.data.flags.c_contiguous,
    "eq": lambda x, other: x == other,
    "ne": lambda x, other: x != other,
    "gt": lambda x, other: x > other,
    "lt": lambda x, other: x < other,
    "ge": lambda x, other: x >= other,
    "le": lambda x, other: x <= other,
    "add": lambda x, other, alpha=1: x + _times(other, alpha),
    "sub": lambda x, other, alpha=1: x - _times(other, alpha),
    "mul": lambda x, other: x * other,
    "div": lambda x, other: x / other,
    "neg": lambda x: -x,
    "view_as": lambda x, other: x.reshape(other.shape),
    "expand_as": lambda x, other: x.expand(other.shape),
    "contiguous": lambda x: x,
    "t": lambda x: x.T,
}


def _times(other, alpha):
    """Return `other`, times what PyTorch calls alpha."""
    return other if alpha == 1 else other * alpha


# book/14-from-pytorch.md#habits-methods-more
def _index(x):
    """Let a tensor of one integer be an index of a list."""
    if x.dtype.kind not in "iu" or x.numel() != 1:
        raise TypeError(
            f"index: expected one integer, got {x.dtype} of shape {x.shape}"
        )
    return int(x)


def _narrow(x, dim, start, length):
    """Return `length` slices along an axis."""
    dim = range(x.ndim)[dim]
    if not 0 <= start <= start + length <= x.shape[dim]:
        raise IndexError(
            f"narrow: {start} to {start + length} is not within axis {dim} "
            f"of shape {x.shape}"
        )
    return x[(slice(None),) * dim + (slice(start, start + length),)]


def _unbind(x, dim=0):
    """Return the slices along an axis."""
    dim = range(x.ndim)[dim]
    return tuple(x[(slice(None),) * dim + (i,)] for i in range(x.shape[dim]))


# book/14-from-pytorch.md#habits-makers
def _truth(holds):
    """Make a method of NumPy's `any` or `all`."""

    def method(x, dim=None, keepdim=False):
        return _wrap(holds(x.data, axis=dim, keepdims=keepdim))

    return method


def _requires_grad_(x, requires_grad=True):
    """Set `requires_grad`; return the tensor."""
    x.requires_grad = requires_grad
    return x


def _like(fill):
    """Make a method that makes a tensor of the same dtype."""
    return lambda x, *size: _wrap(fill(np.ravel(size).astype(int), x.dtype))


def _remainder(x, other):
    """Return what is left of x when `other` is taken off as often as fits."""
    times = _wrap(np.floor_divide(x.data, _values(other)))
    return x - times * other


def _unbiased(method):
    """Let a method take PyTorch's older word for its `correction`."""

    @functools.wraps(method)
    def either(x, *args, unbiased=None, **options):
        if unbiased is not None:
            options["correction"] = int(unbiased)
        return method(x, *args, **options)

    return either


# book/14-from-pytorch.md#habits-methods-rest
_HABITS |= {
    "any": _truth(np.any),
    "all": _truth(np.all),
    "isnan": lambda x: _wrap(np.isnan(x.data)),
    "isinf": lambda x: _wrap(np.isinf(x.data)),
    "isfinite": lambda x: _wrap(np.isfinite(x.data)),
    "equal": lambda x, other: np.array_equal(x.data, _values(other)),
    "narrow": _narrow,
    "unbind": _unbind,
    "requires_grad_": _requires_grad_,
    "new_zeros": _like(np.zeros),
    "new_ones": _like(np.ones),
    "std": _unbiased(Tensor.std),
    "var": _unbiased(Tensor.var),
    "__index__": _index,
    "__mod__": _remainder,
    "__floordiv__": lambda x, other: _wrap(x.data // _values(other)),
    "__invert__": lambda x: _wrap(~x.data),
    "__and__": lambda x, other: _wrap(x.data & _values(other)),
    "__or__": lambda x, other: _wrap(x.data | _values(other)),
}


# book/14-from-pytorch.md#habits-devices
def _destination(*places, dtype=None, device=None, **options):
    """Return the dtype that the arguments of `to` ask for, or None."""
    for place in (*places, device):
        if isinstance(place, Tensor):
            dtype = place.dtype
        elif isinstance(place, str):
            Device(place)
        elif place is not None and not isinstance(place, bool):
            dtype = np.dtype(place)
    return dtype


def _to(x, *places, **options):
    """Return the tensor on a device, or converted to a dtype."""
    dtype = _destination(*places, **options)
    if dtype is None or dtype == x.dtype:  # None == np.dtype(float)!
        return x
    return x.astype(dtype)


# book/14-from-pytorch.md#habits-conversions
_HABITS |= {
    "to": _to,
    "type": lambda x, dtype: _to(x, dtype),
    "type_as": _to,
    "cpu": lambda x: x,
    "long": lambda x: _to(x, np.int64),
    "int": lambda x: _to(x, np.int32),
    "bool": lambda x: _to(x, np.bool_),
}
_PROPERTIES = {
    "device": lambda x: Device("cpu"),
    "grad_fn": lambda x: x._kind and x._kind.name,
    "is_cuda": lambda x: False,
}


def _add_methods(methods):
    """Give the tensor methods, or properties, by their names."""
    for name, method in methods.items():
        setattr(Tensor, name, method)


_add_methods(_HABITS)
_add_methods({name: property(get) for name, get in _PROPERTIES.items()})


# book/14-from-pytorch.md#habits-overwrite
def _overwrite(x, name, compute, args, options):
    """Put compute(x, ...) in the place of the values of x; return x."""
    new = f"write x = x.{name.rstrip('_')}(...)"
    if x._kind or (is_grad_enabled() and x.requires_grad):
        raise RuntimeError(
            f"{name}: this tensor of shape {x.shape} is part of a graph: "
            + ("" if x._kind else "change it inside no_grad(), or ")
            + new
        )
    if is_grad_enabled() and any(map(_needs_grad, args)):
        raise RuntimeError(f"{name}: a gradient would be lost: {new}")
    with no_grad():
        values = np.asarray(_values(compute(x, *args, **options)))
    if not np.can_cast(values.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"{name}: {values.dtype} does not fit into {x.dtype}: {new}"
        )
    if np.broadcast_shapes(values.shape, x.shape) != x.shape:
        raise ValueError(
            f"{name}: the result of shape {values.shape} does not fit into "
            f"shape {x.shape}: {new}"
        )
    return x.copy_(values)


def _needs_grad(x):
    """Return whether a value is a tensor that requires gradients."""
    return isinstance(x, Tensor) and x.requires_grad


# book/14-from-pytorch.md#habits-in-place
def _in_place(name, compute):
    """Make a method that overwrites the tensor."""
    return lambda x, *args, **options: _overwrite(
        x, name, compute, args, options
    )


def _augmented(name, compute):
    """Make an operator such as -=; it overwrites if no graph minds."""
    in_place = _in_place(name, compute)

    def method(x, other):
        if x._kind or (is_grad_enabled() and _needs_grad(other)):
            return compute(x, other)
        return in_place(x, other)

    return method


# book/14-from-pytorch.md#habits-in-place-table
_OPERATORS = {
    "add": "__iadd__",
    "sub": "__isub__",
    "mul": "__imul__",
    "div": "__itruediv__",
}
_IN_PLACE = {
    "add_": _HABITS["add"],
    "sub_": _HABITS["sub"],
    "mul_": _HABITS["mul"],
    "div_": _HABITS["div"],
    "clamp_": Tensor.clip,
    "zero_": lambda x: np.zeros_like(x.data),
    "fill_": lambda x, value: value,
    "normal_": lambda x, mean=0, std=1, generator=None: (
        randn(x.shape, generator=generator, dtype=x.dtype) * std + mean
    ),
    "uniform_": lambda x, low=0, high=1, generator=None: (
        rand(x.shape, generator=generator, dtype=x.dtype) * (high - low) + low
    ),
}
_add_methods({name: _in_place(name, f) for name, f in _IN_PLACE.items()})
_add_methods(
    {
        operator: _augmented(f"{name}_", _HABITS[name])
        for name, operator in _OPERATORS.items()
    }
)


# book/14-from-pytorch.md#habits-functions
def _function(name):
    """Make a function of a method."""

    def function(input, *args, **options):
        return getattr(_tensor(input), name)(*args, **options)

    function.__name__ = name
    return function


_AS_METHODS = """
    abs add all amax amin any argmax argmin clamp clone div eq equal flatten
    gather ge gt is_floating_point isfinite isinf isnan le lt max mean min mul
    narrow ne neg numel permute pow reshape split square squeeze std sub sum t
    transpose unbind unsqueeze var
"""
_AT_THE_DOOR = {name: _function(name) for name in _AS_METHODS.split()}
_AT_THE_DOOR |= {
    name: np.dtype(of_numpy)
    for name, of_numpy in {
        "float32": "float32",
        "float": "float32",
        "float64": "float64",
        "double": "float64",
        "int64": "int64",
        "long": "int64",
        "int32": "int32",
        "int": "int32",
        "uint8": "uint8",
        "bool": "bool",
    }.items()
}


# book/14-from-pytorch.md#habits-functions-rest
_AT_THE_DOOR |= {"inf": math.inf, "nan": math.nan, "pi": math.pi}
_AT_THE_DOOR |= {
    "Size": tuple,
    "device": Device,
    "cuda": SimpleNamespace(is_available=lambda: False),
    "enable_grad": lambda: set_grad_enabled(True),
    "inference_mode": lambda mode=True: set_grad_enabled(not mode),
    "is_tensor": lambda x: isinstance(x, Tensor),
    "from_numpy": lambda array: Tensor(array),
    "as_tensor": lambda data, *args, **kw: _to(_tensor(data), *args, **kw),
    "empty": zeros,
    "empty_like": zeros_like,
    "rand_like": lambda x: rand(x.shape, dtype=x.dtype),
    "randn_like": lambda x: randn(x.shape, dtype=x.dtype),
}


# book/14-from-pytorch.md#habits-random
class Generator(np.random.Generator):
    """A source of random numbers that is seeded as PyTorch's is.

    It goes wherever a generator of NumPy does. Its numbers are NumPy's.
    """

    def __init__(self, device: str = "cpu"):
        Device(device)
        super().__init__(np.random.PCG64())

    def manual_seed(self, seed: int) -> Self:
        """Start afresh from `seed`; return the generator."""
        self.bit_generator.state = np.random.PCG64(seed).state
        return self


# book/14-from-pytorch.md#habits-draws
def _randperm(n, generator=None):
    """Return the integers below n in a random order."""
    return _wrap((generator or default_generator()).permutation(n))


def _multinomial(input, num_samples, replacement=False, generator=None):
    """Draw positions along the last axis; `input` holds their chances."""
    rows = np.atleast_2d(_values(input)).astype(np.float64)
    good = np.isfinite(rows).all() and (rows >= 0).all()
    if not good or not rows.sum(1).all():
        raise ValueError(
            "multinomial: chances must be finite, not negative, and in each "
            "row not all zero"
        )
    if not replacement and num_samples > (rows > 0).sum(1).min():
        raise ValueError(
            f"multinomial: {num_samples} samples without replacement from a "
            f"row with {(rows > 0).sum(1).min()} positive chances"
        )
    source = generator or default_generator()
    if replacement:
        ends = rows.cumsum(1)
        draws = source.random((len(rows), num_samples)) * ends[:, -1:]
        found = [
            np.searchsorted(end, row, "right")
            for end, row in zip(ends, draws, strict=True)
        ]
    else:
        times = source.exponential(size=rows.shape)
        with np.errstate(divide="ignore"):
            found = np.argsort(times / rows, axis=1)[:, :num_samples]
    return _wrap(np.reshape(found, (*input.shape[:-1], num_samples)))


# book/14-from-pytorch.md#habits-functions-more
def _allclose(a, b, rtol=1e-5, atol=1e-8):
    """Return whether all values are nearly the same."""
    return bool(np.allclose(_values(a), _values(b), rtol, atol))


def _bincount(x, weights=None, minlength=0):
    """Return how often each integer from 0 on occurs."""
    weights = None if weights is None else _values(weights)
    return _wrap(np.bincount(_values(x), weights, minlength))


def _linspace(start, end, steps, dtype=np.float32, requires_grad=False):
    """Return `steps` numbers from start to end, both included."""
    return Tensor(np.linspace(start, end, steps, dtype=dtype), requires_grad)


def _normal(mean, std, size, generator=None, requires_grad=False):
    """Return normal random numbers."""
    values = randn(size, generator=generator) * std + mean
    return _requires_grad_(values, requires_grad)


_AT_THE_DOOR |= {
    "Generator": Generator,
    "allclose": _allclose,
    "bincount": _bincount,
    "linspace": _on_cpu(_linspace),
    "multinomial": _multinomial,
    "normal": _on_cpu(_normal),
    "randperm": _on_cpu(_randperm),
}


# book/14-from-pytorch.md#habits-door
_FOLDERS = ("data", "nn", "optim", "trainer")
_no_such_name = missing("dlfs")


def _find_at_the_door(name):
    """Find a name of PyTorch, or a folder that is not imported yet."""
    offered = vars(sys.modules["dlfs.autograd"])
    if name in offered and name in USUAL["dlfs"].split():
        return offered[name]
    if name in _AT_THE_DOOR:
        return _AT_THE_DOOR[name]
    if name in _FOLDERS:
        return importlib.import_module(f"dlfs.{name}")
    return _no_such_name(name)


_door = sys.modules["dlfs"]
_door.__getattr__ = _find_at_the_door
_door.__dir__ = lambda: sorted({*vars(_door), *_AT_THE_DOOR, *_FOLDERS})
sys.modules["dlfs.autograd"].__getattr__ = missing("dlfs.autograd")
Tensor.__getattr__ = missing("Tensor")
