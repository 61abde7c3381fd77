# Made from book/ by scripts/tangle.py: edit the chapters.
"""Methods and functions by the names that programs for PyTorch use."""

import functools
import importlib
import math
import operator
import sys
from types import SimpleNamespace
from typing import Self

import numpy as np

from dlfs.autograd.axes import _also, _axis
from dlfs.autograd.creation import ones, zeros, zeros_like
from dlfs.autograd.devices import Device, _on_cpu
from dlfs.autograd.engine import Tensor, _minds, _slab, _tensor, _values, _wrap
from dlfs.autograd.names import ELSEWHERE, ON_PURPOSE, USUAL, missing
from dlfs.autograd.random import default_generator, rand, randn
from dlfs.autograd.recording import no_grad, set_grad_enabled

__all__ = ["Generator"]


# book/14-from-pytorch.md#habits-methods
def _operator(name):
    """Make a method of an operator: `eq` of ==."""
    function = getattr(operator, name)
    return lambda x, other: function(x, other)


def _times(other, alpha):
    """Return `other`, times what PyTorch calls alpha."""
    return other if alpha == 1 else other * alpha


_OPERATORS = ["eq", "ne", "gt", "lt", "ge", "le", "mul"]
_HABITS = {name: _operator(name) for name in _OPERATORS} | {
    "div": _operator("truediv"),
    "add": lambda x, other, alpha=1: x + _times(other, alpha),
    "sub": lambda x, other, alpha=1: x - _times(other, alpha),
    "neg": lambda x: -x,
    "dim": lambda x: x.ndim,
    "tolist": lambda x: x.data.tolist(),
    "element_size": lambda x: x.dtype.itemsize,
    "nelement": Tensor.numel,
    "is_floating_point": lambda x: x.dtype.kind == "f",
    "is_contiguous": lambda x: x.data.flags.c_contiguous,
    "view_as": lambda x, other: x.reshape(other.shape),
    "expand_as": lambda x, other: x.expand(other.shape),
    "contiguous": lambda x: x if x.data.flags.c_contiguous else x.clone(),
    "t": lambda x: x.T,
}


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
    dim = _axis(dim, x.ndim, "narrow")
    if not 0 <= start <= start + length <= x.shape[dim]:
        raise IndexError(
            f"narrow: {start} to {start + length} is not within axis {dim} "
            f"of shape {x.shape}"
        )
    return _slab(x, dim, start, start + length)


def _unbind(x, dim=0):
    """Return the slices along an axis."""
    return tuple(y.squeeze(dim) for y in x.split([1] * x.size(dim), dim))


# book/14-from-pytorch.md#habits-makers
def _of_numpy(function):
    """Make a method of a function of NumPy that has no derivative."""
    return lambda x, *args, **options: _wrap(
        function(_values(x), *map(_values, args), **options)
    )


def _reduced(name):
    """Make a method of `any` or `all`."""
    return lambda x, dim=None, keepdim=False: _wrap(
        getattr(x.data, name)(dim, keepdims=keepdim)
    )


def _requires_grad_(x, requires_grad=True):
    """Set `requires_grad`; return the tensor."""
    x.requires_grad = requires_grad
    return x


# book/14-from-pytorch.md#habits-methods-rest
_unbiased = _also(unbiased="correction")
_HABITS |= {
    "isnan": _of_numpy(np.isnan),
    "isinf": _of_numpy(np.isinf),
    "isfinite": _of_numpy(np.isfinite),
    "any": _reduced("any"),
    "all": _reduced("all"),
    "equal": lambda x, other: np.array_equal(x.data, _values(other)),
    "narrow": _narrow,
    "unbind": _unbind,
    "requires_grad_": _requires_grad_,
    "new_zeros": lambda x, *n, **how: zeros(*n, **{"dtype": x.dtype} | how),
    "new_ones": lambda x, *n, **how: ones(*n, **{"dtype": x.dtype} | how),
    "std": _unbiased(Tensor.std),
    "var": _unbiased(Tensor.var),
    "__index__": _index,
    "__mod__": lambda x, other: x - (x // other) * other,
    "__floordiv__": _of_numpy(np.floor_divide),
    "__invert__": _of_numpy(np.invert),
    "__and__": _of_numpy(np.bitwise_and),
    "__or__": _of_numpy(np.bitwise_or),
}


# book/14-from-pytorch.md#habits-devices
def _destination(*places, dtype=None, device=None, **options):
    """Return the dtype that the arguments of `to` ask for, or None."""
    for place in (*places, device):
        if isinstance(place, str):
            Device(place)
        elif isinstance(place, Tensor):
            dtype = place.dtype
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
_HABITS |= dict.fromkeys(("to", "type", "type_as"), _to) | {
    "cpu": lambda x: x,
    "long": lambda x: _to(x, np.int64),
    "int": lambda x: _to(x, np.int32),
    "bool": lambda x: _to(x, np.bool_),
    "device": property(lambda x: Device("cpu")),
    "grad_fn": property(lambda x: x._kind and x._kind.name),
    "is_cuda": property(lambda x: False),
}


def _add_methods(methods):
    """Give the tensor methods, or properties, by their names."""
    for name, method in methods.items():
        if "<" in getattr(method, "__qualname__", ""):  # <lambda>, <locals>
            method.__name__, method.__qualname__ = name, f"Tensor.{name}"
            method.__doc__ = f"Do what PyTorch's `Tensor.{name}` does."
        setattr(Tensor, name, method)


_add_methods(_HABITS)


# book/14-from-pytorch.md#habits-in-place
def _in_place(name, compute, is_operator=False):
    """Make a method that puts compute(x, ...) in the place of x.

    As an operator, such as -=, it makes a new tensor if a graph minds.
    """
    instead = f"write x = x.{name.rstrip('_')}(...)"

    def method(x, *args, **options):
        if is_operator and (x._kind or _minds(*args)):
            return compute(x, *args)
        x._check_write(name, instead, *args)
        with no_grad():
            values = np.asarray(_values(compute(x, *args, **options)))
        if not np.can_cast(values.dtype, x.dtype, "same_kind"):
            text = f"{values.dtype} does not fit into {x.dtype}"
            raise TypeError(f"{name}: {text}: {instead}")
        if np.broadcast_shapes(values.shape, x.shape) != x.shape:
            text = f"shape {values.shape} does not fit into shape {x.shape}"
            raise ValueError(f"{name}: the result of {text}: {instead}")
        return x.copy_(values)

    return method


# book/14-from-pytorch.md#habits-in-place-table
_STEPS = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv"}
_IN_PLACE = {f"{name}_": _HABITS[name] for name in _STEPS} | {
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
_IN_PLACE = {name: _in_place(name, f) for name, f in _IN_PLACE.items()}
_IN_PLACE |= {
    f"__i{name}__": _in_place(f"{step}_", _HABITS[step], is_operator=True)
    for step, name in _STEPS.items()
}
_add_methods(_IN_PLACE)


# book/14-from-pytorch.md#habits-functions
_DTYPES = ("bool", "float32", "float64", "int32", "int64", "uint8")
_AT_THE_DOOR = {name: np.dtype(name) for name in _DTYPES} | {
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "int": np.dtype("int32"),
    "long": np.dtype("int64"),
    "inf": math.inf,
    "nan": math.nan,
    "pi": math.pi,
    "Size": tuple,
    "device": Device,
    "cuda": SimpleNamespace(is_available=lambda: False),
    "enable_grad": lambda: set_grad_enabled(True),
    "inference_mode": lambda mode=True: (
        no_grad()(mode) if callable(mode) else set_grad_enabled(not mode)
    ),
    "is_tensor": lambda x: isinstance(x, Tensor),
    "from_numpy": lambda array: Tensor(array),
    "as_tensor": lambda data, *args, **kw: _to(_tensor(data), *args, **kw),
    "empty": zeros,
    "empty_like": zeros_like,
    "rand_like": lambda x, **how: rand(x.shape, **{"dtype": x.dtype} | how),
    "randn_like": lambda x, **how: randn(x.shape, **{"dtype": x.dtype} | how),
    "bincount": _of_numpy(np.bincount),
    "allclose": lambda *args, **kw: bool(_of_numpy(np.allclose)(*args, **kw)),
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
def _multinomial(input, num_samples, replacement=False, generator=None):
    """Draw positions along the last axis; `input` holds their chances."""
    rows = np.atleast_2d(_values(input)).astype(np.float64)
    good = np.isfinite(rows).all() and (rows >= 0).all()
    least = 1 if replacement else max(1, num_samples)
    if not good or (rows > 0).sum(1).min() < least:
        raise ValueError(
            "multinomial: chances must be finite and not negative, and at "
            f"least {least} in each row above 0"
        )
    chances = rows / rows.sum(1, keepdims=True)
    choice = (generator or default_generator()).choice
    found = [choice(len(p), num_samples, replacement, p) for p in chances]
    return _wrap(np.reshape(found, (*input.shape[:-1], num_samples)))


# book/14-from-pytorch.md#habits-functions-more
def _normal(mean, std, size, generator=None, requires_grad=False):
    """Return normal random numbers."""
    values = randn(size, generator=generator) * std + mean
    return values.requires_grad_(requires_grad)


def _linspace(start, end, steps, dtype=np.float32, requires_grad=False):
    """Return `steps` numbers from start to end, both included."""
    return Tensor(np.linspace(start, end, steps, dtype=dtype), requires_grad)


def _randperm(n, generator=None):
    """Return the integers below n in a random order."""
    return _wrap((generator or default_generator()).permutation(n))


_AT_THE_DOOR |= {
    "linspace": _on_cpu(_linspace),
    "multinomial": _multinomial,
    "normal": _on_cpu(_normal),
    "randperm": _on_cpu(_randperm),
}


# book/14-from-pytorch.md#habits-door
_FOLDERS = ("data", "nn", "optim", "trainer")
_no_such_name = missing("dlfs")


@functools.cache
def _function(name):
    """Make a function of a method."""

    @functools.wraps(getattr(Tensor, name))
    def function(input, *args, **options):
        return getattr(_tensor(input), name)(*args, **options)

    function.__name__ = function.__qualname__ = name
    return function


def _find_at_the_door(name):
    """Find a name of PyTorch, or a folder that is not imported yet."""
    if name in _FOLDERS:
        return importlib.import_module(f"dlfs.{name}")
    if name in USUAL["dlfs"].split():
        for found in _AT_THE_DOOR, vars(sys.modules["dlfs.autograd"]):
            if name in found:
                return found[name]
        if hasattr(Tensor, name):
            return _function(name)
    return _no_such_name(name)


_AT_THE_DOOR |= {name: _function(name) for name in ("add", "sub")}  # alpha
_door = sys.modules["dlfs"]
_door.__getattr__ = _find_at_the_door
_door.__dir__ = lambda: sorted(
    {*vars(_door), *_FOLDERS}
    | {name for name in USUAL["dlfs"].split() if hasattr(_door, name)}
)
sys.modules["dlfs.autograd"].__getattr__ = missing("dlfs.autograd")


# book/14-from-pytorch.md#habits-missing
_tensor_lacks = missing("Tensor")


class _Missing:
    """What stands for a name that a tensor has not got: it advises."""

    def __init__(self, name):
        self.name = name

    def __get__(self, tensor, kind):
        return _tensor_lacks(tensor, self.name)


def _names_in(tensor):
    """Return the names that a tensor has."""
    own = vars(Tensor)
    names = object.__dir__(tensor)
    return [n for n in names if not isinstance(own.get(n), _Missing)]


_overwriting = [f"{name}_" for name in vars(Tensor) if name[0] != "_"]
_lacking = {*USUAL["Tensor"].split(), *ELSEWHERE["Tensor"], *_overwriting}
for _name in _lacking | ON_PURPOSE["Tensor"].keys():
    if not hasattr(Tensor, _name):
        setattr(Tensor, _name, _Missing(_name))
Tensor.__dir__ = _names_in
