# Made from book/ by scripts/tangle.py: edit the chapters.
"""The digits of MNIST, all of them or the slice in the package."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from dlfs.data.download import (
    DownloadError,
    RemoteFile,
    data_root,
    download_file,
    sha256_of,
)
from dlfs.data.idx import DataError, read_idx

__all__ = [
    "MNIST",
    "MNIST_FILES",
    "MNIST_MIRRORS",
    "Digits",
    "IDXDataset",
    "MNISTMini",
    "find_file",
    "find_folder",
    "load_mnist",
]


# book/16-files-of-strangers.md#data-find-file-anywhere
def find_file(folder: Path, name: str) -> Path:
    """Return the file `name` in a folder, packed or not.

    A dot before `idx` is as good as a hyphen.

    Raises:
        DataError: there is none.
    """
    for stem in name, name.replace("-idx", ".idx"):
        for path in folder / f"{stem}.gz", folder / stem:
            if os.path.lexists(path):  # a link to nowhere, too
                return path
    raise DataError(
        f"{folder / name}.gz does not exist: download it, or put the file "
        "there yourself (packed or unpacked)"
    )


# book/10-data.md#data-digits
class Digits:
    """Images of handwritten digits and their labels.

    Attributes:
        data: images, (N, 28, 28) uint8: 0 is paper, 255 is ink.
        targets: labels, (N,) uint8: 0 to 9.
    """

    def __init__(self, folder: Path, train: bool, count: int):
        prefix = "train" if train else "t10k"
        images = find_file(folder, f"{prefix}-images-idx3-ubyte")
        labels = find_file(folder, f"{prefix}-labels-idx1-ubyte")
        self.files = images, labels
        self.data = read_idx(images, (count, 28, 28))
        self.targets = read_idx(labels, (count,))
        if (highest := self.targets.max()) > 9:
            raise DataError(f"{labels}: label {highest}; expected 0 to 9")

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index) -> tuple[np.ndarray, np.ndarray]:
        return self.data[index], self.targets[index]


# book/10-data.md#data-mnist-mini
class MNISTMini(Digits):
    """The slice of MNIST in the package: 10,000 or 2,000 images."""

    def __init__(self, train: bool = True):
        folder = Path(str(files("dlfs"))) / "mnist_mini"
        super().__init__(folder, train, 10_000 if train else 2_000)


# book/10-data.md#data-mnist-files
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_FILES = (
    RemoteFile(
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    RemoteFile(
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    RemoteFile(
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    RemoteFile(
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)


# book/16-files-of-strangers.md#data-find-folder-anywhere
_FOLDERS = ("mnist", "", "MNIST/raw", "raw", "MNIST")


def find_folder(
    root: Path, names: Iterable[str], folders: Sequence = _FOLDERS
) -> Path:
    """Return the folder in or below `root` that has one of the files.

    It is the first of `folders`, paths below `root`, that has one. If none
    has, it is the first of all, where they would be downloaded to.
    """
    for folder in (root / each for each in folders):
        for name in names:
            with contextlib.suppress(DataError):
                return find_file(folder, name).parent
    return root / folders[0]


# book/10-data.md#data-mnist
class MNIST(Digits):
    """The full MNIST: 60,000 training or 10,000 test images.

    Args:
        root: folder of the data sets, in which `find_folder` finds the
            files; default `data_root()`.
        train: the training set, or the test set.
        download: fetch what isn't there yet.
        mirrors: where to download from.

    Raises:
        DataError: If a file is missing or broken.
        DownloadError: If a file is missing and no mirror delivers it.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        download: bool = False,
        mirrors: Sequence[str] = MNIST_MIRRORS,
    ):
        wanted = MNIST_FILES[:2] if train else MNIST_FILES[2:]
        names = [file.name.removesuffix(".gz") for file in wanted]
        folder = find_folder(data_root(root), names)
        for file, name in zip(wanted, names, strict=True):
            try:
                find_file(folder, name)
            except DataError:
                if download:
                    download_file(file, folder, mirrors)
        super().__init__(folder, train, 60_000 if train else 10_000)
        for path, file in zip(self.files, wanted, strict=True):
            if path.name == file.name and sha256_of(path) != file.sha256:
                warnings.warn(
                    f"{path}: not the official SHA-256; its structure is "
                    "right, so it is used as it is",
                    stacklevel=2,
                )


# book/10-data.md#data-load-mnist
def load_mnist(
    data: str = "auto",
    root: str | Path | None = None,
    mirrors: Sequence[str] = MNIST_MIRRORS,
) -> tuple[Digits, Digits, str]:
    """Load the training and the test set, and say which they are.

    Args:
        data: "full" for MNIST from disk or a mirror, "mini" for the slice
            in the package, "auto" for full MNIST if it can be had.
        root: folder of the data sets, as for `MNIST`.
        mirrors: where to download from.

    Returns:
        The training set, the test set, and a sentence about them.

    Raises:
        DataError: If a file is broken, or "full" can't be had.
    """
    why = "as asked for"
    if data != "mini":
        try:
            train = MNIST(root, train=True, download=True, mirrors=mirrors)
            test = MNIST(root, train=False, download=True, mirrors=mirrors)
            folder = train.files[0].parent
            return train, test, f"full MNIST (60,000 + 10,000) from {folder}"
        except DownloadError as error:
            if data == "full":
                raise
            why = f"NOT the full set: {error}"
    source = f"the MNIST slice in the package (10,000 + 2,000), {why}"
    return MNISTMini(train=True), MNISTMini(train=False), source


# book/16-files-of-strangers.md#data-idx-dataset
class IDXDataset(Digits):
    """Pictures and their labels from any pair of IDX files.

    Args:
        images: file of (N, height, width) unsigned bytes, packed or not.
        labels: file of (N,) unsigned bytes.

    Attributes:
        data: images, (N, height, width) uint8.
        targets: labels, (N,) uint8.
        classes: one more than the highest label.
    """

    def __init__(self, images: str | Path, labels: str | Path):
        self.files = Path(images), Path(labels)
        self.data = read_idx(images, (None, None, None))
        self.targets = read_idx(labels, (len(self.data),))
        self.classes = int(self.targets.max(initial=0)) + 1
