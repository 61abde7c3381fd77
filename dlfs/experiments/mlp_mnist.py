# Made from book/ by scripts/tangle.py: edit the chapters.
"""Train a multi-layer perceptron on MNIST.

python -m dlfs.experiments.mlp_mnist --epochs 5 --batch-size 128 --lr 2e-3
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from itertools import pairwise

from dlfs import manual_seed, nn
from dlfs.data import (
    TensorDataset,
    fingerprint,
    load_mnist,
    normalize,
    pixel_statistics,
)
from dlfs.trainer import (
    argument_parser,
    positive_int,
    run_command,
    run_training,
    split_training,
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
def run_on_mnist(
    args: argparse.Namespace, make_model: Callable[[], nn.Module]
) -> dict:
    """Load the data, build the network, train it and measure it.

    Args:
        args: of a parser made by `argument_parser`.
        make_model: makes a network for images (N, 1, 28, 28).
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train, test, source = load_mnist(args.data, args.data_dir)
    print(f"data: {source}", flush=True)
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    if args.limit is not None and args.limit > len(train):
        raise ValueError(
            f"--limit {args.limit}: there are only {len(train)} images"
        )
    limited = TensorDataset(*train[: args.limit])
    learn_from, choose_by = split_training(args, limited)
    statistics = pixel_statistics(learn_from.arrays[0])
    manual_seed(args.seed)
    return run_training(
        args,
        make_model(),
        *(
            TensorDataset(normalize(images[:, None], *statistics), labels)
            for images, labels in (learn_from[:], choose_by[:], test[:])
        ),
        {"source": source, "sha256": fingerprint(*train[:], *test[:])},
    )


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
