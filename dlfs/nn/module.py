# Made from book/ by scripts/tangle.py: edit the chapters.
"""Modules: objects that hold parameters."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from dlfs.autograd import HookHandle, Tensor, missing, no_grad, tensor
from dlfs.autograd.habits import _destination

__all__ = ["FunctionLayer", "IncompatibleKeys", "Module", "Parameter"]


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

    # book/07-modules.md#module-convert
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

    # book/15-layers-and-sets.md#module-call-hooks
    def __call__(self, *inputs, **options):
        output = self.forward(*inputs, **options)
        hooks = vars(self).get("_forward_hooks")
        for hook in tuple(hooks.values()) if hooks else ():
            changed = hook(self, inputs, output)
            output = output if changed is None else changed
        return output

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
            value = self._as_buffer(value)
        object.__setattr__(self, name, value)

    # book/14-from-pytorch.md#module-buffer-tensor
    def _as_buffer(self, values):
        """Return a tensor of our own, without a history."""
        return tensor(values)

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
    def register_buffer(self, name: str, tensor: Any) -> None:
        """Set an attribute that is saved with the module but not learnt.

        Args:
            name: of the attribute.
            tensor: its numbers. They are copied, as are those that are
                assigned to the attribute later.
        """
        self._buffers = (*self._buffers, name)
        setattr(self, name, tensor)

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        """Yield (dotted name, values) for every buffer, under each name."""
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

    # book/07-modules.md#module-convert
    def _convert(self, dtype):
        """Change the dtype of all inside; return the module."""
        if dtype.kind != "f":
            raise TypeError(f"Module.to: {dtype} is no floating-point dtype")
        for module in self.modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    value._convert(dtype)
                elif name in module._buffers and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype))
        return self

    # book/14-from-pytorch.md#module-to-device
    def to(self, *places: Any, dtype: Any = None, device: Any = None) -> Self:
        """Convert all parameters and floating-point buffers; return self.

        Args:
            places: a dtype, or "cpu", the only device, or both.
            dtype, device: the same by name.
        """
        dtype = _destination(*places, dtype=dtype, device=device)
        return self if dtype is None else self._convert(np.dtype(dtype))

    # book/07-modules.md#module-float
    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64, as `gradcheck` needs."""
        return self.to(np.float64)

    # book/15-layers-and-sets.md#module-walks
    def children(self) -> Iterator["Module"]:
        """Return an iterator over all modules that are attributes."""
        return (child for _, child in self.named_children())

    def buffers(self) -> Iterator:
        """Return an iterator over its buffers and those of modules inside."""
        return (buffer for _, buffer in self.named_buffers())

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` with every module inside, and with this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters be learnt, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def get_submodule(self, target: str) -> "Module":
        """Return the module with a dotted name.

        Raises:
            AttributeError: there is none; says which part is wrong.
        """
        module = self
        for name in target.split(".") if target else ():
            children = dict(module.named_children())
            if name not in children:
                raise AttributeError(
                    f"{type(module).__name__} has no module {name!r} "
                    f"(looking for {target!r}); it has {[*children]}"
                )
            module = children[name]
        return module

    # book/15-layers-and-sets.md#forward-hook
    def register_forward_hook(self, hook: Callable) -> HookHandle:
        """Call `hook(module, inputs, output)` whenever this module has run.

        Args:
            hook: what it returns takes the place of the output, unless None.

        Returns:
            a handle with a method `remove`.
        """
        hooks = vars(self).setdefault("_forward_hooks", {})
        return HookHandle(hooks, hook)


# book/07-modules.md#state-dict
def _array(values):
    """Return the array in a tensor; anything else as an array."""
    return values.data if isinstance(values, Tensor) else np.asarray(values)


# book/07-modules.md#incompatible-keys
class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find a counterpart for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


# book/14-from-pytorch.md#module-missing
sys.modules["dlfs.nn"].__getattr__ = missing("dlfs.nn")
Module.__getattr__ = missing("Module")


# book/15-layers-and-sets.md#function-layer
class FunctionLayer(Module):
    """A function as a layer; the layer's arguments are its options.

    A subclass names its `function`, and how many of the function's arguments
    are `inputs`: `class ELU(FunctionLayer, function=elu)`.
    """

    function: Callable
    inputs = 1

    def __init_subclass__(cls, function=None, inputs=1):
        if function is not None:  # else it has that of its own base
            cls.function, cls.inputs = staticmethod(function), inputs

    def __init__(self, *args: Any, **options: Any):
        parameters = inspect.signature(self.function).parameters.values()
        wanted = inspect.Signature(list(parameters)[self.inputs :])
        try:
            bound = wanted.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        self._given = tuple(bound.arguments)
        bound.apply_defaults()
        self._options = tuple(bound.arguments)
        vars(self).update(bound.arguments)

    def forward(self, *inputs: Any) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return self.function(*inputs, **options)

    def extra_repr(self) -> str:
        return ", ".join(f"{n}={getattr(self, n)!r}" for n in self._given)
