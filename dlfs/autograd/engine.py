# Made from book/ by scripts/tangle.py: edit the chapters.
"""Tensors, the operations on them, and the walk back through the graph."""

import functools
import itertools
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from dlfs.autograd.axes import _Axes, _axes, _axis, _numpy_words
from dlfs.autograd.recording import (
    _check_usable,
    _last_write,
    _mark_written,
    _recording,
    _tick,
    is_grad_enabled,
    set_grad_enabled,
)
from dlfs.drawing import Drawing, draw_graph

__all__ = [
    "HookHandle",
    "MaxResult",
    "Operation",
    "Tensor",
    "absolute",
    "add",
    "clip",
    "cos",
    "div",
    "exp",
    "expm1",
    "grad",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "matmul",
    "maximum",
    "minimum",
    "mul",
    "neg",
    "operation",
    "pow",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "sub",
    "tanh",
    "where",
]


# book/03-tensors.md#as-array
def _as_array(data, dtype=None):
    """Return the numbers in `data` as an array, Python floats as float32."""
    if isinstance(data, Tensor):
        data = data.data
    array = np.asarray(data, dtype)
    nobody_chose = dtype is None and not hasattr(data, "dtype")
    if nobody_chose and array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"Tensor: expected numbers, got {type(data).__name__} "
            f"of dtype {array.dtype}"
        )
    return array


# book/03-tensors.md#tensor-class
class Tensor:
    """An n-dimensional array that can remember how it was computed.

    Args:
        data: a number, nested lists, or an array. Python floats become
            float32; an array keeps its dtype and is shared, not copied.
        requires_grad: whether `backward` shall leave the derivative with
            respect to this tensor in its `grad`.
        dtype: convert `data` to this NumPy dtype first.

    Raises:
        TypeError: `data` does not hold numbers.
        RuntimeError: integers cannot require gradients.
    """

    __slots__ = (
        "__weakref__",
        "_born",
        "_data",
        "_hooks",
        "_kind",
        "_record",
        "_requires_grad",
        "grad",
    )

    __hash__ = object.__hash__  # == will compare values; dicts need identity

    # book/03-tensors.md#tensor-init
    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: Any = None
    ) -> None:
        self._start(_as_array(data, dtype))
        self.requires_grad = requires_grad

    def _start(self, array):
        """Hold `array`, as a leaf with no history."""
        self._data = array
        self._kind = self._record = self._hooks = self.grad = None
        self._requires_grad = False
        self._born = 0

    # book/03-tensors.md#tensor-requires-grad
    @property
    def requires_grad(self) -> bool:
        """Whether the graph records what is computed from this tensor."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self._data.dtype.kind != "f":
            raise RuntimeError(
                "only floating-point tensors can require gradients, "
                f"this one is {self._data.dtype}"
            )
        if not wanted and self._kind is not None:
            raise RuntimeError(
                "only leaf tensors can stop requiring gradients: "
                "use detach() for the result of an operation"
            )
        self._requires_grad = bool(wanted)

    # book/03-tensors.md#tensor-views
    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes, a tuple."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the values."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    # book/03-tensors.md#tensor-sizes
    def size(self, dim: int | None = None) -> tuple[int, ...] | int:
        """Return the shape, or the length of axis `dim`."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """Return the number of values."""
        return self._data.size

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self._kind is None

    # book/03-tensors.md#tensor-repr
    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix="tensor(")
        notes = ""
        if self._data.dtype not in (np.float32, np.int64, np.bool_):
            notes += f", dtype={self._data.dtype}"
        if self._kind is not None:
            notes += f", operation={self._kind.name}"
        elif self._requires_grad:
            notes += ", requires_grad=True"
        return f"tensor({values}{notes})"

    # book/03-tensors.md#tensor-python
    def item(self) -> float | int | bool:
        """Return the only value as a Python number."""
        if self._data.size != 1:
            raise ValueError(
                f"item: a tensor of shape {self.shape} has {self._data.size} "
                "values, expected one"
            )
        return self._data.item()

    def detach(self) -> "Tensor":
        """Return a tensor with the same values and no history."""
        return _wrap(self._data)

    def numpy(self) -> np.ndarray:
        """Return the values as an array, unless a gradient would be lost."""
        if self._requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires gradients, which an array cannot "
                "carry: use t.detach().numpy()"
            )
        return self._data

    # book/03-tensors.md#tensor-inputs
    @property
    def _inputs(self):
        """The tensors that made it, as long as the graph holds them."""
        inputs = self._record[0] if self._record else ()
        return [x for x in inputs if isinstance(x, Tensor)]

    # book/03-tensors.md#add-mul
    def __add__(self, other: Any) -> "Tensor":
        return add(self, other)

    def __mul__(self, other: Any) -> "Tensor":
        return mul(self, other)

    # book/03-tensors.md#tensor-draw
    def draw(self) -> Drawing:
        """Return a drawing of the graph behind this tensor, for a notebook.

        Its `save(path)` writes an SVG file. Numbers and arrays that are no
        tensors are left out. Backward frees the graph: draw it before.
        """

        def label(tensor):
            constant = "leaf" if tensor._requires_grad else "constant"
            name = constant if tensor._kind is None else tensor._kind.name
            value = [f"{tensor.item():.4g}"] if tensor.numel() == 1 else []
            return [name, str(tensor.shape), *value]

        return draw_graph(self, lambda tensor: tensor._inputs, label)

    # book/04-elementwise.md#fit-broadcast
    def _fit(self, g):
        """Return gradient `g` in the shape and dtype of this tensor."""
        g = _unbroadcast(g, self.shape)
        return g if g.dtype == self.dtype else g.astype(self.dtype)

    # book/03-tensors.md#tensor-data
    @property
    def data(self) -> np.ndarray:
        """The values as a NumPy array, shared with the tensor.

        Assigning to it, `t.data -= step` included, counts as a change in place
        that `backward` knows of; writing into it, `t.data[0] = 1`, does not.
        """
        return self._data

    @data.setter
    def data(self, values: Any) -> None:
        self._data = np.asarray(_as_array(values), self._data.dtype)
        _mark_written(self._data)

    # book/03-tensors.md#seed
    def _seed(self, gradient):
        """Return the gradient with which backward starts at this tensor."""
        if not self._requires_grad:
            raise RuntimeError(
                "backward: nothing that this tensor was computed from needs "
                "gradients: set requires_grad=True on the inputs of interest"
            )
        if gradient is None:
            if self._data.size != 1:
                raise RuntimeError(
                    f"backward: a tensor of shape {self.shape} needs the "
                    "argument gradient: only a single value has the gradient 1"
                )
            return np.ones_like(self._data)
        gradient = np.array(_as_array(gradient), self.dtype)  # a copy
        if gradient.shape != self.shape:
            raise RuntimeError(
                f"backward: gradient of shape {gradient.shape} for a tensor "
                f"of shape {self.shape}"
            )
        return gradient

    # book/06-gradient-checking.md#backward-twice
    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this tensor to the `grad` of every leaf.

        Args:
            gradient: the gradient with respect to this tensor, of its shape;
                may be left out when it holds a single value.
            retain_graph: keep the graph, so that backward can run again;
                by default as `create_graph`.
            create_graph: make the gradients tensors with a graph of their own,
                which can be differentiated again. The graph holds the leaf and
                the leaf's `grad` the graph, a circle that Python's garbage
                collector has to find: prefer `grad`, which has none.

        Raises:
            RuntimeError: nothing requires gradients; the graph was freed by an
                earlier backward; a value it needs was changed in place; or,
                with create_graph, an operation has no second derivative.
        """
        if retain_graph is None:
            retain_graph = create_graph
        with set_grad_enabled(create_graph or is_grad_enabled()):
            pending = {self: self._start_with(gradient, create_graph)}
            _accumulate(_backpropagate(pending, retain_graph, create_graph))

    # book/03-tensors.md#hooks
    def register_hook(self, hook: Callable[["Tensor"], Any]) -> "HookHandle":
        """Call `hook(grad)` whenever this tensor's gradient is complete.

        Args:
            hook: gets the gradient, a tensor; what it returns, unless None,
                takes the gradient's place.

        Returns:
            a handle whose `remove()` takes the hook out again.

        Raises:
            RuntimeError: the tensor does not require gradients.
        """
        if not self._requires_grad:
            raise RuntimeError("register_hook: this tensor needs no gradient")
        if self._hooks is None:
            self._hooks = {}
        return HookHandle(self._hooks, hook)

    # book/03-tensors.md#run-hooks
    def _run_hooks(self, g):
        """Return gradient `g` after all hooks of this tensor have seen it."""
        for hook in tuple((self._hooks or {}).values()):
            has_graph = isinstance(g, Tensor)  # from chapter 6 on
            changed = hook(g if has_graph else _wrap(np.array(g)))
            if changed is None:
                continue
            g = changed
            if not (has_graph and isinstance(g, Tensor)):
                g = np.array(_as_array(changed), self.dtype)
            if g.shape != self.shape:
                raise RuntimeError(
                    f"hook: returned a gradient of shape {g.shape} for a "
                    f"tensor of shape {self.shape}"
                )
        return g

    # book/03-tensors.md#retain-grad
    def retain_grad(self) -> None:
        """Let backward leave gradients in `grad` of this result, too.

        Raises:
            RuntimeError: the tensor does not require gradients.
        """
        if self.is_leaf and self._requires_grad:
            return  # they do it anyway
        hooks = (self._hooks or {}).values()
        if not any(isinstance(hook, _GradKeeper) for hook in hooks):
            self.register_hook(_GradKeeper(self))

    # book/04-elementwise.md#tensor-arithmetic
    def __radd__(self, other: Any) -> "Tensor":
        return add(other, self)

    def __rmul__(self, other: Any) -> "Tensor":
        return mul(other, self)

    def __neg__(self) -> "Tensor":
        return neg(self)

    def __sub__(self, other: Any) -> "Tensor":
        return sub(self, other)

    def __rsub__(self, other: Any) -> "Tensor":
        return sub(other, self)

    def __truediv__(self, other: Any) -> "Tensor":
        return div(self, other)

    def __rtruediv__(self, other: Any) -> "Tensor":
        return div(other, self)

    def __pow__(self, other: Any) -> "Tensor":
        return pow(self, other)

    def __rpow__(self, other: Any) -> "Tensor":
        return pow(other, self)

    # book/04-elementwise.md#compare
    def __eq__(self, other: Any) -> "Tensor":
        return _compare(np.equal, self, other)

    def __ne__(self, other: Any) -> "Tensor":
        return _compare(np.not_equal, self, other)

    def __lt__(self, other: Any) -> "Tensor":
        return _compare(np.less, self, other)

    def __le__(self, other: Any) -> "Tensor":
        return _compare(np.less_equal, self, other)

    def __gt__(self, other: Any) -> "Tensor":
        return _compare(np.greater, self, other)

    def __ge__(self, other: Any) -> "Tensor":
        return _compare(np.greater_equal, self, other)

    # book/04-elementwise.md#tensor-bool
    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(
                f"a tensor of shape {self.shape} is neither true nor false: "
                "use (t != 0).data.any() or .all()"
            )
        return bool(self._data)

    def __float__(self):
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    # book/04-elementwise.md#astype
    def astype(self, dtype: Any) -> "Tensor":
        """Return the values converted to a NumPy dtype."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":  # no gradient passes
            return Tensor(self._data.astype(dtype))  # which takes numbers only
        return _astype(self, dtype=dtype)

    def float(self) -> "Tensor":
        """Return the values as float32."""
        return self.astype(np.float32)

    def double(self) -> "Tensor":
        """Return the values as float64."""
        return self.astype(np.float64)

    # book/04-elementwise.md#tensor-exponentials
    def exp(self) -> "Tensor":
        """Return e to the power of each value, elementwise."""
        return exp(self)

    def expm1(self) -> "Tensor":
        """Return e**x - 1, exact near 0, elementwise."""
        return expm1(self)

    def log(self) -> "Tensor":
        """Return the natural logarithm, elementwise."""
        return log(self)

    def log1p(self) -> "Tensor":
        """Return log(1 + x), exact near 0, elementwise."""
        return log1p(self)

    def sqrt(self) -> "Tensor":
        """Return the square root, elementwise."""
        return sqrt(self)

    def sin(self) -> "Tensor":
        """Return the sine, elementwise."""
        return sin(self)

    def cos(self) -> "Tensor":
        """Return the cosine, elementwise."""
        return cos(self)

    # book/04-elementwise.md#tensor-bends
    def tanh(self) -> "Tensor":
        """Return the hyperbolic tangent, elementwise."""
        return tanh(self)

    def sigmoid(self) -> "Tensor":
        """Return 1 / (1 + e**-x), elementwise."""
        return sigmoid(self)

    def relu(self) -> "Tensor":
        """Return max(x, 0), elementwise."""
        return relu(self)

    def abs(self) -> "Tensor":
        """Return |x|, elementwise."""
        return absolute(self)

    def __abs__(self) -> "Tensor":
        return absolute(self)

    def clip(self, min: Any = None, max: Any = None) -> "Tensor":
        """Return the values limited to [min, max]."""
        return clip(self, min, max)

    # book/14-from-pytorch.md#array-ufunc-out
    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **options: Any
    ) -> Any:
        """Let NumPy's elementwise functions work on tensors."""
        if [*options] == ["out"] and options["out"][0] is inputs[0]:
            return self._step(ufunc, *inputs)  # array += tensor
        if method != "__call__" or options:
            return NotImplemented
        return self.__array_function__(ufunc, (), inputs, options)

    def _step(self, ufunc, array, step):
        """Change an array in place, as `w.data -= step` does."""
        if isinstance(array, Tensor):
            return NotImplemented
        if _minds(step):
            raise RuntimeError(
                f"{ufunc.__name__}: an array cannot carry the gradient of a "
                "tensor: use t.detach()"
            )
        _mark_written(array)
        return ufunc(array, step._data, out=array)

    # book/04-elementwise.md#array-function
    def __array_function__(
        self, function: Any, types: Any, args: tuple, kwargs: dict
    ) -> Any:
        """Let NumPy's other functions work on tensors."""
        if function in _NUMPY:
            return _NUMPY[function](*args, **kwargs)
        if function in _WITHOUT_GRADIENT:
            arrays = [_values(x) for x in args]
            return _wrap(function(*arrays, **kwargs))
        raise TypeError(
            f"np.{function.__name__} has no rule for tensors: use a method of "
            "the tensor, or pass t.detach().numpy() to go on without gradients"
        )

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> np.ndarray:
        """Return the values for np.asarray; see `numpy`."""
        return np.array(self.numpy(), dtype, copy=copy)

    # book/05-shapes.md#sum
    @_numpy_words
    def sum(self, dim: _Axes = None, keepdim: bool = False) -> "Tensor":
        """Return the sum over axis (or axes) `dim`, or of everything.

        Args:
            dim: an int, a tuple of ints, or None for all axes.
            keepdim: leave the axes in place, with length 1.

        NumPy's words for the two, axis and keepdims, are taken as well.
        """
        return _sum(self, dim=_axes(dim, self.ndim, "sum"), keepdim=keepdim)

    # book/05-shapes.md#mean
    @_numpy_words
    def mean(self, dim: _Axes = None, keepdim: bool = False) -> "Tensor":
        """Return the mean over axis (or axes) `dim`; see `sum`."""
        dim = _axes(dim, self.ndim, "mean")
        return _sum(self, dim=dim, keepdim=keepdim) / _count(self, dim)

    # book/05-shapes.md#var
    @_numpy_words
    def var(
        self, dim: _Axes = None, correction: int = 1, keepdim: bool = False
    ) -> "Tensor":
        """Return the variance over axis (or axes) `dim`.

        Args:
            dim, keepdim: as for `sum`.
            correction: divide by n - correction: 1 (as in PyTorch) estimates
                the variance of a population from a sample, 0 (as in NumPy) is
                the mean squared deviation.

        Raises:
            ValueError: there are not more than `correction` values.
        """
        dim = _axes(dim, self.ndim, "var")
        n = _count(self, dim)
        if n <= correction:
            raise ValueError(
                f"var: needs more than {correction:g} values along dim {dim}, "
                f"the tensor of shape {self.shape} has {n}"
            )
        deviation = self - self.mean(dim, keepdim=True)
        squares = deviation * deviation
        return squares.sum(dim, keepdim) / (n - correction)

    # book/05-shapes.md#std
    @_numpy_words
    def std(
        self, dim: _Axes = None, correction: int = 1, keepdim: bool = False
    ) -> "Tensor":
        """Return the standard deviation, the root of `var`; takes the same.

        Where all values are equal, the gradient is 0.
        """
        return _root(self.var(dim, correction, keepdim))

    # book/05-shapes.md#amax-methods
    @_numpy_words
    def amax(self, dim: _Axes = None, keepdim: bool = False) -> "Tensor":
        """Return the largest value over `dim`; ties share the gradient."""
        dim = _filled_axes(dim, self, "amax")
        return _amax(self, dim=dim, keepdim=keepdim)

    @_numpy_words
    def amin(self, dim: _Axes = None, keepdim: bool = False) -> "Tensor":
        """Return the smallest value over `dim`; ties share the gradient."""
        dim = _filled_axes(dim, self, "amin")
        return _amin(self, dim=dim, keepdim=keepdim)

    # book/05-shapes.md#argmax
    @_numpy_words
    def argmax(
        self, dim: int | None = None, keepdim: bool = False
    ) -> "Tensor":
        """Return where the largest value along `dim` first stands: integers.

        Without `dim`, the position is that in the flattened tensor.
        """
        return _wrap(_position(self, np.argmax, "argmax", dim, keepdim))

    @_numpy_words
    def argmin(
        self, dim: int | None = None, keepdim: bool = False
    ) -> "Tensor":
        """Return where the smallest value along `dim` first stands."""
        return _wrap(_position(self, np.argmin, "argmin", dim, keepdim))

    # book/05-shapes.md#reshape
    def reshape(self, *shape: int | Sequence[int]) -> "Tensor":
        """Return the same values in `shape`; one length may be -1."""
        return _reshape(self, shape=_sizes(shape))

    # book/05-shapes.md#flatten
    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor":
        """Return the axes from `start_dim` to `end_dim` laid out as one."""
        if self.ndim == 0:
            return self.reshape(1)
        start = _axis(start_dim, self.ndim, "flatten")
        end = _axis(end_dim, self.ndim, "flatten") + 1
        if start >= end:
            raise ValueError(
                f"flatten: start_dim {start_dim} stands after end_dim "
                f"{end_dim} in shape {self.shape}"
            )
        middle = math.prod(self.shape[start:end])
        return self.reshape(*self.shape[:start], middle, *self.shape[end:])

    def unsqueeze(self, dim: int) -> "Tensor":
        """Return the tensor with a new axis of length 1 at `dim`."""
        dim = _axis(dim, self.ndim + 1, "unsqueeze")
        return self.reshape(*self.shape[:dim], 1, *self.shape[dim:])

    def squeeze(self, dim: _Axes = None) -> "Tensor":
        """Return the tensor without its axes (or axis `dim`) of length 1."""
        dims = _axes(dim, self.ndim, "squeeze")
        kept = [n for i, n in enumerate(self.shape) if n != 1 or i not in dims]
        return self.reshape(kept)

    # book/05-shapes.md#permute
    def permute(self, *dims: int | Sequence[int]) -> "Tensor":
        """Return the axes in the order `dims`."""
        order = tuple(_axis(d, self.ndim, "permute") for d in _sizes(dims))
        return _permute(self, dims=order)

    def transpose(self, dim0: int, dim1: int) -> "Tensor":
        """Return the tensor with axes `dim0` and `dim1` exchanged."""
        dim0 = _axis(dim0, self.ndim, "transpose")
        dim1 = _axis(dim1, self.ndim, "transpose")
        order = list(range(self.ndim))
        order[dim0], order[dim1] = dim1, dim0
        return _permute(self, dims=tuple(order))

    # book/05-shapes.md#transposes
    @property
    def T(self) -> "Tensor":
        """The tensor with its axes in reverse order."""
        return _permute(self, dims=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> "Tensor":
        """The tensor with its last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"mT: shape {self.shape} has no two axes")
        return self.transpose(-2, -1)

    # book/05-shapes.md#expand
    def expand(self, *sizes: int | Sequence[int]) -> "Tensor":
        """Return the tensor repeated along axes of length 1, without copying.

        Args:
            sizes: the new shape; -1 keeps an axis as it is.

        Raises:
            ValueError: an axis of another length than 1 would change.
        """
        sizes = _sizes(sizes)
        new = len(sizes) - self.ndim  # how many axes come in front
        old = sizes[:new] + self.shape if new > 0 else self.shape
        shape = tuple(b if a == -1 else a for a, b in zip(sizes, old))
        fits = all(n >= 0 and m in (1, n) for m, n in zip(old, shape))
        if not fits or new < 0:
            raise ValueError(
                f"expand: shape {self.shape} does not expand to {sizes}"
            )
        return _expand(self, shape=shape)

    # book/05-shapes.md#matmul-operator
    def __matmul__(self, other: Any) -> "Tensor":
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> "Tensor":
        return matmul(other, self)

    # book/05-shapes.md#getitem
    def __getitem__(self, index: Any) -> "Tensor":
        return _getitem(self, index=_plain_index(index))

    # book/05-shapes.md#length
    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len: a tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    # book/05-shapes.md#gather
    def gather(self, dim: int, index: Any) -> "Tensor":
        """Pick one value along `dim` for every entry of `index`.

        Args:
            dim: the axis to pick along.
            index: integers, with as many axes as the tensor.

        Returns:
            y of index's shape: y[i, j] = x[i, index[i, j]] for dim=1.

        Raises:
            ValueError: the index is not made of integers, or its shape does
                not fit.
            IndexError: it points outside the tensor.
        """
        dim, index = _axis(dim, self.ndim, "gather"), _as_array(index)
        _check_gather(self.shape, dim, index)
        mesh = list(np.ogrid[tuple(slice(n) for n in index.shape)])
        mesh[dim] = index
        return self[tuple(mesh)]

    # book/05-shapes.md#max
    def _pick(self, find, name, dim, keepdim):
        """Return the values that `find` finds along `dim`, and where."""
        indices = _position(self, find, name, dim, keepdim=True)
        values = self.gather(dim, indices)
        if not keepdim:
            values, indices = values.squeeze(dim), indices.squeeze(dim)
        return MaxResult(values, _wrap(indices))

    # book/05-shapes.md#max-methods
    @_numpy_words
    def max(
        self, dim: int | None = None, keepdim: bool = False
    ) -> "Tensor | MaxResult":
        """Return the largest value, or (values, indices) along axis `dim`.

        Along an axis the gradient goes to the value picked, the first of equal
        ones; without one, equal ones share it.
        """
        if dim is None:
            return self.amax(None, keepdim)
        return self._pick(np.argmax, "max", dim, keepdim)

    @_numpy_words
    def min(
        self, dim: int | None = None, keepdim: bool = False
    ) -> "Tensor | MaxResult":
        """Return the smallest value, or (values, indices) along axis `dim`."""
        if dim is None:
            return self.amin(None, keepdim)
        return self._pick(np.argmin, "min", dim, keepdim)

    # book/05-shapes.md#check-write
    def _check_write(self, name, instead, *values):
        """Raise if a graph minds that `values` take the place of ours."""
        if self._kind or _minds(self):
            way = "" if self._kind else ", or write inside no_grad()"
            raise RuntimeError(
                f"{name}: this tensor of shape {self.shape} is part of a "
                f"graph: {instead}{way}"
            )
        if _minds(*values):
            raise RuntimeError(f"{name}: a gradient would be lost: {instead}")

    # book/05-shapes.md#setitem
    def __setitem__(self, index: Any, value: Any) -> None:
        """Change values in place; the graph must not have a use for them."""
        instead = "make a new tensor with where() or cat()"
        self._check_write("setitem", instead, value)
        try:
            self._data[_plain_index(index)] = _values(value)
        except (ValueError, IndexError) as error:
            text = f"setitem: in a tensor of shape {self.shape}: {error}"
            raise type(error)(text) from None
        _mark_written(self._data)

    def copy_(self, source: Any) -> "Tensor":
        """Overwrite the values with those of `source`; return the tensor."""
        self[...] = source
        return self

    # book/05-shapes.md#split
    def split(
        self, split_size: int | Sequence[int], dim: int = 0
    ) -> "tuple[Tensor, ...]":
        """Return slabs of length `split_size` (or of several) along `dim`.

        Args:
            split_size: an int (the last slab may be shorter) or a list of
                lengths that add up to the length of the axis.

        Raises:
            ValueError: the lengths do not add up, or are negative.
        """
        dim = _axis(dim, self.ndim, "split")
        n, cuts = self.shape[dim], []
        if isinstance(split_size, (list, tuple)):
            cuts = [0, *itertools.accumulate(split_size)]
        elif split_size > 0:
            cuts = [0, *range(split_size, n, split_size), n]
        if cuts != sorted(cuts) or cuts[-1:] != [n]:
            raise ValueError(
                f"split: {split_size} for axis {dim} of shape {self.shape}: "
                f"expected a positive length, or lengths that add up to {n}"
            )
        return tuple(
            _slab(self, dim, start, stop)
            for start, stop in itertools.pairwise(cuts)
        )

    # book/05-shapes.md#clone
    def clone(self) -> "Tensor":
        """Return a copy through which gradients flow."""
        return _clone(self)

    # book/06-gradient-checking.md#inputs-for-graph
    def _inputs_for_graph(self):
        """Return the inputs of the operation as tensors, for its rules."""
        if not self._kind.twice:
            raise RuntimeError(
                f"{self._kind.name}: this fused operation has no second "
                "derivative: write it with simpler operations, or leave out "
                "create_graph"
            )
        inputs, _, arrays, _ = self._record
        pairs = list(zip(inputs, arrays))
        for x, array in pairs:
            if isinstance(x, Tensor) and x._data is not array:
                raise RuntimeError(
                    f"{self._kind.name}: an input got a new array after its "
                    "use: leave out create_graph"
                )
        return [x if isinstance(x, Tensor) else a for x, a in pairs]

    # book/06-gradient-checking.md#start-with
    def _start_with(self, gradient, create_graph):
        """Return the checked gradient to start from: an array, or a tensor."""
        seed = self._seed(gradient)
        if not create_graph:
            return seed
        if isinstance(gradient, Tensor):
            return gradient.astype(self.dtype)  # a copy with a graph
        return _wrap(seed)

    # book/07-modules.md#tensor-copy
    def __reduce__(self):
        """Say what a copy is made of: values and gradient, but no graph."""
        if self._kind is not None:
            raise RuntimeError(
                f"copy: this tensor is the result of {self._kind.name}, and "
                "only leaves can be copied or pickled: use detach() first"
            )
        arguments = type(self), self._data, self._requires_grad, self.grad
        return _rebuild, arguments

    # book/08-losses.md#tensor-softmax
    def logsumexp(self, dim: _Axes = None, keepdim: bool = False) -> "Tensor":
        """Return log(sum(e**x)) over `dim`."""
        return logsumexp(self, dim, keepdim)

    def softmax(self, dim: int) -> "Tensor":
        """Return e**x / sum(e**x) along `dim`."""
        return softmax(self, dim)

    def log_softmax(self, dim: int) -> "Tensor":
        """Return log(softmax(x)) along `dim`."""
        return log_softmax(self, dim)


# book/03-tensors.md#tensor-init
_new, _array = Tensor.__new__, np.ndarray  # found faster than with a dot


def _wrap(array):
    """Return a leaf around an array that an operation has made."""
    tensor = _new(Tensor)  # NumPy makes 0-d results scalars
    tensor._start(array if type(array) is _array else np.asarray(array))
    return tensor


# book/03-tensors.md#operation-kind
class Operation(NamedTuple):
    """What the graph remembers about an operation.

    `rules[i](g, y, *inputs, **options)` turns the gradient `g` with respect
    to the output `y` into the gradient with respect to input `i`.
    """

    name: str
    rules: tuple[Callable, ...]
    twice: bool  # whether the rules can be differentiated again


# book/03-tensors.md#operation
def operation(*rules: Callable, twice: bool = True) -> Callable:
    """Turn a function of arrays into a differentiable one of tensors.

    Positional arguments are its inputs (tensors, arrays, numbers), each with
    a rule; keyword arguments are options, which the rules get too. Of arrays
    alone it makes an array. This is the only place where the graph grows.
    """

    def decorate(forward):
        kind = Operation(forward.__name__.strip("_"), rules, twice)

        @functools.wraps(forward)
        def apply(*inputs, **options):
            arrays, needed = [], []  # values; who needs a gradient
            for x in inputs:
                if isinstance(x, Tensor):
                    if x._requires_grad:
                        needed.append(len(arrays))
                    arrays.append(x._data)
                else:
                    arrays.append(_constant(x, inputs, kind.name))
            try:
                if options:
                    y = forward(*arrays, **options)
                else:
                    y = forward(*arrays)  # no dictionary for nothing
            except (ValueError, IndexError) as error:
                raise _explain(error, kind.name, arrays) from None
            if not (needed and _recording.get()):
                tensors = any(isinstance(x, Tensor) for x in inputs)
                return _wrap(y) if tensors else y
            tensor = _new(Tensor)  # as _wrap does, without its two calls
            tensor._data = y if type(y) is _array else np.asarray(y)
            tensor._hooks = tensor.grad = None
            tensor._requires_grad = True
            tensor._born, tensor._kind = _tick(), kind
            tensor._record = inputs, needed, arrays, options
            return tensor

        return apply

    return decorate


# book/03-tensors.md#constant
def _constant(value, inputs, name):
    """Return `value`, an input that is no tensor, as an array.

    A single number takes the dtype of the tensor (or array) beside it, so
    that `x * 2.0` stays float32 where x is.
    """
    number = value
    if not isinstance(value, (float, int)):  # which np.float64 is
        of_numpy = isinstance(value, (np.ndarray, np.generic))
        if of_numpy and value.ndim:
            return _as_array(value)
        number = value.item() if of_numpy else None
        if not isinstance(number, (float, int)):
            raise TypeError(
                f"{name}: expected a tensor, an array or a number, "
                f"got {type(value).__name__}"
            )
    for x in inputs:
        if isinstance(x, Tensor):
            x = x._data
        elif not isinstance(x, np.ndarray) or not x.ndim:
            continue
        if x.dtype.kind == "f":
            return np.array(number, x.dtype)
    return _as_array(value)


# book/03-tensors.md#explain
def _explain(error, name, arrays):
    """Return `error` with the operation and all shapes named."""
    text = str(error).replace("\n", " ")
    if text.startswith(f"{name}: "):  # it says so already
        return error
    shapes = " and ".join(str(array.shape) for array in arrays)
    if "broadcast" in text:
        return ValueError(f"{name}: shapes {shapes} do not broadcast")
    return type(error)(f"{name}: input of shape {shapes}: {text}")


# book/03-tensors.md#add-mul
@operation(
    lambda g, y, a, b: g,
    lambda g, y, a, b: g,
)
def add(a: Any, b: Any) -> Any:
    """Return a + b."""
    return a + b


@operation(
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a,
)
def mul(a: Any, b: Any) -> Any:
    """Return a * b."""
    return a * b


# book/06-gradient-checking.md#backpropagate-twice
def _backpropagate(pending, retain_graph, create_graph=False, wanted=()):
    """Return {tensor: gradient} for every leaf, or at least the wanted ones.

    Args:
        pending: {output: gradient}; with create_graph the gradients are
            tensors, and the rules build a graph of their own.
        retain_graph: keep the graph for another pass.
        create_graph: make the gradients differentiable.
        wanted: go only where these tensors are; none means to all leaves.
    """
    leading = through = None
    if wanted:
        leading, through = _route(pending, wanted)
    ready = [
        (-y._born, y)
        for y in pending
        if y._kind and (through is None or y in through)
    ]
    heapify(ready)
    found = {}
    while ready:
        y = heappop(ready)[1]
        if y._record is None or _last_write[0] > y._born:
            _check_usable(y)
        inputs, needed, arguments, options = y._record
        g = pending.pop(y)
        if y._hooks:
            g = y._run_hooks(g)
        if wanted and y in wanted:
            found[y] = g
        out, rules = y._data, y._kind.rules
        if create_graph:
            out, arguments = y, y._inputs_for_graph()
        for i in needed:
            x, rule = inputs[i], rules[i]
            if leading is not None and x not in leading:
                continue
            if len(arguments) == 2 and not options:
                gx = rule(g, out, arguments[0], arguments[1])
            else:
                gx = rule(g, out, *arguments, **options)
            data = x._data
            if gx.shape != data.shape or gx.dtype is not data.dtype:
                gx = x._fit(gx)
            if x in pending:
                pending[x] = pending[x] + gx
            else:
                pending[x] = gx
                if x._kind and (through is None or x in through):
                    heappush(ready, (-x._born, x))
        if not retain_graph:
            y._record = None
    for x in wanted:
        if x in pending:
            found[x] = x._run_hooks(pending[x])
    return found if wanted else pending


# book/06-gradient-checking.md#accumulate-twice
def _accumulate(gradients):
    """Add each leaf's gradient to its `grad`, which it alone owns."""
    given = set()
    for leaf, g in gradients.items():
        if leaf._hooks:
            g = leaf._run_hooks(g)
        if leaf.grad is None:
            leaf.grad = _own(g, given)
        elif isinstance(g, Tensor) or leaf.grad._requires_grad:
            leaf.grad = leaf.grad + g  # one of them has a graph: keep it
        else:
            leaf.grad.data += g


# book/03-tensors.md#hooks
class HookHandle:
    """What `register_hook` returns: `remove()` takes the hook out."""

    def __init__(self, hooks, hook):
        self._hooks, self._key = hooks, _tick()
        hooks[self._key] = hook

    def remove(self) -> None:
        """Stop calling the hook. A second call does nothing."""
        self._hooks.pop(self._key, None)


# book/03-tensors.md#retain-grad
class _GradKeeper:
    """A hook that adds the gradients of a tensor up in its `grad`."""

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)  # which holds its hooks

    def __call__(self, g):
        tensor = self.tensor()
        before = 0 if tensor.grad is None else tensor.grad.data
        tensor.grad = _wrap(before + g.data)


# book/04-elementwise.md#unbroadcast
def _unbroadcast(g, shape):
    """Sum `g` down to `shape`, undoing what broadcasting copied."""
    aligned = (1,) * (g.ndim - len(shape)) + shape
    axes = tuple(i for i, n in enumerate(g.shape) if n != aligned[i])
    if g.ndim < len(shape) or any(aligned[i] != 1 for i in axes):
        raise RuntimeError(
            f"a rule gave a gradient of shape {g.shape} for a tensor of "
            f"shape {shape}"
        )
    return g if g.shape == shape else g.sum(axis=axes).reshape(shape)


# book/04-elementwise.md#arithmetic
@operation(lambda g, y, x: -g)
def neg(x: Any) -> Any:
    """Return -x."""
    return -x


@operation(
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g,
)
def sub(a: Any, b: Any) -> Any:
    """Return a - b."""
    return a - b


@operation(
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * y / b,
)
def div(a: Any, b: Any) -> Any:
    """Return a / b."""
    return a / b


# book/04-elementwise.md#power
_AS_PRODUCT = {1: lambda a: +a, 2: lambda a: a * a, 3: lambda a: a * a * a}


def _pow_rule_b(g, y, a, b):
    limit = np.logical_and(a == 0, b >= 0)
    return g * y * np.log(np.where(limit, 1, a))


@operation(
    lambda g, y, a, b: g * b * pow(a, np.where(b == 0, 0, b - 1)),
    _pow_rule_b,
)
def pow(a: Any, b: Any) -> Any:
    """Return a ** b. Where a is 0, the gradients are their limits."""
    if b.ndim == 0 and a.dtype.kind == "f" and b.item() in _AS_PRODUCT:
        return _AS_PRODUCT[b.item()](a)
    return a**b


# book/04-elementwise.md#over
def _over(g, x):
    """Return g / x, but 0 where both are 0: where nothing arrives."""
    nothing = np.logical_and(g == 0, x == 0)
    return g / np.where(nothing, 1, x)


# book/04-elementwise.md#exponentials
@operation(lambda g, y, x: g * y)
def exp(x: Any) -> Any:
    """Return e to the power x."""
    return np.exp(x)


@operation(lambda g, y, x: _over(g, x))
def log(x: Any) -> Any:
    """Return the natural logarithm of x."""
    return np.log(x)


@operation(lambda g, y, x: _over(g, 2 * y))
def sqrt(x: Any) -> Any:
    """Return the square root of x."""
    return np.sqrt(x)


# book/04-elementwise.md#near-one
@operation(lambda g, y, x: g * (y + 1))
def expm1(x: Any) -> Any:
    """Return e**x - 1, exact for x near 0."""
    return np.expm1(x)


@operation(lambda g, y, x: _over(g, 1 + x))
def log1p(x: Any) -> Any:
    """Return log(1 + x), exact for x near 0."""
    return np.log1p(x)


# book/04-elementwise.md#waves
@operation(lambda g, y, x: g * np.cos(x))
def sin(x: Any) -> Any:
    """Return the sine of x, in radians."""
    return np.sin(x)


@operation(lambda g, y, x: -g * np.sin(x))
def cos(x: Any) -> Any:
    """Return the cosine of x, in radians."""
    return np.cos(x)


# book/04-elementwise.md#squashing
@operation(lambda g, y, x: g * (1 - y * y))
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of x, between -1 and 1."""
    return np.tanh(x)


@operation(lambda g, y, x: g * y * (1 - y))
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e**-x), between 0 and 1; no x overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


# book/04-elementwise.md#corners
@operation(lambda g, y, x: g * (y > 0))
def relu(x: Any) -> Any:
    """Return max(x, 0); the gradient at 0 is 0."""
    return np.maximum(x, 0)


@operation(lambda g, y, x: g * np.sign(x))
def absolute(x: Any) -> Any:
    """Return |x|; the gradient at 0 is 0."""
    return np.abs(x)


@operation(
    lambda g, y, x, low, high: g * (x >= low) * (x <= high),
    lambda g, y, x, low, high: g * (x < low) * (low <= high),
    lambda g, y, x, low, high: g * np.logical_or(x > high, low > high),
)
def _clip(x, low, high):
    return np.clip(x, low, high)


def _extremes(x):
    """Return the lowest and the highest number of the dtype of `x`."""
    dtype = _as_array(x).dtype
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return -np.inf, np.inf


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Return x limited to [min, max]; outside, its gradient is 0.

    Where min is greater than max, the result is max.
    """
    low, high = _extremes(x) if min is None or max is None else (min, max)
    low = low if min is None else min
    high = high if max is None else max
    return _clip(x, low, high)


# book/04-elementwise.md#choices
@operation(
    lambda g, y, a, b: np.where(a == b, g / 2, g * (a > b)),
    lambda g, y, a, b: np.where(a == b, g / 2, g * (a < b)),
)
def maximum(a: Any, b: Any) -> Any:
    """Return the larger of a and b; equal ones share the gradient."""
    return np.maximum(a, b)


@operation(
    lambda g, y, a, b: np.where(a == b, g / 2, g * (a < b)),
    lambda g, y, a, b: np.where(a == b, g / 2, g * (a > b)),
)
def minimum(a: Any, b: Any) -> Any:
    """Return the smaller of a and b; equal ones share the gradient."""
    return np.minimum(a, b)


# book/04-elementwise.md#where
def _values(x):
    """Return the array inside a tensor; anything else as it is."""
    return x._data if isinstance(x, Tensor) else x


@operation(
    lambda g, y, a, b, condition: np.where(condition, g, 0),
    lambda g, y, a, b, condition: np.where(condition, 0, g),
)
def _where(a, b, condition):
    return np.where(condition, a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return a where `condition` holds and b elsewhere."""
    # A copy, as the rules need it as it is now, whatever is written later.
    y = _where(a, b, condition=np.array(_values(condition), bool))
    if isinstance(condition, Tensor) and not isinstance(y, Tensor):
        return _wrap(y)
    return y


# book/04-elementwise.md#compare
def _compare(holds, a, b):
    """Return where `holds(a, b)`, as a tensor of booleans."""
    if not isinstance(b, (Tensor, np.ndarray, np.generic, int, float)):
        return NotImplemented
    name = holds.__name__
    b = b._data if isinstance(b, Tensor) else _constant(b, (a,), name)
    try:
        return _wrap(holds(a._data, b))
    except ValueError as error:
        raise _explain(error, name, [a._data, b]) from None


# book/04-elementwise.md#astype
@operation(lambda g, y, x, dtype: g)
def _astype(x, dtype):
    return x.astype(dtype)


# book/04-elementwise.md#numpy-functions
_NUMPY = {
    np.add: add,
    np.subtract: sub,
    np.multiply: mul,
    np.divide: div,
    np.negative: neg,
    np.power: pow,
    np.square: lambda x: mul(x, x),
    np.exp: exp,
    np.expm1: expm1,
    np.log: log,
    np.log1p: log1p,
    np.sqrt: sqrt,
    np.sin: sin,
    np.cos: cos,
    np.tanh: tanh,
    np.abs: absolute,
    np.maximum: maximum,
    np.minimum: minimum,
    np.where: where,
    np.clip: clip,
}
_WITHOUT_GRADIENT = {
    *(np.equal, np.not_equal, np.less, np.less_equal),
    *(np.greater, np.greater_equal, np.isnan, np.isinf, np.isfinite),
    *(np.logical_and, np.logical_or, np.logical_not),
    *(np.sign, np.floor, np.ceil, np.rint),
}


# book/05-shapes.md#sum
def _kept(reduced, x, dim):
    """Return `reduced` with length-1 axes where `x` was reduced."""
    return reduced.reshape(
        tuple(1 if i in dim else n for i, n in enumerate(x.shape))
    )


@operation(
    lambda g, y, x, dim, keepdim: np.broadcast_to(_kept(g, x, dim), x.shape)
)
def _sum(x, dim, keepdim):
    return x.sum(axis=dim, keepdims=keepdim)


# book/05-shapes.md#mean
def _count(x, dim):
    """Return how many values are reduced to one over the axes `dim`."""
    return math.prod(x.shape[d] for d in dim)


# book/05-shapes.md#std
@operation(lambda g, y, x: g / np.where(y == 0, np.inf, 2 * y))
def _root(x):
    """Return the square root; its gradient at 0 is 0."""
    return np.sqrt(x)


# book/05-shapes.md#amax
def _amax_rule(g, y, x, dim, keepdim):
    """Share the gradient equally among all values that tie."""
    ties = (x == _kept(y, x, dim)).astype(g.dtype)
    return _kept(g, x, dim) * ties / ties.sum(axis=dim, keepdims=True)


@operation(_amax_rule)
def _amax(x, dim, keepdim):
    return x.max(axis=dim, keepdims=keepdim)


@operation(_amax_rule)
def _amin(x, dim, keepdim):
    return x.min(axis=dim, keepdims=keepdim)


def _filled_axes(dim, x, name):
    """Return the axes `dim` of `x`; raise if they have nothing to choose."""
    dim = _axes(dim, x.ndim, name)
    if _count(x, dim) == 0:
        raise ValueError(
            f"{name}: shape {x.shape} has no values along dim {dim}"
        )
    return dim


# book/05-shapes.md#argmax
def _position(x, find, name, dim, keepdim):
    """Return, as an array, where along `dim` np.argmax (or min) finds it."""
    _filled_axes(dim, x, name)
    axis = None if dim is None else _axis(dim, x.ndim, name)
    return find(x._data, axis, keepdims=keepdim)


# book/05-shapes.md#reshape
def _sizes(args):
    """Return (2, 3) for both f(2, 3) and f((2, 3))."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


@operation(lambda g, y, x, shape: g.reshape(x.shape))
def _reshape(x, shape):
    return x.reshape(shape)


# book/05-shapes.md#permute
@operation(lambda g, y, x, dims: np.transpose(g, np.argsort(dims)))
def _permute(x, dims):
    return x.transpose(dims)


# book/05-shapes.md#expand
@operation(lambda g, y, x, shape: g)  # the engine sums what was repeated
def _expand(x, shape):
    return np.broadcast_to(x, shape)


# book/05-shapes.md#matmul
def _matmul_rule_b(g, y, a, b):
    """A^T g; a stack of matrices times one matrix is done in one go."""
    if b.ndim == 2 and a.ndim > 2:
        rows = math.prod(a.shape[:-1])  # batch * n
        a = a.reshape(rows, a.shape[-1])
        g = g.reshape(rows, g.shape[-1])
    return np.swapaxes(a, -1, -2) @ g


@operation(lambda g, y, a, b: g @ np.swapaxes(b, -1, -2), _matmul_rule_b)
def _matmul(a, b):
    return a @ b


# book/05-shapes.md#matmul-public
def matmul(a: Any, b: Any) -> Tensor:
    """Return the matrix product a @ b.

    Args:
        a: (..., n, k), or (k,) for a row.
        b: (..., k, m), or (k,) for a column.

    Returns:
        (..., n, m), leading axes broadcast; without n or m where an
        argument had one axis.

    Raises:
        ValueError: the inner lengths differ, or an argument is a number.
    """
    a, b = _tensor(a), _tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape}: use * for a number"
        )
    inner = b.shape[-2 if b.ndim > 1 else 0]
    if a.shape[-1] != inner:
        raise ValueError(
            f"matmul: shapes {a.shape} and {b.shape} do not align: "
            f"{a.shape[-1]} != {inner}"
        )
    if b.ndim == 1:
        return matmul(a, b.unsqueeze(1)).squeeze(-1)
    if a.ndim == 1:
        return _matmul(a.unsqueeze(0), b).squeeze(-2)
    return _matmul(a, b)


# book/05-shapes.md#matmul-operator
def _tensor(x):
    """Return `x` as a tensor."""
    return x if isinstance(x, Tensor) else _wrap(_as_array(x))


# book/05-shapes.md#index
def _plain_index(index):
    """Return `index` as a tuple of ints, slices, None, ... and arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(map(_plain_part, parts))


def _plain_part(part):
    """Return one part of an index; numbers in it as an array of our own."""
    if isinstance(part, (list, tuple, range)):
        numbers = [_values(i) for i in part]
        return np.array(numbers) if numbers else np.zeros(0, int)
    if isinstance(part, (Tensor, np.ndarray)):
        return np.array(_values(part))
    return part


def _may_repeat(index):
    """Return whether `index` could take the same value twice."""
    return any(isinstance(p, np.ndarray) and p.dtype != bool for p in index)


# book/05-shapes.md#getitem
@operation(lambda g, y, x, index: _scatter(g, index=index, shape=x.shape))
def _getitem(x, index):
    return x[index]


@operation(lambda g, y, x, index, shape: g[index])
def _scatter(x, index, shape):
    """Return zeros of `shape` with `x` added at `index`."""
    out = np.zeros(shape, x.dtype)
    if _may_repeat(index):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


# book/05-shapes.md#check-gather
def _check_gather(shape, dim, index):
    """Raise unless `index` can gather along `dim` of a tensor of `shape`."""
    room = [*shape[:dim], math.inf, *shape[dim + 1 :]]
    fits = all(m <= n for m, n in zip(index.shape, room))
    if not fits or index.ndim != len(shape) or index.dtype.kind not in "iu":
        raise ValueError(
            f"gather: index of shape {index.shape} and dtype {index.dtype} "
            f"for a tensor of shape {shape}: it needs integers, as many "
            f"axes, and but for axis {dim} none that is longer"
        )
    last = shape[dim] - 1
    if index.size and not 0 <= index.min() <= index.max() <= last:
        raise IndexError(
            f"gather: index goes from {index.min()} to {index.max()}, but "
            f"axis {dim} of shape {shape} from 0 to {last}"
        )


# book/05-shapes.md#max
class MaxResult(NamedTuple):
    """What `max` and `min` along an axis return."""

    values: Tensor
    indices: Tensor


# book/05-shapes.md#check-write
def _minds(*values):
    """Return whether a gradient of one of them is being recorded."""
    return is_grad_enabled() and any(
        isinstance(x, Tensor) and x._requires_grad for x in values
    )


# book/05-shapes.md#slab
def _slab(x, dim, start, stop):
    """Return x[start:stop] along axis `dim`."""
    return x[(slice(None),) * dim + (slice(start, stop),)]


def _slab_rule(dim, start, stop, g, y, *inputs):
    """The gradient for the input that became one slab of the output."""
    return _slab(g, dim, start, stop)


# book/05-shapes.md#clone
@operation(lambda g, y, x: g)
def _clone(x):
    return x.copy()


# book/06-gradient-checking.md#route
def _route(outputs, wanted):
    """Return the tensors that lead to `wanted` ones, and those to go through.

    The wanted ones are among the first; among the second only if the way to
    another one goes through them.
    """
    oldest = min(x._born for x in wanted)
    history, waiting = set(), list(outputs)
    while waiting:
        y = waiting.pop()
        if y._born > oldest and y not in history:
            history.add(y)
            waiting += y._inputs
    leading, through = set(wanted), set()
    for y in sorted(history, key=lambda y: y._born):
        freed = y._kind and y._record is None
        if freed or not leading.isdisjoint(y._inputs):
            leading.add(y)
            through.add(y)
    return leading, through


# book/06-gradient-checking.md#own
def _own(g, given):
    """Return gradient `g` as a tensor that shares memory with no other.

    `given` is the set of the ids of the arrays given out so far.
    """
    array = g._data if isinstance(g, Tensor) else g
    if id(array) in given or getattr(array, "base", None) is not None:
        g = _clone(g)
    g = g if isinstance(g, Tensor) else _wrap(g)
    given.add(id(g._data))
    return g


# book/06-gradient-checking.md#grad-arguments
def _sequence(x):
    """Return a tensor as a tuple of one, a sequence as a tuple."""
    return (x,) if isinstance(x, (Tensor, np.ndarray)) else tuple(x)


def _start(outputs, gradients, create_graph):
    """Return {output: checked gradient to start from}."""
    if len(gradients) != len(outputs):
        raise ValueError(
            f"grad: {len(outputs)} outputs, but {len(gradients)} grad_outputs"
        )
    pending = {}
    for y, gradient in zip(outputs, gradients):
        g = y._start_with(gradient, create_graph)
        pending[y] = pending[y] + g if y in pending else g
    return pending


def _check_wanted(inputs):
    """Raise unless there are inputs, and all of them have gradients."""
    if not inputs:
        raise ValueError("grad: expected at least one input")
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(
                f"grad: input {i}, of shape {x.shape}, does not require "
                "gradients"
            )


# book/06-gradient-checking.md#grad
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of `outputs` with respect to `inputs`.

    Unlike `backward` it leaves the `grad` of every leaf as it is, and
    computes only what is needed for these inputs.

    Args:
        outputs: a tensor or a sequence of tensors.
        inputs: a tensor or a sequence: leaves or results of operations.
        grad_outputs: gradients with respect to the outputs; may be left out
            (or be None in the sequence) for outputs of a single value.
        retain_graph: keep the graph; by default as `create_graph`.
        create_graph: make the gradients differentiable.
        allow_unused: return None for an input that no output depends on.

    Returns:
        a tuple of tensors, one for each input: the sum over the outputs.

    Raises:
        RuntimeError: as `backward`; or an input is not used.
        ValueError: no inputs, or not as many grad_outputs as outputs.
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    _check_wanted(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    if retain_graph is None:
        retain_graph = create_graph
    wanted = dict.fromkeys(inputs)  # a set that keeps the order
    given = set()
    with set_grad_enabled(create_graph or is_grad_enabled()):
        pending = _start(outputs, _sequence(grad_outputs), create_graph)
        found = _backpropagate(pending, retain_graph, create_graph, wanted)
        gradients = tuple(
            _own(found[x], given) if x in found else None for x in inputs
        )
    for i, (x, g) in enumerate(zip(inputs, gradients)):
        if g is None and not allow_unused:
            raise RuntimeError(
                f"grad: no output depends on input {i}, of shape {x.shape} "
                "(allow_unused=True returns None for it)"
            )
    return gradients


# book/07-modules.md#tensor-copy
def _rebuild(cls, array, requires_grad, grad):
    """Return a leaf of class `cls`, for copies."""
    leaf = cls.__new__(cls)
    leaf._start(array)
    leaf.requires_grad, leaf.grad = requires_grad, grad
    return leaf


# book/08-losses.md#softmax
@operation(lambda g, y, x, dim: y * (g - (g * y).sum(axis=dim, keepdims=True)))
def _softmax(x, dim):
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    e /= e.sum(axis=dim, keepdims=True)
    return e


def softmax(input: Tensor, dim: int) -> Tensor:
    """Return e**x / sum(e**x) along `dim`: positive, adding up to 1."""
    (dim,) = _axes(dim, input.ndim, "softmax")
    return _softmax(input, dim=dim)


# book/08-losses.md#logsumexp
def _logsumexp_rule(g, y, x, dim, keepdim):
    """d/dx log sum e^x = e^x / sum e^x, computed as e^(x - y)."""
    return _kept(g, x, dim) * np.exp(x - _kept(y, x, dim))


@operation(_logsumexp_rule)
def _logsumexp(x, dim, keepdim):
    largest = x.max(axis=dim, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = np.exp(x - largest).sum(axis=dim, keepdims=True)
    with np.errstate(divide="ignore"):  # log 0 is -inf, and right
        y = np.log(total) + largest
    return y if keepdim else y.squeeze(dim)


def logsumexp(
    input: Tensor, dim: _Axes = None, keepdim: bool = False
) -> Tensor:
    """Return log(sum(e**x)) over `dim`; no finite x is too large or small.

    Args:
        dim: an axis, several, or None for all.
        keepdim: leave the axes in place, with length 1.
    """
    dim = _axes(dim, input.ndim, "logsumexp")
    return _logsumexp(input, dim=dim, keepdim=keepdim)


# book/08-losses.md#log-softmax
@operation(lambda g, y, x, dim: g - np.exp(y) * g.sum(axis=dim, keepdims=True))
def _log_softmax(x, dim):
    shifted = x - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """Return log(softmax(x)) along `dim` without computing a softmax."""
    (dim,) = _axes(dim, input.ndim, "log_softmax")
    return _log_softmax(input, dim=dim)
