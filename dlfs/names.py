# Made from book/ by scripts/tangle.py: edit the chapters.
"""Names that programs for PyTorch use, in tables."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dlfs.autograd import (
    Tensor,
    default_generator,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
    zeros,
)

__all__ = ["FUNCTIONS", "NOT_HERE", "Generator", "device", "load", "save"]


# book/14-from-pytorch.md#names-methods
def device(name: Any = "cpu") -> str:
    """Return "cpu", the only device there is.

    Raises:
        RuntimeError: another one was asked for.
    """
    if str(name) != "cpu":
        raise RuntimeError(f'device: there is only "cpu", not {name!r}')
    return "cpu"


def _to(x, target):
    """Return the tensor on a device, or converted to a dtype."""
    if isinstance(target, str):
        device(target)
        return x
    return x if x.dtype == target else x.astype(target)


def _test(holds):
    """Make a method of NumPy's `any` or `all`."""

    def method(x, dim=None, keepdim=False):
        return Tensor(np.asarray(holds(x.data, axis=dim, keepdims=keepdim)))

    return method


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


def _requires_grad_(x, requires_grad=True):
    """Set `requires_grad`; return the tensor."""
    x.requires_grad = requires_grad
    return x


_METHODS = {
    "dim": lambda x: x.ndim,
    "tolist": lambda x: x.data.tolist(),
    "element_size": lambda x: x.dtype.itemsize,
    "to": _to,
    "type": _to,
    "long": lambda x: _to(x, np.int64),
    "cpu": lambda x: x,
    "contiguous": lambda x: x,
    "any": _test(np.any),
    "all": _test(np.all),
    "eq": lambda x, other: x == other,
    "ne": lambda x, other: x != other,
    "gt": lambda x, other: x > other,
    "lt": lambda x, other: x < other,
    "ge": lambda x, other: x >= other,
    "le": lambda x, other: x <= other,
    "add": lambda x, other: x + other,
    "sub": lambda x, other: x - other,
    "mul": lambda x, other: x * other,
    "div": lambda x, other: x / other,
    "neg": lambda x: -x,
    "isnan": lambda x: Tensor(np.asarray(np.isnan(x.data))),
    "narrow": _narrow,
    "unbind": _unbind,
    "new_zeros": lambda x, *size: Tensor(
        np.zeros(np.ravel(size).astype(int), x.dtype)
    ),
    "requires_grad_": _requires_grad_,
    "__index__": _index,
}


# book/14-from-pytorch.md#names-in-place
def _write(compute):
    """Make a method that writes its result into the tensor."""
    return lambda x, *args: x.copy_(_unrecorded(compute, x, args))


def _unrecorded(compute, x, args):
    """Compute the new values; the rules are checked by `copy_`."""
    with no_grad():
        return compute(x, *args)


def _assign(compute):
    """Make an operator like `-=`: in place where nothing is recorded."""
    in_place = _write(compute)

    def method(x, other):
        with_graph = is_grad_enabled() or x._kind
        return compute(x, other) if with_graph else in_place(x, other)

    return method


_IN_PLACE = {
    "add": lambda x, other: x + other,
    "sub": lambda x, other: x - other,
    "mul": lambda x, other: x * other,
    "truediv": lambda x, other: x / other,
}
for _name, _compute in _IN_PLACE.items():
    _METHODS[f"__i{_name}__"] = _assign(_compute)
    _METHODS[_name.replace("true", "") + "_"] = _write(_compute)
_METHODS["zero_"] = _write(lambda x: 0)
_METHODS["fill_"] = _write(lambda x, value: value)
_METHODS["clamp_"] = _write(lambda x, min=None, max=None: x.clip(min, max))

for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)


# book/14-from-pytorch.md#names-files
def save(state: dict[str, Any], path: str | Path) -> None:
    """Write named arrays or tensors to an .npz file, under any ending.

    Raises:
        TypeError: a value is no array of numbers.
    """
    arrays = {}
    for name, value in state.items():
        array = value.data if isinstance(value, Tensor) else value
        if not (isinstance(array, np.ndarray) and array.dtype.kind in "fiub"):
            raise TypeError(
                f"save: {name} is a {type(value).__name__}; expected arrays, "
                "as in model.state_dict()"
            )
        arrays[name] = array
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def load(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `save` wrote.

    Raises:
        ValueError: the file is something else, as a .pth of PyTorch is.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if all(name.endswith(".npy") for name in names):
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
    elif not Path(path).exists():
        raise FileNotFoundError(f"load: {path} does not exist")
    raise ValueError(
        f"load: {path} is no .npz file. If PyTorch wrote it, convert it "
        "there: numpy.savez(new, **{k: v.numpy() for k, v in "
        "torch.load(path, weights_only=True).items()})"
    )


# book/14-from-pytorch.md#names-functions
class Generator(np.random.Generator):
    """A source of random numbers that can be seeded like PyTorch's."""

    def __init__(self, device: str = "cpu"):
        super().__init__(np.random.PCG64())

    def manual_seed(self, seed: int) -> "Generator":
        """Start afresh from `seed`; return the generator."""
        self.bit_generator.state = np.random.PCG64(seed).state
        return self


def _randperm(n, generator=None):
    """Return the integers below n in a random order."""
    return Tensor((generator or default_generator()).permutation(n))


def _one_hot(labels, num_classes=-1):
    """Return integers as rows with a single 1."""
    values = np.asarray(labels.data)
    count = int(values.max()) + 1 if num_classes < 0 else num_classes
    if values.size and not 0 <= values.min() <= values.max() < count:
        raise ValueError(f"one_hot: labels must lie in 0 to {count - 1}")
    return Tensor(np.eye(count, dtype=np.int64)[values])


def _equal(a, b):
    """Return whether two tensors have one shape and the same values."""
    return np.array_equal(a.data, b.data)


def _allclose(a, b, rtol=1e-5, atol=1e-8):
    """Return whether all values are nearly the same."""
    return bool(np.allclose(a.data, b.data, rtol, atol))


FUNCTIONS = {
    "float32": np.dtype("float32"),
    "float": np.dtype("float32"),
    "float64": np.dtype("float64"),
    "double": np.dtype("float64"),
    "int64": np.dtype("int64"),
    "long": np.dtype("int64"),
    "bool": np.dtype("bool"),
    "device": device,
    "Generator": Generator,
    "enable_grad": lambda: set_grad_enabled(True),
    "inference_mode": no_grad,
    "sum": lambda x, *args, **kw: x.sum(*args, **kw),
    "mean": lambda x, *args, **kw: x.mean(*args, **kw),
    "argmax": lambda x, *args, **kw: x.argmax(*args, **kw),
    "isnan": lambda x: x.isnan(),
    "from_numpy": Tensor,
    "empty": zeros,
    "linspace": lambda start, end, steps: Tensor(
        np.linspace(start, end, steps, dtype=np.float32)
    ),
    "bincount": lambda x: Tensor(np.bincount(x.data)),
    "randperm": _randperm,
    "one_hot": _one_hot,
    "equal": _equal,
    "allclose": _allclose,
    "save": save,
    "load": load,
}

NOT_HERE = {
    "cuda": 'there is only the CPU: device = "cpu"',
    "compile": "call the model as it is",
    "jit": "call the model as it is",
    "float16": "use float32",
    "bfloat16": "use float32",
    "concat": "write cat",
    "clamp": "write clip",
}
