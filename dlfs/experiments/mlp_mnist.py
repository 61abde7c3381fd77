# Made from book/ by scripts/tangle.py: edit the chapters.
"""Train a multi-layer perceptron on MNIST.

python -m dlfs.experiments.mlp_mnist --epochs 5 --batch-size 128 --lr 2e-3
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from dlfs import nn
from dlfs.data import TensorDataset, load_mnist, normalize, pixel_statistics
from dlfs.trainer import (
    argument_parser,
    positive_int,
    run_command,
    run_experiment,
)

__all__ = ["main", "make_mlp", "make_parser", "run", "run_on_mnist"]


# book/12-mnist.md#mlp-mnist-model
def make_mlp(hidden: list[int]) -> nn.Sequential:
    """Return a perceptron from 28 x 28 pixels to 10 logits.

    Args:
        hidden: width of every hidden layer, from the image on.
    """
    layers = [nn.Flatten()]
    for before, after in pairwise([28 * 28, *hidden, 10]):
        layer = nn.Linear(before, after)
        nn.xavier_uniform_(layer.weight)
        nn.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])  # no ReLU after the logits


# book/12-mnist.md#mlp-mnist-parser
def make_parser() -> argparse.ArgumentParser:
    """Return the command line of this experiment."""
    parser = argument_parser(
        "mlp_mnist", "Train a multi-layer perceptron on MNIST."
    )
    parser.add_argument(
        "--hidden",
        type=positive_int,
        nargs="*",
        default=[256, 128],
        metavar="WIDTH",
        help="widths of the hidden layers",
    )
    return parser


# book/12-mnist.md#mlp-mnist-run
def _normalized(*sets):
    """Return the sets with the statistics of the first taken out of all."""
    statistics = pixel_statistics(sets[0].arrays[0])
    for images, labels in (each[:] for each in sets):
        yield TensorDataset(normalize(images[:, None], *statistics), labels)


def run_on_mnist(
    args: argparse.Namespace, make_model: Callable[[], nn.Module]
) -> dict:
    """Train and measure a network for images (N, 1, 28, 28)."""
    load = partial(load_mnist, args.data, args.data_dir)
    return run_experiment(args, load, _normalized, make_model)


def run(args: argparse.Namespace) -> dict:
    """Train the perceptron of this experiment."""
    return run_on_mnist(args, lambda: make_mlp(args.hidden))


# book/12-mnist.md#mlp-mnist-main
def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    return run_command(make_parser(), run, argv)


# True for `python -m dlfs.experiments.mlp_mnist`, false for this page.
if __name__ == "__main__" and sys.argv[0].endswith("mlp_mnist.py"):
    sys.exit(main())
