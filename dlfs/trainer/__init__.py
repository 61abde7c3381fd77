# Made from book/ by scripts/tangle.py: edit the chapters.
"""What the modules of dlfs.trainer offer, in one place."""

from dlfs.optim.lr_scheduler import ExponentialLR
from dlfs.trainer.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from dlfs.trainer.command_line import (
    argument_parser,
    environment,
    lock_folder,
    make_optimizer,
    make_scheduler,
    positive_int,
    run_command,
    run_experiment,
    run_training,
    set_aside,
    split_training,
)
from dlfs.trainer.evaluation import Meter, evaluate
from dlfs.trainer.loop import (
    Diverged,
    Interrupted,
    Trainer,
    describe,
    learning_curve,
)
from dlfs.trainer.memory import keep_memory
from dlfs.trainer.parallel import Sharded

__all__ = [
    "CheckpointError",
    "Diverged",
    "ExponentialLR",
    "Interrupted",
    "Meter",
    "Sharded",
    "Trainer",
    "argument_parser",
    "describe",
    "environment",
    "evaluate",
    "keep_memory",
    "learning_curve",
    "load_checkpoint",
    "lock_folder",
    "make_optimizer",
    "make_scheduler",
    "positive_int",
    "run_command",
    "run_experiment",
    "run_training",
    "save_checkpoint",
    "set_aside",
    "split_training",
    "write_atomically",
]
