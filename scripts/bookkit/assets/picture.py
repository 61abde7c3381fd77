"""Draw the pictures of the README and of the site with the package itself.

    python scripts/make_picture.py

Trains the network of chapter 12 on the MNIST slice in the package, with the
arguments of `make train`, and draws what it made of the test images:

    assets/mlp-mnist.png         for the README: the accuracy after every
                                 epoch, and images with the network's answers
    book/pictures/digits.svg     for the first page: the first test images
    theme/overrides/assets/card.png   the same, shown by links to the site

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
from dlfs.autograd import Tensor, no_grad
from dlfs.data import TensorDataset, load_mnist, normalize, pixel_statistics
from dlfs.experiments import mlp_mnist
from dlfs.trainer import load_checkpoint, split_training

ARGUMENTS = "--data mini --epochs 5 --batch-size 128 --lr 2e-3 --seed 42"
RECORDS = ROOT / "book" / "runs" / "mlp_mnist.jsonl"
ROWS, COLUMNS, MISTAKES = 4, 9, 6
SHAPE = (6, 8)  # rows and columns of the first page
GREY, BLUE, RED = "#808890", "#3b82d0", "#e0525f"
DARK, ORANGE = "#33363c", "#c8660a"


def train(folder: str) -> tuple[list[dict], dict]:
    """Run the experiment; return what its epochs measured, and weights."""
    if mlp_mnist.main([*ARGUMENTS.split(), "--save-dir", folder]):
        raise SystemExit("make_picture: the training failed")
    lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    state = load_checkpoint(Path(folder) / "last.npz")
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if "train_loss" in row], state["model"]


def read(
    weights: dict, training: TensorDataset, test: np.ndarray
) -> np.ndarray:
    """Return the answers, (N,), of the trained network to test images."""
    args = mlp_mnist.make_parser().parse_args(ARGUMENTS.split())
    model = mlp_mnist.make_mlp(args.hidden)
    model.load_state_dict(weights)
    learnt_from, _ = split_training(args, training)
    images = normalize(test, *pixel_statistics(learnt_from.arrays[0]))
    with no_grad():
        return model(Tensor(images)).data.argmax(axis=1)


def choose(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Pick test images: the first right ones, with a few mistakes mixed in."""
    wrong = np.flatnonzero(answers != labels)[:MISTAKES]
    right = np.flatnonzero(answers == labels)[: ROWS * COLUMNS - len(wrong)]
    return np.random.default_rng(1).permutation(np.append(wrong, right))


def draw(
    history: list[dict],
    images: np.ndarray,
    labels: np.ndarray,
    answers: np.ndarray,
) -> Figure:
    """Draw the learning curve beside the chosen test images."""
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
    axes = left.subplots()
    for split, style in ("train", "o--"), ("validation", "o-"):
        values = [100 * row[f"{split}_accuracy"] for row in history]
        epochs = [row["epoch"] for row in history]
        axes.plot(epochs, values, style, color=BLUE, label=split)
    axes.set_xlabel("epoch", color=GREY)
    axes.set_ylabel("accuracy, %", color=GREY)
    axes.set_xticks(epochs)
    axes.tick_params(colors=GREY)
    axes.spines[:].set_color(GREY)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, labelcolor=GREY)
    cells = right.subplots(ROWS, COLUMNS).flat
    for cell, i in zip(cells, choose(answers, labels), strict=True):
        cell.imshow(images[i], cmap="gray_r")
        correct = answers[i] == labels[i]
        text = f"{answers[i]}" if correct else f"{answers[i]}, not {labels[i]}"
        cell.set_title(text, size=9, pad=2, color=GREY if correct else RED)
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set(color=GREY if correct else RED)
    return figure


def draw_digits(
    figure: Figure,
    images: np.ndarray,
    labels: np.ndarray,
    answers: np.ndarray,
    shape: tuple[int, int],
) -> Figure:
    """Draw the first images, ink on clear ground, with the answers below."""
    for i, cell in enumerate(figure.subplots(*shape).flat):
        ink = np.zeros((*images[i].shape, 4))  # black, more or less opaque
        ink[..., 3] = images[i] / 255
        cell.imshow(ink, interpolation="none")
        cell.axis("off")
        correct = answers[i] == labels[i]
        cell.set_title(
            str(answers[i]) if correct else f"{answers[i]}, not {labels[i]}",
            size=13,
            y=-0.36,
            color=DARK if correct else RED,
            weight="normal" if correct else "bold",
        )
    return figure


def draw_curves(records: list[dict]) -> Figure:
    """Draw the validation accuracy after every epoch of the recorded runs."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for data, color in ("full", BLUE), ("mini", ORANGE):
        runs = [
            [100 * value for value in each["validation_by_epoch"]]
            for each in records
            if group_of(each) == data
        ]
        epochs = range(1, len(runs[0]) + 1)
        axes.plot(epochs, np.transpose(runs), "o-", color=color, ms=3, lw=1)
        name = "all of MNIST" if data == "full" else "the slice"
        place = (epochs[-1] + 0.12, np.mean(runs, axis=0)[-1])
        axes.annotate(name, place, color=color, va="center")
    axes.set(xlabel="epoch", ylabel="validation accuracy, %", xticks=epochs)
    axes.set_xlim(0.8, 6.1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure


def save(figure: Figure, path: Path, **options) -> None:
    """Write a figure so that the same figure makes the same file."""
    unsaid = ("Date", "Creator") if path.suffix == ".svg" else ("Software",)
    options = {"transparent": True, **options}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "dlfs"}):
        figure.savefig(path, metadata=dict.fromkeys(unsaid), **options)
    print(f"picture {path}")


def main() -> None:
    """Read the command line, train, and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history, weights = train(folder)
    training, test, _ = load_mnist("mini")
    answers = read(weights, training, test.data)
    seen = test.data, test.targets, answers
    save(draw(history, *seen), ROOT / "assets" / "mlp-mnist.png", dpi=160)
    pictures = ROOT / "book" / "pictures"
    page = Figure(figsize=(6.4, 5.6))
    page.subplots_adjust(0, 0.05, 1, 1, hspace=0.45)
    save(draw_digits(page, *seen, SHAPE), pictures / "digits.svg")
    lines = RECORDS.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    save(draw_curves(records), pictures / "curves.svg")
    card = Figure(figsize=(12, 6.3), facecolor="#fdfcfa")
    card.subplots_adjust(0.04, 0.08, 0.96, 0.78)
    card.text(0.05, 0.86, "Deep Learning from Scratch", size=40, color=DARK)
    save(
        draw_digits(card, *seen, (3, 10)),
        ROOT / "theme" / "overrides" / "assets" / "card.png",
        dpi=100,
        transparent=False,
    )
