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
import tempfile
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from bookkit import ROOT
from bookkit.weave.results import read_runs
from dlfs.autograd import Tensor, no_grad
from dlfs.data import load_mnist, normalize, pixel_statistics
from dlfs.experiments import mlp_mnist
from dlfs.trainer import load_checkpoint, split_training

ARGUMENTS = "--data mini --epochs 5 --batch-size 128 --lr 2e-3 --seed 42"
ROWS, COLUMNS, MISTAKES = 4, 9, 6
SHAPE = (6, 8)  # rows and columns of the first page
GREY, BLUE, RED = "#808890", "#3b82d0", "#e0525f"
DARK, ORANGE = "#33363c", "#c8660a"
# Test images, what they are, and what the network says.
Seen = tuple[np.ndarray, np.ndarray, np.ndarray]


def train() -> tuple[list[dict], Seen]:
    """Run the experiment; return what it measured after every epoch, too."""
    with tempfile.TemporaryDirectory() as folder:
        if mlp_mnist.main([*ARGUMENTS.split(), "--save-dir", folder]):
            raise SystemExit("make_picture: the training failed")
        state = load_checkpoint(Path(folder) / "last.npz")
    args = mlp_mnist.make_parser().parse_args(ARGUMENTS.split())
    model = mlp_mnist.make_mlp(args.hidden)
    model.load_state_dict(state["model"])
    training, test, _ = load_mnist("mini")
    learnt_from, _ = split_training(args, training)
    images = normalize(test.data, *pixel_statistics(learnt_from.arrays[0]))
    with no_grad():
        answers = model(Tensor(images)).data.argmax(axis=1)
    return state["history"], (test.data, test.targets, answers)


def choose(seen: Seen) -> np.ndarray:
    """Pick test images: the first right ones, with a few mistakes mixed in."""
    _, labels, answers = seen
    wrong = np.flatnonzero(answers != labels)[:MISTAKES]
    right = np.flatnonzero(answers == labels)[: ROWS * COLUMNS - len(wrong)]
    return np.random.default_rng(1).permutation(np.append(wrong, right))


def caption(label: int, answer: int) -> str:
    """What stands beside an image: the answer, and what would be right."""
    return f"{answer}" if answer == label else f"{answer}, not {label}"


def draw(history: list[dict], seen: Seen) -> Figure:
    """Draw the learning curve beside the chosen test images."""
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
    axes = left.subplots()
    epochs = [row["epoch"] for row in history]
    for split, style in ("train", "o--"), ("validation", "o-"):
        values = [100 * row[f"{split}_accuracy"] for row in history]
        axes.plot(epochs, values, style, color=BLUE, label=split)
    axes.set_xlabel("epoch", color=GREY)
    axes.set_ylabel("accuracy, %", color=GREY)
    axes.set_xticks(epochs)
    axes.tick_params(colors=GREY)
    axes.spines[:].set_color(GREY)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, labelcolor=GREY)
    cells = right.subplots(ROWS, COLUMNS).flat
    for cell, i in zip(cells, choose(seen), strict=True):
        image, label, answer = (each[i] for each in seen)
        color = GREY if answer == label else RED
        cell.imshow(image, cmap="gray_r")
        cell.set_title(caption(label, answer), size=9, pad=2, color=color)
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set(color=color)
    return figure


def draw_digits(figure: Figure, seen: Seen, shape: tuple[int, int]) -> Figure:
    """Draw the first images, ink on clear ground, with the answers below."""
    for cell, image, label, answer in zip(figure.subplots(*shape).flat, *seen):
        ink = np.zeros((*image.shape, 4))  # black, more or less opaque
        ink[..., 3] = image / 255
        cell.imshow(ink, interpolation="none")
        cell.axis("off")
        color, weight = (DARK, "normal") if answer == label else (RED, "bold")
        text = caption(label, answer)
        cell.set_title(text, size=13, y=-0.36, color=color, weight=weight)
    return figure


def draw_curves(records: dict[str, list[dict]]) -> Figure:
    """Draw the validation accuracy after every epoch of the recorded runs."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for data, name, color in (
        ("full", "all of MNIST", BLUE),
        ("mini", "the slice", ORANGE),
    ):
        runs = [each["validation_by_epoch"] for each in records[data]]
        runs = 100 * np.transpose(runs)
        epochs = range(1, len(runs) + 1)
        axes.plot(epochs, runs, "o-", color=color, ms=3, lw=1)
        place = (epochs[-1] + 0.12, runs[-1].mean())
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
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=kind)
    parser.parse_args()
    history, seen = train()
    save(draw(history, seen), ROOT / "assets" / "mlp-mnist.png", dpi=160)
    book = ROOT / "book"
    page = Figure(figsize=(6.4, 5.6))
    page.subplots_adjust(0, 0.05, 1, 1, hspace=0.45)
    save(draw_digits(page, seen, SHAPE), book / "pictures" / "digits.svg")
    records = read_runs(book / "runs" / "mlp_mnist.jsonl")
    save(draw_curves(records), book / "pictures" / "curves.svg")
    card = Figure(figsize=(12, 6.3), facecolor="#fdfcfa")
    card.subplots_adjust(0.04, 0.08, 0.96, 0.78)
    card.text(0.05, 0.86, "Deep Learning from Scratch", size=40, color=DARK)
    path = ROOT / "theme" / "overrides" / "assets" / "card.png"
    save(draw_digits(card, seen, (3, 10)), path, dpi=100, transparent=False)
