# Made from book/ by scripts/tangle.py: edit the chapters.
"""Train LeNet on MNIST.

python -m dlfs.experiments.lenet_mnist --epochs 5
"""

import argparse
import sys
from functools import partial

from dlfs.experiments.mlp_mnist import run_on_mnist
from dlfs.models import LeNet
from dlfs.trainer import argument_parser, run_command

__all__ = ["main", "make_parser"]


# book/30-experiments.md#lenet-mnist
def make_parser() -> argparse.ArgumentParser:
    """Return the command line of this experiment."""
    about = "Train LeNet on MNIST."
    defaults = {"batch_size": 64, "lr": 4e-3, "schedule": "one-cycle"}
    return argument_parser("lenet_mnist", about, **defaults)


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    run = partial(run_on_mnist, make_model=LeNet)
    return run_command(make_parser(), run, argv)


# True for `python -m dlfs.experiments.lenet_mnist`, false for this page.
if __name__ == "__main__" and sys.argv[0].endswith("lenet_mnist.py"):
    sys.exit(main())
