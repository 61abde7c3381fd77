# Made from book/ by scripts/tangle.py: edit the chapters.
"""The training loop, and the folder of a run."""

import contextlib
import io
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dlfs import nn
from dlfs.autograd import Tensor, default_generator
from dlfs.data import DataLoader
from dlfs.data.download import _one_line
from dlfs.optim import Optimizer, clip_grad_norm_
from dlfs.trainer.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from dlfs.trainer.evaluation import Meter, evaluate

__all__ = ["Diverged", "Interrupted", "Trainer", "describe", "learning_curve"]


# book/11-training.md#trainer-class
class Trainer:
    """Trains a classifier, measures it, and keeps its run in a folder.

    Args:
        model: gives logits for a batch of inputs.
        optimizer: steps the model's parameters.
        train_loader: batches to learn from.
        validation_loader: batches to measure on after every epoch, if any.
        loss_function: takes logits and targets.
        grad_clip: largest norm of all gradients together, if any.
        scheduler: changes the learning rate after every batch, if any.
        save_dir: folder for checkpoints, measurements and the curve.
        config: what decides the numbers, as JSON types; a checkpoint can
            only be resumed with equal values.
        quiet: print nothing.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        train_loader: DataLoader,
        validation_loader: DataLoader | None = None,
        *,
        loss_function: Callable = nn.cross_entropy,
        grad_clip: float | None = None,
        scheduler=None,
        save_dir: str | Path | None = None,
        config: dict | None = None,
        quiet: bool = False,
    ):
        self.model, self.optimizer = model, optimizer
        self.lr = optimizer.param_groups[0]["lr"]
        self.train_loader = train_loader
        self.validation_loader = validation_loader
        self.loss_function, self.grad_clip = loss_function, grad_clip
        self.scheduler, self.config = scheduler, config or {}
        self.save_dir = Path(save_dir) if save_dir else None
        self.quiet = quiet
        self.epoch = 0  # epochs completed
        self._saved_step = None  # of `last.npz`, if it is ours
        self.step = 0  # batches learnt from, in all epochs
        self.meter = Meter()  # of the epoch under way
        self.history: list[dict] = []  # a row for every epoch
        self._stop: int | None = None  # the signal that asked us to stop

    # book/11-training.md#trainer-step
    def train_step(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        """Learn from one batch and return its mean loss."""
        logits = self.model(Tensor(inputs))
        loss = self.loss_function(logits, targets)
        when = f"at step {self.step + 1} (epoch {self.epoch + 1})"
        self._check_finite(loss.item(), when)
        self.optimizer.zero_grad()
        loss.backward()
        if self.grad_clip is not None:
            clip_grad_norm_(list(self.model.parameters()), self.grad_clip)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        self.step += 1
        self.meter.add(loss.item(), logits.data, targets)
        return loss.item()

    # book/11-training.md#trainer-check-finite
    def _check_finite(self, loss: float, when: str) -> None:
        """Stop the run when its loss is no longer a finite number."""
        if math.isfinite(loss):
            return
        rate = self.optimizer.param_groups[0]["lr"]
        kept = "nothing was saved"
        if self._saved_step is not None:
            kept = f"the state after step {self._saved_step} is in "
            kept += str(self.save_dir)
        raise Diverged(
            f"the loss became {loss} {when} with learning rate {rate:.3g} "
            f"({self.lr:g} at first): try a smaller one; {kept}"
        )

    # book/11-training.md#trainer-state-dict
    def state_dict(self) -> dict:
        """Return everything that decides how the run goes on."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.meter.sums,
            "history": self.history,
            "config": self.config,
            "loader": self.train_loader.state_dict(),
            "random": default_generator().bit_generator.state,
            "scheduler": self.scheduler and self.scheduler.state_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    # book/11-training.md#trainer-load-state-dict
    def load_state_dict(self, state: dict) -> None:
        """Go on where `state` was taken.

        Raises:
            ValueError: If the state belongs to a run with another
                configuration, optimiser or loader.
            RuntimeError: If it belongs to another architecture.
        """
        if missing := self.state_dict().keys() - state.keys():
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        for name, value in json.loads(json.dumps(self.config)).items():
            if (saved := state["config"].get(name)) != value:
                raise ValueError(f"{name} is {value} now, but {saved} in it")
        progress = [state[n] for n in ("epoch", "step", "sums", "history")]
        row_names = _VALIDATED_ROW if self.validation_loader else _ROW
        _check_progress(*progress, row_names)
        self.train_loader.load_state_dict(state["loader"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        default_generator().bit_generator.state = state["random"]
        self.epoch, self.step, self.meter.sums, self.history = progress

    # book/11-training.md#trainer-save
    def save(self) -> None:
        """Write `last.npz`, `best.npz` after a record, and the run's files."""
        self.save_dir.mkdir(parents=True, exist_ok=True)
        state = self.state_dict()
        if self.validation_loader and self.meter.sums["examples"] == 0:
            name = "validation_accuracy"
            *earlier, now = (row[name] for row in self.history)
            if now > max(earlier, default=-1):
                save_checkpoint(self.save_dir / "best.npz", state)
        save_checkpoint(self.save_dir / "last.npz", state)
        self._saved_step = self.step
        self._write_history()

    def resume(self) -> None:
        """Go on where `last.npz` was saved, in this or an earlier process.

        Raises:
            CheckpointError: If it is missing, broken or from another run.
        """
        path = self.save_dir / "last.npz"
        state = load_checkpoint(path)
        try:
            self.load_state_dict(state)
        except Exception as error:
            raise CheckpointError(
                f"{path} does not fit: {_one_line(error)}"
            ) from error
        self._saved_step = self.step
        self._write_history()

    # book/11-training.md#trainer-write-history
    def _write_history(self, *more: dict) -> None:
        """Write `metrics.jsonl`, a line for every row of the history."""
        rows = [*self.history, *more]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomically(self.save_dir / "metrics.jsonl", lines.encode())

    def _draw_curve(self) -> None:
        """Write `curve.png`, once there is something to draw."""
        if self.save_dir and self.history:
            image = io.BytesIO()
            learning_curve(self.history).savefig(image, format="png", dpi=120)
            write_atomically(self.save_dir / "curve.png", image.getvalue())

    # book/11-training.md#trainer-signals
    @contextlib.contextmanager
    def _signals(self):
        """While inside, Ctrl-C and SIGTERM set `_stop` instead of raising."""

        def request(number, frame):
            if self._stop:  # a second time: stop at once
                raise KeyboardInterrupt
            self._stop = number

        self._stop = None
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may set handlers
            return
        numbers = signal.SIGINT, signal.SIGTERM
        previous = {n: signal.signal(n, request) for n in numbers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    # book/11-training.md#trainer-interrupt
    def _interrupt(self) -> None:
        """Save and stop, between two batches."""
        loader = self.train_loader
        loader.load_state_dict(loader.state_dict())  # another fit goes on here
        where = f"in epoch {self.epoch + 1} after step {self.step}"
        if self.save_dir:
            self.save()
            where += f"; {self.save_dir / 'last.npz'} goes on from there"
        raise Interrupted(f"stopped {where}", self._stop)

    # book/11-training.md#trainer-epoch
    def train_epoch(self, title: str = "") -> None:
        """Learn from every batch that is left of the epoch under way."""
        self.model.train()
        done = self.train_loader.state_dict()["position"]
        bar = tqdm(
            self.train_loader,
            desc=title,
            total=len(self.train_loader),
            initial=done if self.meter.sums["examples"] else 0,
            disable=self.quiet or not (sys.stderr and sys.stderr.isatty()),
            leave=False,
        )
        for inputs, targets in bar:
            loss = self.train_step(inputs, targets)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if self._stop:
                self._interrupt()

    # book/11-training.md#trainer-finish-epoch
    def _measure(self, name: str, loader: DataLoader) -> dict[str, float]:
        """Measure on the batches of a loader: `{name}_loss`, and so on."""
        means = evaluate(self.model, loader, self.loss_function)
        when = f"in the {name} after step {self.step}"
        self._check_finite(means["loss"], when)
        return {f"{name}_{key}": value for key, value in means.items()}

    def _finish_epoch(self, began: float) -> dict:
        """Measure by the validation set, add to the history, and save."""
        row = {"epoch": self.epoch + 1, "step": self.step}
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        train = self.meter.means()
        row |= {f"train_{name}": value for name, value in train.items()}
        if self.validation_loader:
            row |= self._measure("validation", self.validation_loader)
        row["seconds"] = round(time.perf_counter() - began, 3)
        self.history.append(row)
        self.epoch += 1
        self.meter = Meter()
        if self.save_dir:
            self.save()
        return row

    # book/11-training.md#trainer-fit
    def fit(self, epochs: int) -> list[dict]:
        """Train until `epochs` epochs are complete, counting earlier ones.

        Returns:
            The history: for every epoch a row of measurements.

        Raises:
            Diverged: If the loss becomes infinite or NaN.
            Interrupted: If Ctrl-C or SIGTERM stopped it; everything is saved,
                if there is a `save_dir`.
        """
        with np.errstate(over="ignore", invalid="ignore"), self._signals():
            try:
                while self.epoch < epochs:
                    title = f"epoch {self.epoch + 1}/{epochs}"
                    began = time.perf_counter()
                    self.train_epoch(title)
                    row = self._finish_epoch(began)
                    if not self.quiet:
                        print(f"{title}  {describe(row)}", flush=True)
                    if self._stop:  # while it was measuring
                        self._interrupt()
            finally:
                self._draw_curve()
        return self.history

    # book/11-training.md#trainer-test
    def test(self, loader: DataLoader) -> dict[str, float]:
        """Measure on the test set, when nothing is left to be chosen.

        Returns:
            The row that was added to `metrics.jsonl`: `epoch`, `step`,
            `test_loss` and `test_accuracy`.
        """
        row = {"epoch": self.epoch, "step": self.step}
        with np.errstate(over="ignore", invalid="ignore"):
            row |= self._measure("test", loader)
        if self.save_dir:
            self._write_history(row)
        return row


# book/11-training.md#trainer-step
class Diverged(RuntimeError):  # noqa: N818
    """The loss is infinite or not a number."""


# book/11-training.md#trainer-load-state-dict
def _check_progress(
    epoch: int, step: int, sums: dict, history: list, row_names: set[str]
) -> None:
    """Raise unless these are the counters and the history of a run."""
    counts = epoch, step, sums["examples"], sums["correct"]
    numbers = [sums["loss"], *(x for row in history for x in row.values())]
    if not (
        all(type(n) is int and 0 <= n < 2**63 for n in counts)
        and all(type(x) in (int, float) and abs(x) < 2**1023 for x in numbers)
        and isinstance(history, list)
        and len(history) == epoch
        and all(row.keys() >= row_names for row in history)
    ):
        raise ValueError("its counters or its history are no run's")


_ROW = {"epoch", "train_loss", "train_accuracy"}
_VALIDATED_ROW = _ROW | {"validation_loss", "validation_accuracy"}


# book/11-training.md#trainer-learning-curve
def learning_curve(history: list[dict], figure=None):
    """Draw loss and accuracy over the epochs.

    Args:
        history: rows of measurements, as `Trainer.fit` returns them.
        figure: matplotlib figure to draw in; default a new one.

    Returns:
        The figure.
    """
    if figure is None:
        from matplotlib.figure import Figure  # slow to import: only here

        figure = Figure(figsize=(8, 3.2))
    figure.subplots_adjust(0.1, 0.16, 0.98, 0.97, 0.28)
    epochs = [row["epoch"] for row in history]
    for name, axes in zip(("loss", "accuracy"), figure.subplots(1, 2)):
        for split, style in ("train", "o--"), ("validation", "o-"):
            if f"{split}_{name}" in history[0]:
                values = [row[f"{split}_{name}"] for row in history]
                axes.plot(epochs, values, style, label=split)
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


# book/11-training.md#trainer-signals
class Interrupted(Exception):  # noqa: N818
    """A signal stopped the training; `number` says which."""

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.number = number


# book/11-training.md#trainer-fit
def describe(row: dict) -> str:
    """Return a row of the history in words."""
    text = f"loss {row['train_loss']:.4f}  "
    text += f"accuracy {row['train_accuracy']:.2%}  "
    if "validation_loss" in row:
        text += f"validation loss {row['validation_loss']:.4f}  "
        text += f"validation accuracy {row['validation_accuracy']:.2%}  "
    return text + f"{row['seconds']:.2f} s"
