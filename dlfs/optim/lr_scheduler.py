# Made from book/ by scripts/tangle.py: edit the chapters.
"""Learning rates that change during training."""

import bisect
import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from dlfs.optim.optimizer import Optimizer

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "OneCycleLR",
    "SequentialLR",
    "StepLR",
]


# book/25-schedules.md#lr-scheduler
class LRScheduler:
    """Base of all schedules: a rate is a function of the step.

    A kind of schedule has a method `rate(step, base)`.

    Args:
        optimizer: whose learning rates to set.
        last_epoch: the last step that was taken; -1 is before the first.

    Attributes:
        last_epoch: the number of the step that comes, from 0.
        base_lrs: the rate that each group of parameters began with.
    """

    _left_out = ("optimizer",)  # of what is saved

    def step(self) -> None:
        """Set what the optimiser's next step needs."""
        self.last_epoch += 1
        found = self.options(self.last_epoch)
        for group, options in zip(self.optimizer.param_groups, found):
            group.update(options)

    def options(self, step: int) -> list[dict]:
        """Return {"lr": ...} for each group at a step, counted from 0."""
        return [{"lr": self.rate(step, base)} for base in self.base_lrs]

    def rate(self, step: int, base: float) -> float:
        """Return the rate at `step` of a group that began with `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no rate method")

    # book/25-schedules.md#lr-scheduler-init-checked
    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"initial_lr: last_epoch {last_epoch} is for an optimiser "
                    "that had a schedule before"
                )
        self.base_lrs = [g["initial_lr"] for g in optimizer.param_groups]
        self._check()
        self.step()

    # book/25-schedules.md#lr-scheduler-state
    def get_last_lr(self) -> list[float]:
        """Return the rate of each group, as it was set last."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict:
        """Return all numbers of this schedule, copied."""
        names = vars(self).keys() - self._left_out
        return {name: copy.copy(vars(self)[name]) for name in sorted(names)}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from what `state_dict` returned.

        The rates themselves are in the state of the optimiser.

        Raises:
            ValueError: it belongs to another schedule; nothing is changed.
        """
        names = vars(self).keys() - self._left_out
        if missing := sorted(names - state_dict.keys()):
            raise ValueError(
                f"{type(self).__name__}: the state lacks {', '.join(missing)}"
            )
        loaded = copy.copy(self)
        vars(loaded).update({n: copy.copy(state_dict[n]) for n in names})
        loaded._check()
        vars(self).update(vars(loaded))

    # book/25-schedules.md#lr-scheduler-check
    def _check(self):
        """Raise ValueError for a number outside its range."""
        numbers = [item for item in vars(self).items() if item[0] in _RANGES]
        rates = _one_each(self.optimizer, list(self.base_lrs))
        for name, value in numbers + [("rate", rate) for rate in rates]:
            low, high = _RANGES[name]
            if not (low <= value <= high and value < math.inf):
                raise ValueError(
                    f"{type(self).__name__}: {name} is {value}, expected a "
                    f"number from {low} to {high}"
                )


# book/25-schedules.md#lambda-lr
class LambdaLR(LRScheduler):
    """Any schedule: the rate is the first one times lr_lambda(step).

    Args:
        optimizer: whose learning rates to set.
        lr_lambda: a function of the step, counted from 0, that returns a
            factor; or a list with a function for each group.
        last_epoch: the last step that was taken; -1 is before the first.
    """

    _left_out = ("optimizer", "lr_lambdas")  # functions are not saved

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _one_each(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def options(self, step: int) -> list[dict]:
        """Return {"lr": ...} for each group at a step, counted from 0."""
        pairs = zip(self.base_lrs, self.lr_lambdas)
        return [{"lr": base * factor(step)} for base, factor in pairs]


def _one_each(optimizer, value):
    """Return a list with a value for each group of parameters."""
    groups = len(optimizer.param_groups)
    several = isinstance(value, list | tuple)
    values = list(value) if several else [value] * groups
    if len(values) != groups:
        raise ValueError(
            f"lr_scheduler: {len(values)} values for {groups} groups"
        )
    return values


# book/25-schedules.md#step-lr
class StepLR(LRScheduler):
    """Multiply the rates by `gamma` after every `step_size` steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, base: float) -> float:
        """Return the rate at `step` of a group that began with `base`."""
        return base * self.gamma ** (step // self.step_size)


# book/25-schedules.md#exponential-lr-by-formula
class ExponentialLR(LRScheduler):
    """Multiply the rates by `gamma` at each step."""

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, base: float) -> float:
        """Return the rate at `step` of a group that began with `base`."""
        return base * self.gamma**step

    def step(self) -> None:
        """Multiply the rates; the first call only notes that it begins."""
        self.last_epoch += 1
        for group in self.optimizer.param_groups if self.last_epoch else ():
            group["lr"] *= self.gamma

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from what `state_dict` returned, or from gamma alone."""
        super().load_state_dict(self.state_dict() | state_dict)


# book/25-schedules.md#linear-lr
class LinearLR(LRScheduler):
    """Go from one factor to another in a straight line, then stay.

    Args:
        optimizer: whose learning rates to set.
        start_factor: of the first rate at step 0.
        end_factor: of the first rate from step `total_iters` on.
        total_iters: the steps in between.
        last_epoch: the last step that was taken; -1 is before the first.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, base: float) -> float:
        """Return the rate at `step` of a group that began with `base`."""
        done = min(step / self.total_iters, 1)
        way = self.end_factor - self.start_factor
        return base * (self.start_factor + way * done)


# book/25-schedules.md#cosine-annealing-lr
class CosineAnnealingLR(LRScheduler):
    """Fall to `eta_min` in `T_max` steps, along half a wave of the cosine.

    Loshchilov and Hutter (2017), equation 5, without restarts.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, step: int, base: float) -> float:
        """Return the rate at `step` of a group that began with `base`."""
        wave = (1 + math.cos(math.pi * step / self.T_max)) / 2
        return self.eta_min + (base - self.eta_min) * wave


# book/25-schedules.md#sequential-lr
class SequentialLR(LRScheduler):
    """One schedule after another; each counts its steps from 0.

    Args:
        optimizer: whose learning rates to set.
        schedulers: schedules of this optimiser, in their order.
        milestones: the steps at which the second, third, ... takes over.
    """

    _left_out = ("optimizer", "schedulers")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def options(self, step: int) -> list[dict]:
        """Return what the schedule on duty says of a step, from 0."""
        duty = bisect.bisect_right(self.milestones, step)
        start = self.milestones[duty - 1] if duty else 0
        return self.schedulers[duty].options(step - start)

    # book/25-schedules.md#sequential-state
    def state_dict(self) -> dict:
        """Return all numbers of this schedule and of its parts."""
        parts = [scheduler.state_dict() for scheduler in self.schedulers]
        return LRScheduler.state_dict(self) | {"schedulers": parts}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from what `state_dict` returned; see `LRScheduler`."""
        loaded = [copy.copy(scheduler) for scheduler in self.schedulers]
        states = state_dict.get("schedulers", ())
        if len(states) != len(loaded):
            raise ValueError(
                f"SequentialLR: a state of {len(states)} schedules for "
                f"{len(loaded)}"
            )
        for scheduler, state in zip(loaded, states):
            scheduler.load_state_dict(state)
        LRScheduler.load_state_dict(self, state_dict)
        for scheduler, new in zip(self.schedulers, loaded):
            vars(scheduler).update(vars(new))

    # book/25-schedules.md#lr-scheduler-checks-of-kinds
    def _check(self):
        """Raise ValueError unless the parts fit together."""
        LRScheduler._check(self)
        if any(s.optimizer is not self.optimizer for s in self.schedulers):
            raise ValueError(
                "SequentialLR: all schedules must belong to the same optimiser"
            )
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(self.schedulers)} schedules and "
                f"{len(self.milestones)} milestones, expected one less"
            )
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(
                f"SequentialLR: milestones {self.milestones}, expected rising"
            )


# book/25-schedules.md#one-cycle-lr
class OneCycleLR(LRScheduler):
    """Up to a large rate and down to almost none, momentum the other way.

    Smith and Topin (2018).

    Args:
        optimizer: whose learning rates to set.
        max_lr: the largest rate, or a list of one for each group.
        total_steps: of the whole run; or give the next two.
        epochs, steps_per_epoch: their product is the number of steps.
        pct_start: the share of the steps in which the rate rises.
        anneal_strategy: "cos" for half waves, "linear" for straight lines.
        cycle_momentum: change momentum, or the first of betas, as well.
        base_momentum: where the rate is largest.
        max_momentum: at the beginning and the end.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last one is the first / final_div_factor.
        three_phase: back to the first rate as fast as up, then to the last.
        last_epoch: the last step that was taken; -1 is before the first.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.max_lrs = _one_each(optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, self.max_lrs):
                group["initial_lr"] = top / div_factor
        if total_steps is None and None not in (epochs, steps_per_epoch):
            total_steps = epochs * steps_per_epoch
        self.total_steps = total_steps
        self.pct_start, self.anneal_strategy = pct_start, anneal_strategy
        self.cycle_momentum, self.three_phase = cycle_momentum, three_phase
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.final_div_factor = final_div_factor
        super().__init__(optimizer, last_epoch)

    # book/25-schedules.md#one-cycle-options
    def options(self, step: int) -> list[dict]:
        """Return rate and momentum for each group at a step, from 0."""
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {step} of a cycle of {self.total_steps}"
            )
        high, low = self.max_momentum, self.base_momentum
        momentum = self._between(step, [high, low, high, high])
        groups = zip(self.optimizer.param_groups, self.base_lrs, self.max_lrs)
        found = []
        for group, base, top in groups:
            last = base / self.final_div_factor
            found.append({"lr": self._between(step, [base, top, base, last])})
            if self.cycle_momentum and "betas" in group:
                found[-1]["betas"] = (momentum, *group["betas"][1:])
            elif self.cycle_momentum:
                found[-1]["momentum"] = momentum
        return found

    def _between(self, step, values):
        """Return the value of a curve through four values at its corners."""
        first = self.pct_start * self.total_steps - 1
        ends = [0, first, 2 * first, self.total_steps - 1]
        if not self.three_phase:
            del ends[2], values[2]
        pieces = list(pairwise(zip(ends, values)))
        reached = [piece for piece in pieces if step <= piece[1][0]]
        (start, a), (end, b) = reached[0] if reached else pieces[-1]
        done = min((step - start) / (end - start), 1) if end > start else 1
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        return a + (b - a) * done

    # book/25-schedules.md#lr-scheduler-checks-of-kinds
    def _check(self):
        """Raise ValueError for a shape of the cycle that we don't know."""
        if self.total_steps is None:
            raise ValueError(
                "OneCycleLR: give total_steps, or epochs and steps_per_epoch"
            )
        LRScheduler._check(self)
        if self.anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy {self.anneal_strategy!r}, "
                "expected 'cos' or 'linear'"
            )
        known = self.optimizer.defaults
        if self.cycle_momentum and not {"momentum", "betas"} & known.keys():
            raise ValueError(
                "OneCycleLR: this optimiser has neither momentum nor betas: "
                "use cycle_momentum=False"
            )


# book/25-schedules.md#lr-scheduler-check
_RANGES = {
    "rate": (0, math.inf),
    "last_epoch": (-1, math.inf),
    "step_size": (1, math.inf),
    "T_max": (1, math.inf),
    "total_iters": (1, math.inf),
    "total_steps": (1, math.inf),
    "gamma": (0, math.inf),
    "pct_start": (0, 1),
    "start_factor": (0, 1),
    "end_factor": (0, 1),
}
