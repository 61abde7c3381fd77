"""Measure CIFAR-10, or a network that reads it, and record what may be shown.

    DLFS_DATA=DATA python scripts/record_photos.py
    DLFS_DATA=DATA python scripts/record_photos.py RUN [RUN ...]

The photographs have no licence, so none may stand in the book. The first line
writes book/runs/cifar10.json: means and deviations of the channels, the mean
picture of each class, sizes, and how long unpacking, loading and changing
take. DATA holds the unpacked files and cifar-10-binary.tar.gz.

The second line writes book/runs/cnn_cifar10.json. RUN is the folder of a run
of cnn_cifar10; of all but the first only the first filters are recorded. The
rest are numbers about all test photographs: what was taken for what, how sure
the network was, how well it reads changed photographs, and where it looks on
average.
"""

import argparse
import base64
import json
import tempfile
import timeit
from pathlib import Path

import numpy as np

from bookkit import ROOT
from bookkit.bench.command import where
from dlfs import Tensor, data, no_grad
from dlfs.experiments import cnn_cifar10
from dlfs.trainer import load_checkpoint, split_training

RUNS = ROOT / "book" / "runs"
GREY = np.float32([0.299, 0.587, 0.114])  # how bright the colours look


def packed(pixels) -> str:
    """Pixels from 0 to 255 as text."""
    return base64.b64encode(np.rint(pixels).astype(np.uint8)).decode()


# --- The photographs ---


def seconds_of(function, turns: int) -> float:
    """Return the median time of a call."""
    times = timeit.repeat(function, number=1, repeat=turns)
    return round(float(np.median(times)), 7)


def measure_set(note: str) -> dict:
    """Return the record of the set."""
    train, test = data.CIFAR10(), data.CIFAR10(train=False)
    mean, std = data.channel_statistics(train.data)
    crop = data.RandomCrop(32, padding=4, padding_mode="reflect")
    augment = data.Compose([crop, data.RandomHorizontalFlip()])
    batch = train.data[:128]
    archive = data.data_root() / data.CIFAR10_ARCHIVE.name
    size = data.CIFAR10.records * data.RECORD
    sizes = dict.fromkeys(data.CIFAR10_FILES, size)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        unpack = seconds_of(lambda: data.unpack(archive, target, sizes), 1)
    look = seconds_of(lambda: data.read_archive(archive, sizes), 3)
    found = {path.name: path.stat().st_size for path in train.files}
    labels = range(len(train.classes))
    means = [train.data[train.targets == n].mean(axis=0) for n in labels]
    return {
        "data": f"CIFAR-10 (50,000 + 10,000), {note}",
        "data_sha256": data.fingerprint(*train[:], *test[:]),
        "classes": list(train.classes),
        "counts": np.bincount(train.targets).tolist(),
        "mean": mean,
        "std": std,
        "files": found,
        "bytes": sum(found.values()),
        "pixels": train.data.nbytes,
        "seconds_to_load": seconds_of(data.CIFAR10, 7),
        "microseconds": 1e6 * seconds_of(lambda: augment(batch), 300),
        "seconds_to_look": look,
        "seconds_to_unpack": unpack,
        **where(),
        "class_means": packed(means),
    }


# --- A network ---


def load(state: dict, told: dict) -> tuple:
    """Return a run's network, the test set and what photographs become."""
    arguments = argparse.Namespace(**told["arguments"])
    model = cnn_cifar10._MODELS[arguments.model](arguments.dropout)
    model.load_state_dict(state["model"])
    train, test, _ = data.load_cifar10()
    limited = data.TensorDataset(*train[: arguments.limit])
    learn_from, _ = split_training(arguments, limited)
    images = learn_from.arrays[0]
    return model.eval(), test, cnn_cifar10.make_transform(images, False, 0)


def probabilities(model, transform, photographs) -> np.ndarray:
    """Return (N, classes) probabilities for photographs (N, 3, 32, 32)."""
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
    rng = np.random.default_rng(0)
    tiles = np.stack([rng.permutation(each) for each in tiles])
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
    total = np.zeros((10, 32, 32))
    for start in range(0, len(test), 500):
        photographs, labels = test[start : start + 500]
        x = Tensor(transform(photographs), requires_grad=True)
        model(x)[np.arange(len(labels)), labels.astype(int)].sum().backward()
        size = np.abs(x.grad.data).max(axis=1)
        np.add.at(total, labels, size / size.sum((1, 2), keepdims=True))
    return total / total.max((1, 2), keepdims=True)


def measure_network(folder: Path, *others: Path) -> dict:
    """Return the record of the run in a folder; of others their filters.

    Those are the weights of the first convolution.
    """
    states = [load_checkpoint(x / "last.npz") for x in (folder, *others)]
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model, test, transform = load(states[0], told)
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
    filters = [
        next(value for value in each["model"].values() if value.ndim == 4)
        for each in states
    ]
    return {
        "arguments": told["arguments"] | {"save_dir": None, "data_dir": None},
        "data": told["data"]["source"].partition(" from ")[0],
        "data_sha256": told["data"]["sha256"],
        **where(),
        "git": told["git"],
        "classes": list(test.classes),
        "confusion": confusion.tolist(),
        "sure": np.bincount(tenths, sure, 10).round(3).tolist(),
        "sure_and_right": np.bincount(tenths, right, 10).tolist(),
        "sure_count": np.bincount(tenths, minlength=10).tolist(),
        "accuracy": {name: float(hit.mean()) for name, hit in scores.items()},
        "saliency": packed(255 * saliency(model, transform, test)),
        "filters": [each.round(4).tolist() for each in filters],
    }


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the record."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=kind)
    parser.add_argument("runs", type=Path, nargs="*", help="their folders")
    parser.add_argument("--note", default="official files")
    args = parser.parse_args(argv)
    if args.runs:
        name, record = "cnn_cifar10.json", measure_network(*args.runs)
    else:
        name, record = "cifar10.json", measure_set(args.note)
    (RUNS / name).write_text(json.dumps(record) + "\n", encoding="utf-8")
    print(f"wrote {RUNS / name}")
    return 0
