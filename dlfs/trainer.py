# Made from book/ by scripts/tangle.py: edit the chapters.
"""Training: the loop, checkpoints, resuming, and a command line."""

import argparse
import contextlib
import io
import json
import math
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dlfs import nn, optim
from dlfs.autograd import Tensor, default_generator, no_grad
from dlfs.data import DataLoader, TensorDataset, _one_line, hold_out
from dlfs.optim import Optimizer, clip_grad_norm_

__all__ = [
    "CheckpointError",
    "Diverged",
    "ExponentialLR",
    "Interrupted",
    "Meter",
    "Trainer",
    "argument_parser",
    "describe",
    "environment",
    "evaluate",
    "learning_curve",
    "load_checkpoint",
    "make_optimizer",
    "positive_int",
    "run_command",
    "run_training",
    "save_checkpoint",
    "set_aside",
    "split_training",
    "write_atomically",
]


# book/11-training.md#trainer-meter
class Meter:
    """Mean loss and accuracy over the examples seen so far."""

    def __init__(self):
        self.sums = {"examples": 0, "loss": 0.0, "correct": 0}

    def add(
        self, loss: float, logits: np.ndarray, targets: np.ndarray
    ) -> None:
        """Count a batch: its mean loss, logits (..., C), targets (...)."""
        self.sums["examples"] += targets.size
        self.sums["loss"] += loss * targets.size
        correct = np.count_nonzero(logits.argmax(-1) == targets)
        self.sums["correct"] += int(correct)

    def means(self) -> dict[str, float]:
        """Return loss and accuracy (0 to 1), averaged over the examples."""
        examples = self.sums["examples"]
        return {
            "loss": self.sums["loss"] / examples,
            "accuracy": self.sums["correct"] / examples,
        }


# book/11-training.md#trainer-evaluate
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    loss_function: Callable = nn.cross_entropy,
) -> dict[str, float]:
    """Measure a model on a data set, in evaluation mode, without a graph.

    Returns:
        `{"loss": mean loss, "accuracy": share of right answers}`.
    """
    meter = Meter()
    training = model.training
    model.eval()
    with no_grad():
        for inputs, targets in loader:
            logits = model(Tensor(inputs))
            loss = loss_function(logits, targets)
            meter.add(loss.item(), logits.data, targets)
    model.train(training)
    return meter.means()


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
        if self.save_dir and self.epoch:
            kept = f"the state after epoch {self.epoch} is in {self.save_dir}"
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
                configuration, architecture or loader.
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
            *earlier, now = (row["validation_accuracy"] for row in self.history)
            if now > max(earlier, default=-1):
                save_checkpoint(self.save_dir / "best.npz", state)
        save_checkpoint(self.save_dir / "last.npz", state)
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
        self._check_finite(means["loss"], f"in the {name} after step {self.step}")
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
            Interrupted: If Ctrl-C stopped it; everything is saved.
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


# book/11-training.md#trainer-exponential-lr
class ExponentialLR:
    """Scheduler: multiplies the learning rates by `gamma` at each step.

    Args:
        optimizer: whose learning rates to change.
        gamma: factor, greater than 0.
    """

    def __init__(self, optimizer: Optimizer, gamma: float):
        self.optimizer, self.gamma = optimizer, gamma

    def step(self) -> None:
        """Take the next learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] *= self.gamma

    def state_dict(self) -> dict:
        """Return what to save; the learning rates are the optimiser's."""
        return {"gamma": self.gamma}

    def load_state_dict(self, state: dict) -> None:
        """Go on with a saved factor."""
        gamma = float(state["gamma"])
        if not 0 < gamma < math.inf:
            raise ValueError(f"ExponentialLR: gamma {gamma} in the state")
        self.gamma = gamma


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


# book/11-training.md#trainer-write-atomically
def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or leave the old one: never half of one."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# book/11-training.md#trainer-split-arrays
def _split(tree, name: str, arrays: dict[str, np.ndarray]):
    """Copy a tree of dicts and lists, moving its arrays into `arrays`."""
    if isinstance(tree, dict):
        return {k: _split(v, f"{name}/{k}", arrays) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [_split(v, f"{name}/{i}", arrays) for i, v in enumerate(tree)]
    if isinstance(tree, np.ndarray):
        arrays[name[1:]] = tree
        return {"$array": name[1:]}
    return tree.item() if isinstance(tree, np.generic) else tree


def _join(tree, arrays: dict[str, np.ndarray]):
    """Undo `_split`."""
    if isinstance(tree, list):
        return [_join(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {"$array"}:
        if (name := str(tree["$array"])) not in arrays:
            raise ValueError(f"the array {name:.40} is missing")
        return arrays[name]
    return {key: _join(item, arrays) for key, item in tree.items()}


# book/11-training.md#trainer-save-checkpoint
_FORMAT = "dlfs checkpoint 1"


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Write a tree of dicts, lists, numbers and arrays as one `.npz`.

    Arrays become members of the archive; all the rest is JSON in a member
    called `metadata`. The file is replaced as a whole.
    """
    arrays: dict[str, np.ndarray] = {}
    metadata = {"format": _FORMAT, "state": _split(state, "", arrays)}
    text = json.dumps(metadata, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, metadata=np.frombuffer(text, np.uint8), **arrays)
    write_atomically(Path(path), buffer.getvalue())


# book/11-training.md#trainer-read-array
def _read_array(raw: bytes) -> np.ndarray:
    """Read a `.npy` member, never allocating more than it holds."""
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array in it has an unknown version")
    header = np.lib.format.read_array_header_1_0(stream)
    shape, fortran_order, dtype = header
    body = bytearray(stream.read())
    if dtype.kind not in "fiub":
        raise ValueError(f"an array in it has the type {dtype!s:.40}")
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(
            f"an array of shape {shape!s:.60} and type {dtype} can't have "
            f"{len(body)} bytes"
        )
    order = "F" if fortran_order else "C"
    return np.frombuffer(body, dtype).reshape(shape, order=order)


# book/11-training.md#trainer-load-checkpoint
class CheckpointError(ValueError):
    """A checkpoint is missing, broken, or belongs to another run."""


def _read_members(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an archive that `save_checkpoint` wrote."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(
            e.compress_type != zipfile.ZIP_STORED
            or e.compress_size != e.file_size
            for e in entries
        ):
            raise ValueError("it is compressed, and ours are not")
        if sum(e.file_size for e in entries) > path.stat().st_size:
            raise ValueError("it announces more bytes than it has")
        if len(set(archive.namelist())) < len(entries):
            raise ValueError("an array stands in it twice")
        return {
            entry.filename.removesuffix(".npy"): _read_array(
                archive.read(entry)
            )
            for entry in entries
        }


# book/11-training.md#trainer-read-metadata
def _no_constant(name: str):
    """Refuse what isn't JSON but Python takes for it: NaN, Infinity."""
    raise ValueError(f"a number in it is {name}")


def _whole(digits: str) -> int:
    """Return a whole number, unless it is longer than any of ours."""
    if len(digits) > 40:
        raise ValueError(f"a number in it has {len(digits)} digits")
    return int(digits)


def _read_state(path: Path) -> dict:
    """Return the tree in an archive that `save_checkpoint` wrote."""
    arrays = _read_members(path)
    if "metadata" not in arrays:
        raise ValueError("it has no metadata")
    text = arrays.pop("metadata").tobytes()
    metadata = json.loads(text, parse_int=_whole, parse_constant=_no_constant)
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    if not isinstance(state := metadata.get("state"), dict):
        raise ValueError("there is no state in it")
    return _join(state, arrays)


# book/11-training.md#trainer-load-tree
def load_checkpoint(path: str | Path) -> dict:
    """Read what `save_checkpoint` wrote. Nothing in it is executed.

    Raises:
        CheckpointError: If the file is missing or not a whole checkpoint.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path} does not exist: nothing to resume")
    try:
        return _read_state(path)
    except Exception as error:  # whatever a broken file makes readers say
        raise CheckpointError(
            f"{path} is not a whole checkpoint of this version: "
            f"{_one_line(error)}"
        ) from error


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
    figure.subplots_adjust(0.08, 0.16, 0.98, 0.97, 0.25)
    epochs = [row["epoch"] for row in history]
    for name, axes in zip(
        ("loss", "accuracy"), figure.subplots(1, 2), strict=True
    ):
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


# book/11-training.md#trainer-number-types
def _number(
    kind: type, low: float, wanted: str, end: float = math.inf
) -> Callable[[str], float]:
    """Return a type for argparse: a number from `low` up to before `end`."""

    def convert(text: str) -> float:
        with contextlib.suppress(ValueError):
            if low <= (value := kind(text)) < end:
                return value
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")

    return convert


positive_int = _number(int, 1, "a whole number of at least 1")
_whole_number = _number(int, 0, "a whole number of at least 0")
_thread_count = _number(int, 1, "a whole number from 1 to 1024", 1025)
_positive_float = _number(float, 5e-324, "a number greater than 0")
_non_negative_float = _number(float, 0, "a number of at least 0")


# book/11-training.md#trainer-other-types
def _folder(text: str) -> Path:
    """Return a folder, ~ being the home folder; a type for argparse."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: the home folder ~ is not known; write it in full"
        ) from None


def _device_name(text: str) -> str:
    """Return the only device there is; a type for argparse."""
    if text != "cpu":
        raise argparse.ArgumentTypeError(
            f"{text!r} is not available: NumPy computes on the cpu only"
        )
    return text


# book/11-training.md#trainer-learning-options
_OPTIMIZERS = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}


def _add_learning_options(add: Callable) -> None:
    """The options that decide the numbers."""
    add("--epochs", type=positive_int, default=5, help="epochs in all")
    add("--batch-size", type=positive_int, default=128, help="in examples")
    add(
        "--optimizer",
        choices=_OPTIMIZERS,
        default="adam",
        help="rule of the step; sgd has momentum 0.9",
    )
    add("--lr", type=_positive_float, default=1e-3, help="learning rate")
    add(
        "--half-life",
        type=_whole_number,
        default=900,
        help="steps in which the learning rate halves; 0: it stays",
    )
    pull = "pull of the weights towards zero"
    add("--weight-decay", type=_non_negative_float, default=0.0, help=pull)
    clip_help = "largest norm of all gradients together; None: any"
    add("--grad-clip", type=_positive_float, help=clip_help)
    add("--seed", type=_whole_number, default=42, help="fixes the run")


# book/11-training.md#trainer-run-options
def _add_run_options(add: Callable) -> None:
    """The options about data, files and the machine."""
    add(
        "--data",
        choices=("auto", "full", "mini"),
        default="auto",
        help="full data set, small slice, or full if it can be had",
    )
    root_help = "folder of the data sets; None: $DLFS_DATA or the cache"
    add("--data-dir", type=Path, help=root_help)
    limit_help = "use only so many training examples; None: all"
    add("--limit", type=positive_int, help=limit_help)
    validation_help = (
        "training images to hold out and choose by, 0 for none; None: a "
        "tenth, at most 5000"
    )
    add("--validation", type=_whole_number, help=validation_help)
    no_test_help = "leave the test set alone, while there are choices to make"
    add("--no-test", action="store_true", help=no_test_help)
    add("--save-dir", type=_folder, help="folder for this run's files")
    resume_help = "go on from last.npz in the save folder"
    add("--resume", action="store_true", help=resume_help)
    add("--device", type=_device_name, default="cpu", help="cpu")
    add(
        "--threads",
        type=_thread_count,
        default=1,
        help="threads of the matrix product; other numbers than 1 are "
        "faster but can change the last bits of the result",
    )
    add("--quiet", action="store_true", help="print only the result")


# book/11-training.md#trainer-argument-parser
def argument_parser(
    name: str, description: str, **defaults
) -> argparse.ArgumentParser:
    """Return the options that every experiment has.

    Args:
        name: name of the experiment's module; names its run folder too.
        description: what `--help` says first.
        **defaults: other defaults, as in `epochs=10`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m dlfs.experiments.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_learning_options(parser.add_argument)
    _add_run_options(parser.add_argument)
    parser.set_defaults(save_dir=Path("runs") / name, **defaults)
    return parser


# book/11-training.md#trainer-make-optimizer
def make_optimizer(args: argparse.Namespace, model: nn.Module) -> Optimizer:
    """Return the optimiser that `--optimizer` and its options name."""
    options = {"lr": args.lr, "weight_decay": args.weight_decay}
    if args.optimizer == "sgd":
        options["momentum"] = 0.9
    return _OPTIMIZERS[args.optimizer](model.parameters(), **options)


# book/11-training.md#trainer-environment
def environment() -> dict[str, str | None]:
    """Return the versions of Python, NumPy, this package and the system."""
    git = None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        git = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(nn.__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.strip()
    try:
        dlfs = version("dlfs-book")
    except PackageNotFoundError:
        dlfs = None
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "dlfs": dlfs,
        "git": git,
        "system": platform.platform(),
    }


# book/11-training.md#trainer-split-training
def split_training(
    args: argparse.Namespace, dataset
) -> tuple[TensorDataset, TensorDataset]:
    """Split a training set as `--validation` and `--seed` say.

    Without `--validation`, `args.validation` becomes what it stands for.

    Returns:
        What to learn from, and what to choose by; the second may be empty.
    """
    if args.validation is None:
        args.validation = min(len(dataset) // 10, 5_000)
    if args.validation >= len(dataset):
        raise ValueError(
            f"--validation {args.validation}: of {len(dataset)} training "
            "examples at least one must be left to learn from"
        )
    return hold_out(dataset, args.validation, [args.seed, 2])


# book/11-training.md#trainer-parts
def _make_trainer(
    args: argparse.Namespace,
    model: nn.Module,
    train_set,
    validation_set,
    config: dict,
) -> Trainer:
    """Put the parts together as the command line says."""
    generator = np.random.default_rng([args.seed, 1])
    optimizer = make_optimizer(args, model)
    scheduler = None
    if args.half_life:
        scheduler = ExponentialLR(optimizer, 0.5 ** (1 / args.half_life))
    return Trainer(
        model,
        optimizer,
        DataLoader(train_set, args.batch_size, True, generator=generator),
        DataLoader(validation_set, 1000) if len(validation_set) else None,
        grad_clip=args.grad_clip,
        scheduler=scheduler,
        save_dir=args.save_dir,
        config=config,
        quiet=args.quiet,
    )


# book/11-training.md#trainer-run
_FREE = (
    "epochs",
    "data",
    "data_dir",
    "no_test",
    "save_dir",
    "resume",
    "quiet",
)


def run_training(
    args: argparse.Namespace,
    model: nn.Module,
    train_set,
    validation_set,
    test_set,
    data: dict[str, str],
) -> dict:
    """Train and measure as the command line says, and say where it is.

    Args:
        args: of a parser made by `argument_parser`.
        model: built after `manual_seed(args.seed)`.
        train_set: data set to learn from.
        validation_set: data set to choose by; may be empty.
        test_set: data set to measure on once, at the end.
        data: what the data are: `{"source": ..., "sha256": ...}`.

    Returns:
        The measurements of the last epoch, and of the test.
    """
    arguments = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
    }
    config = {n: v for n, v in arguments.items() if n not in _FREE}
    config["data"] = data["sha256"]
    trainer = _make_trainer(args, model, train_set, validation_set, config)
    if args.resume:
        trainer.resume()
        print(f"resumed after step {trainer.step}", flush=True)
    else:
        set_aside(args.save_dir)
    about = {"arguments": arguments, "data": data, **environment()}
    text = json.dumps(about, indent=2) + "\n"
    write_atomically(args.save_dir / "config.json", text.encode())
    row = trainer.fit(args.epochs)[-1]
    if not args.no_test:
        row = row | trainer.test(DataLoader(test_set, 1000))
        print(f"test accuracy {row['test_accuracy']:.2%}")
    print(f"curve {args.save_dir / 'curve.png'}")
    print(f"checkpoint {args.save_dir / 'last.npz'}")
    return row


# book/11-training.md#trainer-set-aside
_RUN_FILES = (
    "last.npz",
    "best.npz",
    "metrics.jsonl",
    "curve.png",
    "config.json",
)


def set_aside(folder: Path) -> None:
    """Move an earlier run's files into `previous`, `previous-2`, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in _RUN_FILES if (folder / name).exists()]
    if names in ([], ["config.json"]):
        return
    previous, number = folder / "previous", 1
    while previous.exists():
        number += 1
        previous = folder / f"previous-{number}"
    previous.mkdir()
    for name in names:
        os.replace(folder / name, previous / name)


# book/11-training.md#trainer-command
def run_command(
    parser: argparse.ArgumentParser,
    experiment: Callable[[argparse.Namespace], object],
    argv: list[str] | None = None,
) -> int:
    """Run an experiment from the command line, errors as one sentence.

    Returns:
        The exit code: 0, 1 after an error, 130 after Ctrl-C. (A wrong
        argument exits with 2 at once.)
    """
    args = parser.parse_args(argv)
    try:
        with threadpool_limits(args.threads):
            experiment(args)
        return 0
    except (OSError, MemoryError, ValueError, Diverged) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 1
    except Interrupted as stop:
        print(f"{stop}: add --resume", file=sys.stderr)
        return 128 + stop.number
    except KeyboardInterrupt:
        print("stopped at once, without saving once more", file=sys.stderr)
        return 130
