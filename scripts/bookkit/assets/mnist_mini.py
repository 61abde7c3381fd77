"""Cut the MNIST slice that ships with the package.

    python scripts/make_mnist_mini.py MNIST_FOLDER

reads the four full IDX files in MNIST_FOLDER and writes
dlfs/mnist_mini/: 1,000 training and 200 test images of every digit,
drawn with a fixed seed and kept in the order of the full set.
Two runs write the same images and labels; the compressed bytes may
differ between versions of zlib.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

from bookkit import ROOT
from dlfs.data import read_idx

TARGET = ROOT / "dlfs" / "mnist_mini"
SEED = 1998  # the year of LeCun, Bottou, Bengio and Haffner's paper
SPLITS = {"train": (60_000, 1_000), "t10k": (10_000, 200)}


def draw(labels: np.ndarray, each: int) -> np.ndarray:
    """Sorted positions of `each` images of every digit."""
    generator = np.random.default_rng(SEED)
    chosen = [
        generator.choice(np.flatnonzero(labels == digit), each, replace=False)
        for digit in range(10)
    ]
    return np.sort(np.concatenate(chosen))


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array as a gzipped IDX file without a time stamp."""
    header = bytes([0, 0, 8, array.ndim])
    header += b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = gzip.compress(header + array.tobytes(), mtime=0)
    path.write_bytes(content)
    print(f"{path.name}: {array.shape}, {len(content):,} bytes")


def main() -> None:
    """Read the full set, draw the slice and write it."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=kind)
    parser.add_argument("folder", type=Path, help="full MNIST, *-ubyte.gz")
    folder = parser.parse_args().folder
    TARGET.mkdir(exist_ok=True)
    for split, (count, each) in SPLITS.items():
        images_name = f"{split}-images-idx3-ubyte.gz"
        labels_name = f"{split}-labels-idx1-ubyte.gz"
        images = read_idx(folder / images_name, (count, 28, 28))
        labels = read_idx(folder / labels_name, (count,))
        chosen = draw(labels, each)
        write_idx(TARGET / images_name, images[chosen])
        write_idx(TARGET / labels_name, labels[chosen])
