"""Draw the picture of the README with the package itself.

    python scripts/make_picture.py

Trains the network of chapter 12 on the MNIST slice in the package, with the
arguments of `make train`, and writes assets/mlp-mnist.png: the accuracy after
every epoch, and test images with the network's answers, wrong ones marked.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dlfs.autograd import Tensor, no_grad
from dlfs.data import load_mnist, normalize, pixel_statistics
from dlfs.experiments import mlp_mnist
from dlfs.trainer import load_checkpoint

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = "--data mini --epochs 5 --batch-size 128 --lr 1e-3 --seed 42"
ROWS, COLUMNS, MISTAKES = 4, 9, 6
GREY, BLUE, RED = "#808890", "#3b82d0", "#e0525f"


def train(folder: str) -> tuple[list[dict], dict]:
    """Run the experiment; return its measurements and its weights."""
    if mlp_mnist.main([*ARGUMENTS.split(), "--save-dir", folder]):
        raise SystemExit("make_picture: the training failed")
    lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    state = load_checkpoint(Path(folder) / "last.npz")
    return [json.loads(line) for line in lines], state["model"]


def read(weights: dict, training: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the answers, (N,), of the trained network to test images."""
    args = mlp_mnist.make_parser().parse_args(ARGUMENTS.split())
    model = mlp_mnist.make_mlp(args.hidden)
    model.load_state_dict(weights)
    images = normalize(test, *pixel_statistics(training))
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
    for split, style in ("train", "o--"), ("test", "o-"):
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


def main() -> None:
    """Read the command line, train, and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "assets" / "mlp-mnist.png"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        history, weights = train(folder)
    training, test, _ = load_mnist("mini")
    answers = read(weights, training.data, test.data)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    draw(history, test.data, test.targets, answers).savefig(
        args.out, dpi=160, transparent=True, metadata={"Software": None}
    )
    print(f"picture {args.out}")


if __name__ == "__main__":
    main()
