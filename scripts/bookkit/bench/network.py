"""Look into a trained network and record what may be shown of it.

    DLFS_DATA=DATA python scripts/record_network.py RUN [RUN ...]

RUN is the folder of a run of cnn_cifar10; of all but the first only the first
filters are recorded. What is written to
book/runs/cnn_cifar10.json are numbers about all test photographs, of which
none can be shown: what was taken for what, how sure the network was, how well
it reads changed photographs, where it looks on average, and its first filters.
"""

import argparse
import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bookkit import ROOT
from bookkit.run.machine import blas, machine

RECORD = ROOT / "book" / "runs" / "cnn_cifar10.json"
GREY = np.float32([0.299, 0.587, 0.114])  # how bright the colours look


def load(folder: Path) -> tuple:
    """Return a run's network, test set, transform and configuration."""
    from dlfs import trainer
    from dlfs.data import TensorDataset, load_cifar10
    from dlfs.experiments import cnn_cifar10

    state = trainer.load_checkpoint(folder / "last.npz")
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    arguments = argparse.Namespace(**told["arguments"])
    model = cnn_cifar10._MODELS[arguments.model](arguments.dropout)
    model.load_state_dict(state["model"])
    train, test, _ = load_cifar10()
    limited = TensorDataset(*train[: arguments.limit])
    learn_from, _ = trainer.split_training(arguments, limited)
    images = learn_from.arrays[0]
    transform = cnn_cifar10.make_transform(images, False, 0)
    return model.eval(), test, transform, told


def probabilities(model, transform, photographs) -> np.ndarray:
    """Return (N, classes) probabilities for photographs (N, 3, 32, 32)."""
    from dlfs import Tensor, no_grad

    found = []
    with no_grad():
        for start in range(0, len(photographs), 500):
            batch = transform(photographs[start : start + 500])
            found.append(model(Tensor(batch)).softmax(1).data)
    return np.concatenate(found)


def changed(photographs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the photographs, each time changed in another way."""
    grey = np.tensordot(photographs, GREY, (1, 0))[:, None]
    tiles = photographs.reshape(-1, 3, 4, 8, 4, 8).transpose(0, 2, 4, 1, 3, 5)
    tiles = tiles.reshape(-1, 16, 3, 8, 8)
    order = np.random.default_rng(0).permuted(
        np.tile(np.arange(16), (len(tiles), 1)), axis=1
    )
    tiles = np.take_along_axis(tiles, order[:, :, None, None, None], 1)
    tiles = tiles.reshape(-1, 4, 4, 3, 8, 8).transpose(0, 3, 1, 4, 2, 5)
    shifted = np.pad(photographs, [(0, 0), (0, 0), (0, 0), (4, 0)], "reflect")
    return {
        "as they are": photographs,
        "mirrored": photographs[..., ::-1],
        "moved by four pixels": shifted[..., :32],
        "without colours": np.rint(grey).astype(np.uint8).repeat(3, axis=1),
        "upside down": photographs[:, :, ::-1],
        "sixteen tiles, shuffled": tiles.reshape(photographs.shape),
    }


def saliency(model, transform, test) -> np.ndarray:
    """Return for each class by how much each pixel matters, on average.

    That is the size of the gradient of the right class's logit, its largest
    of the three colours, each photograph's divided by its sum.
    """
    from dlfs import Tensor

    total = np.zeros((10, 32, 32))
    for start in range(0, len(test), 500):
        photographs, labels = test[start : start + 500]
        x = Tensor(transform(photographs), requires_grad=True)
        model(x)[np.arange(len(labels)), labels.astype(int)].sum().backward()
        size = np.abs(x.grad.data).max(axis=1)
        np.add.at(total, labels, size / size.sum((1, 2), keepdims=True))
    return total / total.max((1, 2), keepdims=True)


def filters_of(folder: Path) -> list:
    """Return the weight of the first convolution of a run, as lists."""
    from dlfs.trainer import load_checkpoint

    state = load_checkpoint(folder / "last.npz")["model"]
    first = next(value for value in state.values() if value.ndim == 4)
    return first.round(4).tolist()


def measure(folder: Path) -> dict:
    """Return the record of the run in a folder, without filters."""
    model, test, transform, told = load(folder)
    photographs, labels = test[:]
    found = {
        name: probabilities(model, transform, images)
        for name, images in changed(photographs).items()
    }
    unchanged = found["as they are"]
    guesses, sure = unchanged.argmax(1), unchanged.max(1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, guesses), 1)
    tenths = np.minimum((sure * 10).astype(int), 9)
    right = guesses == labels
    scores = {name: p.argmax(1) == labels for name, p in found.items()}
    seen = 255 * saliency(model, transform, test)
    return {
        "arguments": told["arguments"] | {"save_dir": None, "data_dir": None},
        "data": told["data"]["source"].partition(" from ")[0],
        "data_sha256": told["data"]["sha256"],
        "numpy": np.__version__,
        "git": told["git"],
        "machine": machine(),
        "blas": blas(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "classes": list(test.classes),
        "confusion": confusion.tolist(),
        "sure": np.bincount(tenths, sure, 10).round(3).tolist(),
        "sure_and_right": np.bincount(tenths, right, 10).tolist(),
        "sure_count": np.bincount(tenths, minlength=10).tolist(),
        "accuracy": {name: float(hit.mean()) for name, hit in scores.items()},
        "saliency": base64.b64encode(
            np.rint(seen).astype(np.uint8).tobytes()
        ).decode(),
    }


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="their folders")
    args = parser.parse_args(argv)
    record = measure(args.runs[0])
    record["filters"] = [filters_of(folder) for folder in args.runs]
    RECORD.write_text(json.dumps(record) + "\n", encoding="utf-8")
    print(json.dumps(record["accuracy"], indent=1))
    return 0
