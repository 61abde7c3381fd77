# Made from book/ by scripts/tangle.py: edit the chapters.
"""The command line of an experiment."""

import argparse
import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from dlfs import manual_seed, nn, optim
from dlfs.data import DataLoader, TensorDataset, fingerprint, hold_out
from dlfs.optim import ExponentialLR, Optimizer, lr_scheduler
from dlfs.trainer.checkpoint import write_atomically
from dlfs.trainer.loop import Diverged, Interrupted, Trainer
from dlfs.trainer.memory import keep_memory
from dlfs.trainer.parallel import Sharded

__all__ = [
    "argument_parser",
    "environment",
    "lock_folder",
    "make_optimizer",
    "make_scheduler",
    "positive_int",
    "run_command",
    "run_experiment",
    "run_training",
    "set_aside",
    "split_training",
]


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
_seed = _number(int, 0, "a whole number from 0 up to below 2**64", 2**64)
_thread_count = _number(int, 1, "a whole number from 1 to 1024", 1025)
_positive_float = _number(float, 5e-324, "a number greater than 0")
_non_negative_float = _number(float, 0, "a number of at least 0")
_share = _number(float, 0, "a number from 0 up to, but without, 1", 1)


# book/11-training.md#trainer-other-types
def _folder(text: str) -> Path:
    """Return a folder, ~ being the home folder; a type for argparse."""
    if not text.strip():
        message = f"{text!r} is not the name of a folder"
        raise argparse.ArgumentTypeError(message)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: the home folder ~ is not known; write it in full"
        ) from None


def _existing_folder(text: str) -> Path:
    """Return a folder that is there; a type for argparse."""
    if not (folder := _folder(text)).is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a folder that exists; make it first if the data "
            "are to be downloaded to it"
        )
    return folder


def _or_none(convert: Callable) -> Callable:
    """Return a type for argparse that also takes what --help calls None."""
    return lambda text: None if text == "None" else convert(text)


# book/11-training.md#trainer-learning-options
_OPTIMIZERS = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}


def _add_learning_options(add: Callable) -> None:
    """The options that decide the numbers."""
    add("--epochs", type=positive_int, default=5, help="epochs in all")
    add("--batch-size", type=positive_int, default=128, help="in examples")
    rule_help = "rule of the step; sgd has momentum 0.9"
    add("--optimizer", choices=_OPTIMIZERS, default="adam", help=rule_help)
    add("--lr", type=_positive_float, default=2e-3, help="learning rate")
    half_help = "steps in which the learning rate halves; 0: it stays"
    add("--half-life", type=_whole_number, default=900, help=half_help)
    pull = "pull of the weights towards zero"
    add("--weight-decay", type=_non_negative_float, default=0.0, help=pull)
    clip_help = "largest norm of all gradients together; None: any"
    add("--grad-clip", type=_or_none(_positive_float), help=clip_help)
    add("--seed", type=_seed, default=42, help="fixes the run")


# book/11-training.md#trainer-run-options
def _add_run_options(add: Callable) -> None:
    """The options about data, files and the machine."""
    data_help = "full data set, small slice, or full if it can be had"
    sets = ("auto", "full", "mini")
    add("--data", choices=sets, default="auto", help=data_help)
    root_help = "folder of the data sets; None: $DLFS_DATA or the cache"
    add("--data-dir", type=_or_none(_existing_folder), help=root_help)
    limit_help = "use only so many training examples; None: all"
    add("--limit", type=_or_none(positive_int), help=limit_help)
    validation_help = (
        "training images to hold out and choose by, 0 for none; None: a "
        "tenth, at most 5000"
    )
    kind = _or_none(_whole_number)
    add("--validation", type=kind, help=validation_help)
    no_test_help = "leave the test set alone, while there are choices to make"
    add("--no-test", action="store_true", help=no_test_help)
    add("--save-dir", type=_folder, help="folder for this run's files")
    resume_help = "go on from last.npz in the save folder"
    add("--resume", action="store_true", help=resume_help)
    device_help = "NumPy computes on the cpu only"
    add("--device", choices=["cpu"], default="cpu", help=device_help)
    threads_help = (
        "threads of the matrix product; other numbers than 1 are faster but "
        "can change the last bits of the result"
    )
    add("--threads", type=_thread_count, default=1, help=threads_help)
    add("--quiet", action="store_true", help="print only the result")


# book/30-experiments.md#trainer-argument-parser-schedule
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
    _add_schedule_options(parser.add_argument)
    shards_help = (
        "parts that a batch is cut into; if more than 1, --threads work on "
        "these, and any number of them gives the same bits"
    )
    kind = {"type": positive_int, "default": 1}
    parser.add_argument("--shards", help=shards_help, **kind)
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
    dlfs = git = None
    with contextlib.suppress(PackageNotFoundError):
        dlfs = version("dlfs-book")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        git = subprocess.check_output(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(nn.__file__).parent,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=5,
        ).strip()
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
    return hold_out(dataset, args.validation, [args.seed, 2])


# book/30-experiments.md#trainer-parts-schedule
def _in_shards(args: argparse.Namespace, model: nn.Module) -> nn.Module:
    """Return the model, in shards if the command line says so."""
    if args.shards == 1:
        return model
    if args.shards > args.batch_size:
        raise ValueError(
            f"--shards {args.shards}: a batch has only {args.batch_size} "
            "examples; take at most as many shards"
        )
    return Sharded(model, args.shards, args.threads)


def _make_trainer(args, model, train_set, validation_set, config):
    """Put the parts together as the command line says."""
    generator = np.random.default_rng([args.seed, 1])
    optimizer = make_optimizer(args, model)
    loader = DataLoader(train_set, args.batch_size, True, generator=generator)
    smoothing = {"label_smoothing": args.label_smoothing}
    return Trainer(
        _in_shards(args, model),
        optimizer,
        loader,
        DataLoader(validation_set, 1000) if len(validation_set) else None,
        loss_function=partial(nn.cross_entropy, **smoothing),
        grad_clip=args.grad_clip,
        scheduler=make_scheduler(args, optimizer, len(loader)),
        save_dir=args.save_dir,
        config=config,
        quiet=args.quiet,
    )


# book/30-experiments.md#trainer-config-schedule
_FREE = {"data", "data_dir", "no_test", "save_dir", "resume", "quiet"}


def _split_arguments(args: argparse.Namespace) -> tuple[dict, dict]:
    """Return all arguments as JSON types, and those that decide numbers."""
    arguments = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
    }
    free = _FREE | ({"threads"} if args.shards > 1 else set())
    if args.schedule == "half-life":  # which does not know where it ends
        free |= {"epochs"}
    return arguments, {n: v for n, v in arguments.items() if n not in free}


# book/11-training.md#trainer-run
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
    arguments, config = _split_arguments(args)
    config["data"] = data["sha256"]
    trainer = _make_trainer(args, model, train_set, validation_set, config)
    if args.resume and not args.save_dir.exists():
        trainer.resume()  # which says what is missing
    with lock_folder(args.save_dir):
        if args.resume:
            trainer.resume()
            print(f"resumed after step {trainer.step}", flush=True)
        else:
            set_aside(args.save_dir)
        if trainer.epoch >= args.epochs:
            done = f"{trainer.epoch} of {args.epochs} epochs are done"
            print(f"nothing left to train: {done}; --epochs takes more")
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


# book/11-training.md#trainer-run-experiment
def run_experiment(
    args: argparse.Namespace,
    load: Callable,
    prepare: Callable,
    make_model: Callable[[], nn.Module],
) -> dict:
    """Load the data, build the network, train it and measure it.

    Args:
        args: of a parser made by `argument_parser`.
        load: returns a training set, a test set and a sentence about them.
        prepare: takes what to learn from, to choose by and to test on, and
            returns the three as the network wants them.
        make_model: returns the network.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train, test, source = load()
    print(f"data: {source}", flush=True)
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    if args.limit is not None and args.limit > len(train):
        raise ValueError(
            f"--limit {args.limit}: there are only {len(train)} images"
        )
    limited = TensorDataset(*train[: args.limit])
    sets = prepare(*split_training(args, limited), test)
    manual_seed(args.seed)
    data = {"source": source, "sha256": fingerprint(*train[:], *test[:])}
    return run_training(args, make_model(), *sets, data)


# book/11-training.md#trainer-lock-folder
@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Make a folder and hold it for one run; raises OSError if it is held."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        message = f"{folder} cannot be a folder: a file is in its place"
        raise OSError(message) from None
    with open(folder / ".lock", "ab") as stream:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise OSError(
                f"{folder}: another run is using it; wait for its end, or "
                "give this one a --save-dir of its own"
            ) from None
        yield


# book/11-training.md#trainer-set-aside
_RESULTS = ("last.npz", "best.npz", "metrics.jsonl", "curve.png")


def set_aside(folder: Path) -> None:
    """Move an earlier run's files into `previous`, `previous-2`, ..."""
    if not any((folder / name).exists() for name in _RESULTS):
        return
    previous, number = folder / "previous", 1
    while previous.exists():
        number += 1
        previous = folder / f"previous-{number}"
    previous.mkdir()
    for name in (*_RESULTS, "config.json"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder / name, previous / name)
    print(f"an earlier run was moved to {previous}", flush=True)


# book/34-fast-numpy.md#trainer-command-memory
def run_command(
    parser: argparse.ArgumentParser,
    experiment: Callable[[argparse.Namespace], object],
    argv: list[str] | None = None,
) -> int:
    """Run an experiment from the command line, errors as one sentence.

    Memory is kept from then on; see `keep_memory`.

    Returns:
        The exit code: 0, 1 after an error, 130 after Ctrl-C, 143 after
        SIGTERM. (A wrong argument exits with 2 at once.)
    """
    args = parser.parse_args(argv)
    keep_memory()
    try:
        with threadpool_limits(args.threads if args.shards == 1 else 1):
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


# book/30-experiments.md#trainer-schedule-options
def _add_schedule_options(add: Callable) -> None:
    """The options about the learning rate's way, and about the targets."""
    add(
        "--schedule",
        choices=("half-life", "step", "cosine", "one-cycle"),
        default="half-life",
        help="how the learning rate changes; all but the first take the "
        "number of epochs into account",
    )
    warmup_help = "epochs in which the learning rate rises to --lr"
    add("--warmup", type=_non_negative_float, default=0.0, help=warmup_help)
    smoothing_help = "share of each target that all classes have in common"
    add("--label-smoothing", type=_share, default=0.0, help=smoothing_help)


# book/30-experiments.md#trainer-make-scheduler
def make_scheduler(
    args: argparse.Namespace, optimizer: Optimizer, steps_per_epoch: int
) -> lr_scheduler.LRScheduler | None:
    """Return the schedule that the command line names, None for none.

    Raises:
        ValueError: If the warmup does not end before the run does.
    """
    total = args.epochs * steps_per_epoch
    warmup = round(args.warmup * steps_per_epoch)
    if warmup >= total:
        raise ValueError(
            f"--warmup {args.warmup:g}: expected less than --epochs, which "
            f"is {args.epochs}"
        )
    if args.schedule == "one-cycle":
        share = warmup / total if warmup else 0.3
        return lr_scheduler.OneCycleLR(
            optimizer, args.lr, total, pct_start=share
        )
    start = None
    if warmup:  # before the other, which takes the rate as it finds it
        first = 1 / (warmup + 1)
        start = lr_scheduler.LinearLR(optimizer, first, 1.0, warmup)
    main = _main_schedule(args, optimizer, total - warmup)
    if start is None or main is None:
        return start or main
    return lr_scheduler.SequentialLR(optimizer, [start, main], [warmup])


def _main_schedule(args, optimizer, steps):
    """Return the schedule of so many steps after the warmup, if any."""
    if args.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, steps)
    if args.schedule == "step":  # a tenth in each third of the run
        return lr_scheduler.StepLR(optimizer, -(-steps // 3))
    if args.half_life:
        return ExponentialLR(optimizer, 0.5 ** (1 / args.half_life))
    return None
