# Made from book/ by scripts/tangle.py: edit the chapters.
"""Layers: modules that hold parameters, and the functions behind them."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Self

import numpy as np

from dlfs.autograd import (
    Tensor,
    _as_array,
    _scatter,
    default_generator,
    no_grad,
    operation,
    sigmoid,
)

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "IncompatibleKeys",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "kaiming_uniform_",
    "l1_loss",
    "linear",
    "mse_loss",
    "nll_loss",
    "normal_",
    "softplus",
    "uniform_",
    "xavier_uniform_",
    "zeros_",
]


# book/07-modules.md#parameter
class Parameter(Tensor):
    """A tensor that a module is to learn; `parameters()` finds it.

    Args:
        data: its first values, floating-point; an array is shared, not
            copied.
        requires_grad: whether to learn it.
    """

    __slots__ = ()

    def __init__(self, data, requires_grad: bool = True):
        super().__init__(data, requires_grad)

    # book/07-modules.md#module-to
    def _convert(self, dtype):
        """Change the dtype of the values, and of the gradient."""
        self._data = self._data.astype(dtype)
        if self.grad is not None:
            self.grad = self.grad.astype(dtype)


# book/07-modules.md#module
class Module:
    """A layer or a model: parameters, and a `forward` that uses them.

    Parameters and modules that are set as attributes are found by
    themselves, in the order in which they were set.

    Attributes:
        training: whether it is being trained; see `train` and `eval`.
    """

    training = True
    _buffers = ()  # names of arrays that are saved but not learnt

    def forward(self, *inputs, **options):
        """Compute the outputs. Every kind of module has its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method"
        )

    def __call__(self, *inputs, **options):
        return self.forward(*inputs, **options)

    # book/07-modules.md#named-children
    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield (name, module) for every module that is an attribute."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    # book/07-modules.md#named-modules
    def named_modules(
        self,
        memo: set | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, "Module"]]:
        """Yield (dotted name, module) for this module and all inside it.

        Args:
            memo: set of modules not to visit, because they have been.
            prefix: the name of this module.
            remove_duplicate: visit a shared module only once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self.named_children():
            path = f"{prefix}.{name}" if prefix else name
            yield from child.named_modules(memo, path, remove_duplicate)

    # book/07-modules.md#named-parameters
    def _named_state(self, remove_duplicate=False):
        """Yield (dotted name, parameter or buffer), by every name it has."""
        modules = self.named_modules(remove_duplicate=remove_duplicate)
        for prefix, module in modules:
            for name, value in vars(module).items():
                if isinstance(value, Parameter) or name in module._buffers:
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted name, parameter), a shared parameter only once."""
        seen = set()
        for name, value in self._named_state(remove_duplicate=True):
            if isinstance(value, Parameter) and value not in seen:
                seen.add(value)
                yield name, value

    # book/07-modules.md#module-parameters
    def modules(self) -> Iterator["Module"]:
        """Yield this module and all modules inside it, each once."""
        for _, module in self.named_modules():
            yield module

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter of this module and of those inside it."""
        for _, parameter in self.named_parameters():
            yield parameter

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    # book/07-modules.md#module-setattr
    def __setattr__(self, name, value):
        """Set an attribute; a parameter's place is for parameters."""
        old = vars(self).get(name)
        if isinstance(old, Parameter) and not isinstance(
            value, (Parameter, type(None))
        ):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter, and "
                f"{type(value).__name__} is not: assign a Parameter, or write "
                f"into it, {name}.data[...] = values"
            )
        if name in self._buffers:
            value = np.array(_as_array(value))  # a copy of our own
        object.__setattr__(self, name, value)

    # book/07-modules.md#module-train
    def train(self, mode: bool = True) -> Self:
        """Tell all modules inside that they are being trained (or not)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Tell all modules inside that they are being used, not trained."""
        return self.train(False)

    # book/07-modules.md#module-repr
    def extra_repr(self) -> str:
        """Return what to print between the brackets; layers have their own."""
        return ""

    def __repr__(self) -> str:
        children = [
            f"({name}): {child!r}".replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        own = [self.extra_repr()] if self.extra_repr() else []
        body = "\n  ".join(["", *own, *children])
        return f"{type(self).__name__}({body}\n)"

    # book/07-modules.md#module-buffers
    def register_buffer(self, name: str, array: np.ndarray) -> None:
        """Set an attribute that is saved with the module but not learnt.

        Args:
            name: of the attribute.
            array: numbers; whatever is assigned later becomes an array, too.
        """
        self._buffers = (*self._buffers, name)
        setattr(self, name, array)

    def named_buffers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (dotted name, array) for every buffer."""
        for name, value in self._named_state():
            if not isinstance(value, Parameter):
                yield name, value

    # book/07-modules.md#state-dict
    def state_dict(self) -> dict[str, np.ndarray]:
        """Return {dotted name: copy of the values as an array}."""
        return {n: _array(value).copy() for n, value in self._named_state()}

    # book/07-modules.md#check-state
    def _misfits(self, given):
        """Return a sentence for every value in `given` that does not fit."""
        found = []
        for name, value in self._named_state():
            new = given.get(name)
            if new is None:
                continue
            if new.shape != value.shape:
                found.append(
                    f"{name} has shape {new.shape}, expected {value.shape}"
                )
            elif not np.can_cast(new.dtype, value.dtype, "same_kind"):
                found.append(
                    f"{name} holds {new.dtype}, expected {value.dtype}"
                )
        return found

    # book/07-modules.md#load-state-dict
    def load_state_dict(
        self, state_dict: Mapping, strict: bool = True
    ) -> "IncompatibleKeys":
        """Copy saved values back in; either all of them, or none.

        Args:
            state_dict: {dotted name: array or tensor}, or an open .npz file.
            strict: whether the names have to be exactly those of this module.

        Returns:
            the names it lacks and those that are unknown; empty if strict.

        Raises:
            RuntimeError: names, shapes or dtypes do not fit; lists them all.
        """
        own = dict(self._named_state())
        given = {name: _array(value) for name, value in state_dict.items()}
        missing = [name for name in own if name not in given]
        unknown = [name for name in given if name not in own]
        wrong = self._misfits(given)
        if strict:
            wrong += [f"{name} is missing" for name in missing]
            wrong += [f"{name} is unknown" for name in unknown]
        if wrong:
            raise RuntimeError(
                f"load_state_dict: {type(self).__name__} cannot take these "
                "values: " + "; ".join(wrong)
            )
        with no_grad():
            for name, value in own.items():
                if name in given:
                    value[...] = given[name]
        return IncompatibleKeys(missing, unknown)

    # book/07-modules.md#module-to
    def to(self, dtype: np.dtype | type) -> Self:
        """Convert all parameters and floating-point buffers; return self."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"Module.to: {dtype} is no floating-point dtype")
        for module in self.modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    value._convert(dtype)
                elif name in module._buffers and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype))
        return self

    # book/07-modules.md#module-float
    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64, as `gradcheck` needs."""
        return self.to(np.float64)


# book/07-modules.md#module-list
class ModuleList(Module):
    """A list of modules whose parameters are found.

    Args:
        modules: the first modules; `append` adds more.
    """

    def __init__(self, modules: Iterable[Module] = ()):
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Add a module at the end; return the list."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: item {len(self)} is "
                f"{type(module).__name__}, expected a Module"
            )
        setattr(self, str(len(self)), module)
        return self

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]


# book/07-modules.md#sequential
class Sequential(ModuleList):
    """Modules one after another: each gets what the one before returned."""

    def __init__(self, *modules: Module):
        super().__init__(modules)

    def forward(self, input: Tensor) -> Tensor:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Module:
        chosen = super().__getitem__(index)
        return Sequential(*chosen) if isinstance(index, slice) else chosen


# book/07-modules.md#linear-operation
def _linear_weight_rule(g, y, x, weight, bias):
    """g^T x: (out, N) times (N, in)."""
    return g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def _linear_bias_rule(g, y, x, weight, bias):
    """The sum of g over the batch, as a matrix product: that is faster."""
    rows = g.reshape(-1, g.shape[-1])  # (N, out)
    return np.ones(rows.shape[0], g.dtype) @ rows


@operation(
    lambda g, y, x, weight, bias: g @ weight,
    _linear_weight_rule,
    _linear_bias_rule,
)
def _linear(x, weight, bias):
    y = x @ weight.T  # (..., in) @ (in, out)
    y += bias
    return y


# book/07-modules.md#linear-function
def linear(
    input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Return input @ weight.T + bias.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,), or None for no bias.

    Returns:
        (..., out_features).

    Raises:
        ValueError: the weight is no matrix, or the last axis of the input is
            not in_features long.
    """
    if weight.ndim != 2:
        raise ValueError(
            f"linear: a weight of shape {weight.shape}, expected "
            "(out_features, in_features)"
        )
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} for a weight of shape "
            f"{weight.shape}: the last axis must be {weight.shape[1]} long"
        )
    if bias is None:
        return input @ weight.T
    return _linear(input, weight, bias)


# book/07-modules.md#init
def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill `tensor` with uniform random numbers from [a, b)."""
    rng = generator or default_generator()
    with no_grad():
        return tensor.copy_(rng.uniform(a, b, tensor.shape))


# book/07-modules.md#init-normal
def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill `tensor` with normal random numbers."""
    rng = generator or default_generator()
    with no_grad():
        return tensor.copy_(rng.normal(mean, std, tensor.shape))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill `tensor` with zeros."""
    with no_grad():
        return tensor.copy_(0.0)


# book/07-modules.md#fans
def _fans(tensor):
    """Return (fan in, fan out) of a weight.

    A weight is (out, in), or (out, in, height, width) for a convolution.
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"init: shape {tensor.shape} has no fan in and fan out: "
            "expected at least two axes, (out, in)"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


# book/07-modules.md#kaiming
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers that keep ReLU layers in scale.

    The variance is 2 / ((1 + a**2) fan_in), where `a` is the slope of the
    (leaky) ReLU for negative inputs (He et al., 2015, equation 15).
    """
    fan_in, _ = _fans(tensor)
    bound = math.sqrt(6 / ((1 + a * a) * fan_in))
    return uniform_(tensor, -bound, bound, generator)


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with uniform numbers for layers with tanh.

    The variance is gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio,
    2010, equation 16).
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


# book/07-modules.md#linear
class Linear(Module):
    """y = x @ weight.T + bias.

    Args:
        in_features: length of the last axis of the input.
        out_features: length of the last axis of the output.
        bias: whether to add a bias.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,), or None.

    Both start uniform in +-1 / sqrt(in_features), as in PyTorch.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear: {in_features} in and {out_features} out features: "
                "both must be at least 1"
            )
        self.in_features, self.out_features = in_features, out_features
        shape = (out_features, in_features)
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = None
        if bias:
            self.bias = Parameter(np.empty(out_features, np.float32))
        self.reset_parameters()

    # book/07-modules.md#linear-methods
    def reset_parameters(self) -> None:
        """Draw the weight and the bias afresh."""
        bound = 1 / math.sqrt(self.in_features)
        uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return (..., out_features) for an input of (..., in_features)."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        return (
            f"in_features={self.in_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


# book/07-modules.md#activations
class ReLU(Module):
    """max(x, 0), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.relu()


class Tanh(Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class Sigmoid(Module):
    """1 / (1 + e**-x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


# book/07-modules.md#flatten-layer
class Identity(Module):
    """The input, unchanged."""

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """All axes after the first as one: (N, ...) becomes (N, D)."""

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(1)


# book/07-modules.md#dropout
class Dropout(Module):
    """While training, set each value to 0 with probability `p`.

    The others are divided by 1 - p, so that the mean stays the same
    (Srivastava et al., 2014). After `eval()` it changes nothing.
    """

    def __init__(self, p: float = 0.5):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p={p}, expected 0 <= p < 1")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        kept = default_generator().random(input.shape, np.float32) >= self.p
        return input * (kept * input.dtype.type(1 / (1 - self.p)))

    def extra_repr(self) -> str:
        return f"p={self.p}"


# book/07-modules.md#state-dict
def _array(values):
    """Return the array in a tensor; anything else as an array."""
    return values.data if isinstance(values, Tensor) else np.asarray(values)


# book/07-modules.md#incompatible-keys
class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find a counterpart for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


# book/08-losses.md#cross-entropy-operation
def _cross_entropy_rule(g, y, logits, target, reduction, saved):
    """softmax - one-hot, each row times the gradient of its loss."""
    if reduction == "mean":
        g = g / len(target)
    gradient = saved["softmax"] * g.reshape(-1, 1)  # (N, C)
    gradient[np.arange(len(target)), target] -= g
    return gradient


@operation(_cross_entropy_rule, twice=False)
def _cross_entropy(logits, target, reduction, saved):
    shifted = logits - logits.max(axis=1, keepdims=True)  # (N, C)
    picked = shifted[np.arange(len(target)), target]  # (N,)
    softmax = np.exp(shifted)
    total = softmax.sum(axis=1, keepdims=True)
    softmax /= total
    saved["softmax"] = softmax
    losses = np.log(total[:, 0]) - picked
    return _reduced("cross_entropy", losses, reduction)


# book/08-losses.md#reduction
def _reduced(name, losses, reduction):
    """Return the mean or the sum of the losses, or all of them."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ValueError(
        f"{name}: reduction {reduction!r}, expected 'mean', 'sum' or 'none'"
    )


# book/08-losses.md#check-targets
def _check_targets(name, input, target, counts):
    """Raise unless there is one class number for every row that counts."""
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ValueError(
            f"{name}: input of shape {input.shape} and targets of shape "
            f"{target.shape}: expected (N, C) and (N,)"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: targets are {target.dtype}, "
            "expected integer class numbers"
        )
    wrong = counts & ((target < 0) | (target >= input.shape[1]))
    if wrong.any():
        row = int(wrong.argmax())
        raise IndexError(
            f"{name}: target {target[row]} in row {row}, expected "
            f"0 to {input.shape[1] - 1}"
        )


# book/08-losses.md#rows-that-count
def _rows_that_count(name, input, target, ignore_index, reduction):
    """Return their inputs and targets, and a mask (None if all count)."""
    target = _array(target)
    counts = np.asarray(target != ignore_index)
    _check_targets(name, input, target, counts)
    if reduction == "mean" and not counts.any():
        raise ValueError(
            f"{name}: none of the {len(target)} rows counts, "
            "so there is no mean"
        )
    if counts.all():
        return input, target, None
    return input[counts], target[counts], counts


def _spread(losses, counts, reduction):
    """Return losses "none" with 0 for the rows that did not count."""
    if counts is None or reduction != "none":
        return losses
    return _scatter(losses, index=counts, shape=counts.shape)


# book/08-losses.md#cross-entropy
def cross_entropy(
    input: Tensor,
    target: Tensor | np.ndarray,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return -log softmax(input) at the target classes.

    One fused operation: stable, and the gradient is softmax - one-hot.

    Args:
        input: (N, C) logits.
        target: (N,) integers, the right classes.
        ignore_index: rows with this target do not count.
        reduction: "mean" or "sum" over the rows that count, or "none".

    Returns:
        one number, or (N,) for "none", with 0 where a row does not count.

    Raises:
        ValueError, TypeError, IndexError: say what is wrong with the
            targets or the reduction.
    """
    input, target, counts = _rows_that_count(
        "cross_entropy", input, target, ignore_index, reduction
    )
    losses = _cross_entropy(
        input, target=target, reduction=reduction, saved={}
    )
    return _spread(losses, counts, reduction)


# book/08-losses.md#nll-loss
def nll_loss(
    input: Tensor,
    target: Tensor | np.ndarray,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return -input at the target classes.

    Args:
        input: (N, C) log-probabilities, as from `log_softmax`.
        target, ignore_index, reduction: as for `cross_entropy`.
    """
    input, target, counts = _rows_that_count(
        "nll_loss", input, target, ignore_index, reduction
    )
    losses = -input.gather(1, target[:, None]).squeeze(1)  # (N,)
    losses = _reduced("nll_loss", losses, reduction)
    return _spread(losses, counts, reduction)


# book/08-losses.md#softplus
@operation(lambda g, y, x: g * sigmoid(x))
def softplus(x: Tensor) -> Tensor:
    """Return log(1 + e**x), a smooth max(x, 0); no x overflows."""
    return np.logaddexp(0, x)


# book/08-losses.md#elementwise-losses
def _same_shape(name, input, target):
    """Return the target as a tensor, which must have the input's shape."""
    if not isinstance(target, Tensor):
        target = Tensor(target, dtype=input.dtype)
    if target.shape != input.shape:
        raise ValueError(
            f"{name}: input of shape {input.shape} and target of shape "
            f"{target.shape} must be equal"
        )
    return target


def mse_loss(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return the squared difference of input and target, of one shape."""
    difference = input - _same_shape("mse_loss", input, target)
    return _reduced("mse_loss", difference * difference, reduction)


def l1_loss(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return the absolute difference of input and target, of one shape."""
    difference = input - _same_shape("l1_loss", input, target)
    return _reduced("l1_loss", difference.abs(), reduction)


# book/08-losses.md#binary-cross-entropy
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor | np.ndarray, reduction: str = "mean"
) -> Tensor:
    """Return -t log s(x) - (1 - t) log(1 - s(x)), s being the sigmoid.

    Args:
        input: logits x of any shape.
        target: probabilities t, 0 to 1, of the same shape.
        reduction: "mean", "sum" or "none".
    """
    name = "binary_cross_entropy_with_logits"
    losses = softplus(input) - input * _same_shape(name, input, target)
    return _reduced(name, losses, reduction)


# book/08-losses.md#loss-modules
class CrossEntropyLoss(Module):
    """`cross_entropy` as a module."""

    def __init__(self, ignore_index: int = -100, reduction: str = "mean"):
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, input: Tensor, target: Tensor | np.ndarray) -> Tensor:
        return cross_entropy(input, target, self.ignore_index, self.reduction)


class MSELoss(Module):
    """`mse_loss` as a module."""

    def __init__(self, reduction: str = "mean"):
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor | np.ndarray) -> Tensor:
        return mse_loss(input, target, self.reduction)


class BCEWithLogitsLoss(Module):
    """`binary_cross_entropy_with_logits` as a module."""

    def __init__(self, reduction: str = "mean"):
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor | np.ndarray) -> Tensor:
        return binary_cross_entropy_with_logits(input, target, self.reduction)
