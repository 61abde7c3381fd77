# Made from book/ by scripts/tangle.py: edit the chapters.
"""Train a convolutional network on the photographs of CIFAR-10.

python -m dlfs.experiments.cnn_cifar10 --epochs 20 --lr 3e-4 --augment
"""

import argparse
import sys
from functools import partial

import numpy as np

from dlfs import data, nn
from dlfs.models import CNNConfig, ResNet, ResNetConfig, SmallCNN
from dlfs.trainer import argument_parser, run_command, run_experiment
from dlfs.trainer.command_line import _share

__all__ = [
    "main",
    "make_mlp",
    "make_parser",
    "make_resnet",
    "make_small",
    "make_transform",
    "run",
]


# book/30-experiments.md#cnn-cifar10-models
def make_small(dropout: float) -> nn.Module:
    """Return the network of `--model small`."""
    return SmallCNN(CNNConfig(dropout=dropout))


def make_resnet(dropout: float) -> nn.Module:
    """Return the network of `--model resnet`."""
    return ResNet(ResNetConfig(dropout=dropout))


def make_mlp(dropout: float) -> nn.Module:
    """Return the perceptron of `--model mlp`, to compare with."""
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(3072, 256), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(256, 128), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(128, 10)),
    )


_MODELS = {"small": make_small, "resnet": make_resnet, "mlp": make_mlp}


# book/30-experiments.md#cnn-cifar10-sets
def make_transform(
    images: np.ndarray, augment: bool, seed: int
) -> data.Compose:
    """Return what is done to the photographs before the network sees them.

    Args:
        images: those to learn from, for the mean and the deviation.
        augment: whether to crop and mirror at random as well.
        seed: fixes where.
    """
    changes = []
    if augment:
        crop, flip = np.random.default_rng([seed, 3]).spawn(2)
        border = {"padding": 4, "padding_mode": "reflect"}
        changes += [data.RandomCrop(32, **border, generator=crop)]
        changes += [data.RandomHorizontalFlip(generator=flip)]
    statistics = data.channel_statistics(images)
    return data.Compose([*changes, data.Normalize(*statistics)])


# book/30-experiments.md#cnn-cifar10-parser
def make_parser() -> argparse.ArgumentParser:
    """Return the command line of this experiment."""
    about = "Train a convolutional network on CIFAR-10."
    defaults = {"epochs": 20, "lr": 3e-4, "half_life": 0}
    parser = argument_parser("cnn_cifar10", about, **defaults)
    add = parser.add_argument
    add("--model", choices=_MODELS, default="small", help="which network")
    dropout_help = "share of the values dropped before a linear layer"
    add("--dropout", type=_share, default=0.0, help=dropout_help)
    augment_help = "show each photograph cropped and mirrored at random"
    add("--augment", action="store_true", help=augment_help)
    return parser


# book/30-experiments.md#cnn-cifar10-run
def run(args: argparse.Namespace) -> dict:
    """Train the network that the command line names."""
    if args.data == "mini":
        raise ValueError(
            "--data mini: the package has no photographs, since those of "
            "CIFAR-10 have no licence; leave the option out"
        )

    def transformed(learn_from, *others):
        images = learn_from.arrays[0]
        plain = make_transform(images, False, args.seed)
        changed = make_transform(images, args.augment, args.seed)
        rest = (data.Transformed(each, plain) for each in others)
        return data.Transformed(learn_from, changed), *rest

    load = partial(data.load_cifar10, args.data_dir)
    make_model = partial(_MODELS[args.model], args.dropout)
    return run_experiment(args, load, transformed, make_model)


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    return run_command(make_parser(), run, argv)


# True for `python -m dlfs.experiments.cnn_cifar10`, false for this page.
if __name__ == "__main__" and sys.argv[0].endswith("cnn_cifar10.py"):
    sys.exit(main())
