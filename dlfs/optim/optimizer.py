# Made from book/ by scripts/tangle.py: edit the chapters.
"""What all optimisers share."""

import copy
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dlfs.autograd import Tensor, missing, set_grad_enabled, zeros_like

__all__ = ["Optimizer"]


# book/09-optimisers.md#optimizer
class Optimizer:
    """Base of all optimisers: groups of parameters, and what is remembered.

    A kind of optimiser has a method `_update(p, g, state, group)` that moves
    parameter p by gradient array g, and `_remembers`, the names of what it
    keeps in `state` from step to step: arrays of p's shape, or "step".

    Args:
        params: parameters, or dicts {"params": ..., option: value} for
            groups with options of their own.
        defaults: {option: value} for groups that do not say otherwise.

    Attributes:
        param_groups: list of {"params": [...], "lr": ..., ...}.
        state: {parameter: {name: array or number}}, filled by `step`.
    """

    _remembers = ()

    def __init__(self, params: Iterable, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an "
                "iterable of Tensors or dicts, but got one Tensor"
            )
        self.defaults = defaults
        self.param_groups = []
        self.state = {}
        groups = _as_list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # book/09-optimisers.md#add-param-group
    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a group with options of its own: {"params": ..., "lr": ...}.

        Raises:
            TypeError: something is not a tensor, or has no fixed order.
            ValueError: a parameter is no leaf, or is there already; or an
                option has an impossible value.
        """
        if not isinstance(group, dict):
            raise TypeError(
                f"param_group must be a dict, but got {type(group)}"
            )
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else _as_list(params)
        known = {p for old in self.param_groups for p in old["params"]}
        for p in params:
            _check_parameter(p, known)
            known.add(p)
        options = {n: _plain(v) for n, v in (self.defaults | group).items()}
        self._check(options)
        self.param_groups.append(options | {"params": params})

    # book/09-optimisers.md#optimizer-check
    def _check(self, group):
        """Raise ValueError for an option outside its range."""
        for name, label in _NOT_NEGATIVE.items():
            value = group.get(name, 0)
            if not value >= 0:
                raise ValueError(f"Invalid {label}: {value}")
        betas = group.get("betas", (0, 0))
        if len(betas) != 2:
            raise ValueError(f"Invalid betas: {betas}, expected two numbers")
        for i, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(
                    f"Invalid beta parameter at index {i}: {beta}"
                )

    # book/15-layers-and-sets.md#optimizer-step-closure
    def step(self, closure: Callable[[], Tensor] | None = None) -> Any:
        """Move every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients; called first.

        Returns:
            what the closure returned.
        """
        loss = None
        if closure is not None:
            with set_grad_enabled(True):
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    g = self._decayed(p, group)
                    self._update(p, g, self.state.setdefault(p, {}), group)
        return loss

    def _decayed(self, p, group):
        """Return the gradient of `p`, weight decay included."""
        if not group.get("weight_decay"):
            return p.grad.data
        return p.grad.data + group["weight_decay"] * p.data

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them 0."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else zeros_like(p)

    def _update(self, p, g, state, group):
        """Move parameter `p` by gradient array `g`: each kind has its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no _update method"
        )

    # book/09-optimisers.md#optimizer-state-dict
    def state_dict(self) -> dict[str, Any]:
        """Return what is remembered, with parameters numbered from 0.

        Returns:
            {"state": {number: {name: array or number}}, "param_groups":
            [{option: value, "params": [number, ...]}]}, arrays copied.
        """
        params = [p for group in self.param_groups for p in group["params"]]
        number = {p: i for i, p in enumerate(params)}
        state = {
            number[p]: copy.deepcopy(s) for p, s in self.state.items() if s
        }
        groups = [
            group | {"params": [number[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    # book/09-optimisers.md#optimizer-load
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned; changes all or nothing.

        Numbers may have become strings and values NumPy's, as files make them.

        Raises:
            ValueError: it belongs to another kind of optimiser or to other
                parameters; says what does not fit. (The states of Adam and
                AdamW look alike and cannot be told apart.)
        """
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        expected = [len(group["params"]) for group in self.param_groups]
        if sizes != expected:
            raise ValueError(
                f"loaded state dict has parameter groups of sizes {sizes}, "
                f"expected {expected}"
            )
        loaded, owners = [self._read_group(group) for group in groups], {}
        for own, saved, options in zip(self.param_groups, groups, loaded):
            for i, p in zip(saved["params"], own["params"]):
                owners[int(i)] = p, self._names(options)
        state = {}
        for i, saved in state_dict["state"].items():
            if int(i) not in owners:
                raise ValueError(
                    f"loaded state dict remembers parameter {i}, but its "
                    f"groups have only {sorted(owners)}"
                )
            p, names = owners[int(i)]
            state[p] = self._read_state(p, saved, i, names)
        self.state = state  # from here on nothing can fail
        for own, options in zip(self.param_groups, loaded):
            own.update(options)

    # book/09-optimisers.md#optimizer-read-group
    def _read_group(self, saved):
        """Return the options of a saved group, after checking them."""
        options = {n: _plain(v) for n, v in saved.items() if n != "params"}
        for name, default in self.defaults.items():
            value = options.get(name)
            if not _alike(value, default):
                raise ValueError(
                    f"loaded state dict has {name}={value}, expected something"
                    f" like {default}: it does not belong to "
                    f"{type(self).__name__}"
                )
        if options.get("maximize"):  # of PyTorch's optimisers
            raise ValueError("loaded state dict has maximize, we have not")
        self._check(options)
        return options

    # book/09-optimisers.md#optimizer-read-state
    def _names(self, group):
        """Return the names of what is remembered with these options."""
        return self._remembers

    def _read_state(self, p, saved, i, names):
        """Return a copy of what was remembered of `p`, after checking it."""
        if saved and set(saved) != set(names):
            raise ValueError(
                f"loaded state dict remembers {sorted(saved)} of parameter {i}"
                f", {type(self).__name__} needs {sorted(names)}"
            )
        state = {}
        for name, value in saved.items():
            if name == "step":
                state[name] = int(value)
                if not 1 <= state[name] < 2**63:
                    raise ValueError(
                        f"loaded state dict has step {value} for parameter {i}"
                    )
            elif np.shape(value) != p.shape:
                raise ValueError(
                    f"loaded state dict has {name} of shape {np.shape(value)} "
                    f"for parameter {i}, expected {p.shape}"
                )
            else:
                state[name] = np.array(value, p.dtype)
        return state

    # book/15-layers-and-sets.md#optimizer-repr
    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            for name in sorted(group.keys() - {"params"}):
                lines.append(f"    {name}: {group[name]}")
        return "\n".join([*lines, ")"])

    # book/15-layers-and-sets.md#optimizer-count-step
    def _count_step(self, p, state, group, fill=0):
        """Count a step for a parameter; the first begins with `fill`."""
        for name in () if state else self._names(group):
            state[name] = 0 if name == "step" else np.full_like(p.data, fill)
        state["step"] += 1


# book/09-optimisers.md#check-parameter
def _as_list(params):
    """Return parameters as a list, without the names that they may have."""
    if isinstance(params, (set, frozenset)):
        raise TypeError(
            "optimizer parameters need an order that is the same in every "
            "run: use a list instead of a set"
        )
    return [p[1] if _has_name(p) else p for p in params]


def _has_name(p):
    """Return whether `p` is a pair (name, parameter)."""
    return isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str)


def _check_parameter(p, known):
    """Raise unless `p` is something new that can be moved."""
    if not isinstance(p, Tensor):
        raise TypeError(
            "optimizer can only optimize Tensors, but one of the params is "
            f"{type(p).__name__}"
        )
    if not p.is_leaf:
        raise ValueError("can't optimize a non-leaf Tensor")
    if p in known:
        raise ValueError(
            "some parameters appear in more than one parameter group, or "
            f"twice in one: the shape is {p.shape}"
        )


# book/09-optimisers.md#optimizer-check
_NOT_NEGATIVE = {
    "lr": "learning rate",
    "momentum": "momentum value",
    "weight_decay": "weight_decay value",
    "eps": "epsilon value",
}


def _plain(value):
    """Return NumPy's numbers as Python's own, and lists as tuples."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return tuple(value) if isinstance(value, list) else value


# book/09-optimisers.md#optimizer-read-group
def _alike(value, default):
    """Return whether a loaded option is of the kind of the default."""
    if isinstance(default, tuple):
        lengths = isinstance(value, tuple) and len(value) == len(default)
        return lengths and all(map(_alike, value, default))
    kinds = bool if isinstance(default, bool) else (int, float)
    return isinstance(value, kinds)


# book/14-from-pytorch.md#optim-missing
sys.modules["dlfs.optim"].__getattr__ = missing("dlfs.optim")


# book/15-layers-and-sets.md#optimizer-more-options
_NOT_NEGATIVE |= {
    name: f"{name} value"
    for name in ("alpha", "rho", "lr_decay", "initial_accumulator_value")
}


def _options(arguments):
    """Return the options among `locals()`, taken first in an `__init__`."""
    others = ("self", "params", "__class__")
    return {n: value for n, value in arguments.items() if n not in others}
