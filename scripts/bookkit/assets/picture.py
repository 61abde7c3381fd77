"""Draw the pictures of the README and of the site with the package itself.

    python scripts/make_picture.py

Trains the network of chapter 12 on the MNIST slice in the package, with the
arguments of `make train`, and draws what it made of the test images:

    assets/mlp-mnist.png         for the README, with the learning curve
    book/pictures/digits.svg     for the first page
    theme/overrides/assets/card.png   for links to the site

book/pictures/curves.svg is drawn from the runs in book/runs/mlp_mnist.jsonl.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from bookkit import ROOT
from bookkit.weave.results import group_of
from dlfs import Tensor, no_grad
from dlfs.data import load_mnist, normalize, pixel_statistics
from dlfs.experiments import mlp_mnist
from dlfs.trainer import learning_curve, load_checkpoint, split_training

ARGUMENTS = "--data mini --epochs 5 --batch-size 128 --lr 2e-3 --seed 42"
PICTURES = ROOT / "book" / "pictures"
MISTAKES = 6  # in the picture of the README
DARK, LIGHT, RED = "#33363c", "#fdfcfa", "#e0525f"
COLOURS = {"full": "#3b82d0", "mini": "#c8660a"}
NAMES = {"full": "all of MNIST", "mini": "the slice"}


def read_lines(path: Path) -> list[dict]:
    """The records in a file that has one in each line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def train(folder: Path) -> tuple[list[dict], dict]:
    """Run the experiment; return what its epochs measured, and weights."""
    if mlp_mnist.main([*ARGUMENTS.split(), "--save-dir", str(folder)]):
        raise SystemExit("make_picture: the training failed")
    rows = read_lines(folder / "metrics.jsonl")
    weights = load_checkpoint(folder / "last.npz")["model"]
    return [row for row in rows if "train_loss" in row], weights


def read_digits(weights: dict) -> list[np.ndarray]:
    """Test images, their labels and the answers of the network."""
    training, test, _ = load_mnist("mini")
    args = mlp_mnist.make_parser().parse_args(ARGUMENTS.split())
    learnt_from, _ = split_training(args, training)
    images = normalize(test.data, *pixel_statistics(learnt_from.arrays[0]))
    model = mlp_mnist.make_mlp(args.hidden)
    model.load_state_dict(weights)
    with no_grad():
        answers = model(Tensor(images)).data.argmax(axis=1)
    return [test.data, test.targets, answers]


def mix(images, labels, answers, count: int) -> list[np.ndarray]:
    """The first images that were read rightly, with mistakes among them."""
    wrong = np.flatnonzero(answers != labels)[:MISTAKES]
    right = np.flatnonzero(answers == labels)[: count - len(wrong)]
    chosen = np.random.default_rng(1).permutation(np.append(wrong, right))
    return [images[chosen], labels[chosen], answers[chosen]]


def draw_digits(figure, rows: int, columns: int, digits) -> Figure:
    """Draw the first images, ink on clear ground, with the answers below."""
    cells = figure.subplots(rows, columns).flat
    for cell, image, label, answer in zip(cells, *digits):
        ink = np.zeros((*image.shape, 4))  # black, more or less opaque
        ink[..., 3] = image / 255
        cell.imshow(ink, interpolation="none")
        cell.axis("off")
        is_right = answer == label
        cell.set_title(
            str(answer) if is_right else f"{answer}, not {label}",
            size=13,
            y=-0.36,
            color=DARK if is_right else RED,
            weight="normal" if is_right else "bold",
        )
    return figure


def draw_curves(records: list[dict]) -> Figure:
    """Draw the validation accuracy after every epoch of the recorded runs."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for data, color in COLOURS.items():
        runs = [
            [100 * value for value in each["validation_by_epoch"]]
            for each in records
            if group_of(each) == data
        ]
        epochs = range(1, len(runs[0]) + 1)
        axes.plot(epochs, np.transpose(runs), "o-", color=color, ms=3, lw=1)
        place = (epochs[-1] + 0.12, np.mean(runs, axis=0)[-1])
        axes.annotate(NAMES[data], place, color=color, va="center")
    axes.set(xlabel="epoch", ylabel="validation accuracy, %", xticks=epochs)
    axes.set_xlim(0.8, 6.1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure


def save(figure: Figure, path: Path, **options) -> None:
    """Write a figure so that the same figure makes the same file."""
    unsaid = ("Date", "Creator") if path.suffix == ".svg" else ("Software",)
    with rc_context({"svg.hashsalt": "dlfs"}):
        figure.savefig(path, metadata=dict.fromkeys(unsaid), **options)
    print(f"picture {path}")


def main() -> None:
    """Train, and write the pictures."""
    kind = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(
        description=__doc__, formatter_class=kind
    ).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history, weights = train(Path(folder))
    digits = read_digits(weights)
    banner = Figure(figsize=(12, 5.6), facecolor=LIGHT)
    above, below = banner.subfigures(2, 1, height_ratios=(1.3, 1))
    learning_curve(history, above)
    below.subplots_adjust(0.03, 0.1, 0.97, 1, hspace=0.5)
    draw_digits(below, 3, 12, mix(*digits, 36))
    save(banner, ROOT / "assets" / "mlp-mnist.png", dpi=130)
    page = Figure(figsize=(6.4, 5.6))
    page.subplots_adjust(0, 0.05, 1, 1, hspace=0.45)
    draw_digits(page, 6, 8, digits)
    save(page, PICTURES / "digits.svg", transparent=True)
    curves = draw_curves(read_lines(ROOT / "book/runs/mlp_mnist.jsonl"))
    save(curves, PICTURES / "curves.svg", transparent=True)
    card = Figure(figsize=(12, 6.3), facecolor=LIGHT)
    card.subplots_adjust(0.04, 0.08, 0.96, 0.78)
    card.text(0.05, 0.86, "Deep Learning from Scratch", size=40, color=DARK)
    draw_digits(card, 3, 10, digits)
    save(card, ROOT / "theme/overrides/assets/card.png", dpi=100)
