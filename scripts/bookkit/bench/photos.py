"""Measure CIFAR-10 and record what may be shown of it.

    DLFS_DATA=DATA python scripts/record_photos.py --note "official files"

The photographs have no licence, so none may stand in the book. What is
written to book/runs/cifar10.json are means and deviations of the channels,
the mean picture of each class, sizes, and how long unpacking, loading and
changing take. DATA holds the unpacked files and cifar-10-binary.tar.gz.
"""

import argparse
import base64
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bookkit import ROOT
from bookkit.run.machine import blas, machine

RECORD = ROOT / "book" / "runs" / "cifar10.json"


def seconds_of(function, turns: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure(root: str | None, note: str) -> dict:
    """Return the record of the set in the folder `root`."""
    from dlfs import data

    train = data.CIFAR10(root)
    test = data.CIFAR10(root, train=False)
    mean, std = data.channel_statistics(train.data)
    crop = data.RandomCrop(32, padding=4, padding_mode="reflect")
    augment = data.Compose([crop, data.RandomHorizontalFlip()])
    batch = train.data[:128]
    load = seconds_of(lambda: data.CIFAR10(root), 7)
    change = seconds_of(lambda: augment(batch), 300)
    means = [
        train.data[train.targets == label].mean(axis=0)
        for label in range(len(train.classes))
    ]
    sizes = {path.name: path.stat().st_size for path in train.files}
    return {
        "data": f"CIFAR-10 (50,000 + 10,000), {note}",
        "data_sha256": data.fingerprint(*train[:], *test[:]),
        "classes": list(train.classes),
        "counts": np.bincount(train.targets).tolist(),
        "mean": mean,
        "std": std,
        "files": sizes,
        "bytes": sum(sizes.values()),
        "pixels": train.data.nbytes,
        "seconds_to_load": round(load, 4),
        "microseconds": round(1e6 * change, 1),
        **measure_archive(root),
        "numpy": np.__version__,
        "machine": machine(),
        "blas": blas(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "class_means": base64.b64encode(
            np.rint(means).astype(np.uint8).tobytes()
        ).decode(),
    }


def measure_archive(root: str | None) -> dict:
    """Return how long the packed set in the folder `root` takes."""
    from dlfs import data

    archive = data.data_root(root) / data.CIFAR10_ARCHIVE.name
    sizes = dict.fromkeys(
        data.CIFAR10_FILES, data.CIFAR10.records * data.RECORD
    )
    with tempfile.TemporaryDirectory() as folder:
        look = seconds_of(lambda: data.read_archive(archive, sizes), 3)
        began = time.perf_counter()
        data.unpack(archive, Path(folder), sizes)
        unpack = time.perf_counter() - began
    return {
        "seconds_to_look": round(look, 3),
        "seconds_to_unpack": round(unpack, 3),
    }


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--note", default="official files")
    args = parser.parse_args(argv)
    record = measure(args.data_dir, args.note)
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    short = {k: v for k, v in record.items() if k != "class_means"}
    print(json.dumps(short, indent=1))
    return 0
