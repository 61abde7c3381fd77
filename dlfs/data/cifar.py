# Made from book/ by scripts/tangle.py: edit the chapters.
"""The colour photographs of CIFAR-10."""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dlfs.data.download import RemoteFile, data_root, download_file

__all__ = [
    "CIFAR10",
    "CIFAR10_ARCHIVE",
    "CIFAR10_CLASSES",
    "CIFAR10_FILES",
    "CIFAR10_FOLDER",
    "CIFAR10_MIRRORS",
    "CIFAR10_SHAPE",
    "RECORD",
    "load_cifar10",
    "read_records",
]


# book/26-colour.md#cifar-read
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR10_SHAPE = 3, 32, 32  # colours, rows, columns
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the pixels


def read_records(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of CIFAR-10's binary version.

    Returns:
        Images, (N, 3, 32, 32) uint8, and labels, (N,) uint8.
    """
    records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
    return records[:, 1:].reshape(-1, *CIFAR10_SHAPE), records[:, 0]


# book/26-colour.md#cifar-archive
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
CIFAR10_ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CIFAR10_FILES = (
    *(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test_batch.bin",
)


def _unpack(archive: Path, folder: Path) -> None:
    """Write the six files of an official archive into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for name in CIFAR10_FILES:
            stream = tar.extractfile(f"{CIFAR10_FOLDER}/{name}")
            (folder / name).write_bytes(stream.read())


# book/26-colour.md#cifar10
class CIFAR10:
    """The photographs of CIFAR-10: 50,000 to train on, or 10,000 to test.

    Args:
        root: folder of the data sets; default `data_root()`.
        train: the training set, or the test set.
        download: fetch the set if it isn't there yet.
        transform: what is done to images when they are asked for.
        mirrors: where to download from.

    Attributes:
        data: images, (N, 3, 32, 32) uint8: red, green and blue planes.
        targets: labels, (N,) uint8: 0 to 9.
        classes: the names of the labels.
        files: where they come from.

    Raises:
        DataError: If a file is missing or broken.
        DownloadError: If a file is missing and no mirror delivers it.
    """

    classes = CIFAR10_CLASSES
    archive = CIFAR10_ARCHIVE
    records = 10_000  # in each file

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        download: bool = False,
        transform: Callable | None = None,
        mirrors: Sequence[str] = CIFAR10_MIRRORS,
    ):
        self.transform = transform
        names = CIFAR10_FILES[:5] if train else CIFAR10_FILES[5:]
        self.files = self._find(data_root(root), names, download, mirrors)
        count = len(names) * self.records
        self.data = np.empty((count, *CIFAR10_SHAPE), np.uint8)
        self.targets = np.empty(count, np.uint8)
        for number, path in enumerate(self.files):
            start = number * self.records
            part = slice(start, start + self.records)
            self.data[part], self.targets[part] = self._read(path)

    # book/26-colour.md#cifar10-find
    def _find(
        self,
        root: Path,
        names: Sequence[str],
        download: bool,
        mirrors: Sequence[str],
    ) -> list[Path]:
        """Return where the files are, downloaded if they have to be."""
        folder = root / CIFAR10_FOLDER
        if download and not folder.exists():
            _unpack(download_file(self.archive, root, mirrors), folder)
        return [folder / name for name in names]

    def _read(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of one file."""
        return read_records(path)

    # book/26-colour.md#cifar10-items
    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index) -> tuple[np.ndarray, np.ndarray]:
        images = self.data[index]
        if self.transform is not None:
            images = self.transform(images)
        return images, self.targets[index]


# book/26-colour.md#load-cifar10
def load_cifar10(
    root: str | Path | None = None,
    mirrors: Sequence[str] = CIFAR10_MIRRORS,
) -> tuple[CIFAR10, CIFAR10, str]:
    """Load CIFAR-10 from the disk, or else from a mirror.

    Args:
        root: folder of the data sets, as for `CIFAR10`.
        mirrors: where to download from.

    Returns:
        The training set, the test set, and a sentence about them.

    Raises:
        DataError: If a file is broken or can't be had.
    """
    train = CIFAR10(root, True, download=True, mirrors=mirrors)
    test = CIFAR10(root, False, download=True, mirrors=mirrors)
    counts = f"{len(train):,} + {len(test):,}"
    folder = train.files[0].parent
    return train, test, f"CIFAR-10 ({counts}) from {folder}"
