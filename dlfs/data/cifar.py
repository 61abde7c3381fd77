# Made from book/ by scripts/tangle.py: edit the chapters.
"""The colour photographs of CIFAR-10."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from glob import glob
from pathlib import Path

import numpy as np

from dlfs.data.archive import unpack
from dlfs.data.download import RemoteFile, data_root, download_file, sha256_of
from dlfs.data.idx import DataError, _is_page, _opened, _read_most
from dlfs.data.mnist import find_file, find_folder

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


# book/32-cifar-files.md#cifar-read-checked
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR10_SHAPE = 3, 32, 32  # colours, rows, columns
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the pixels
_MOST = 1 << 20  # records, where any number will do


def read_records(
    path: str | Path, count: int | None = None, classes: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of CIFAR-10's binary version, packed by gzip or not.

    Args:
        path: the file; its bytes say whether it is packed.
        count: how many records it must have; None for any number.
        classes: every label must be below this.

    Returns:
        Images, (N, 3, 32, 32) uint8, and labels, (N,) uint8.

    Raises:
        DataError: If the file cannot be read or holds something else. The
            message names the file, and the first record that is wrong.
    """
    with _opened(Path(path)) as stream:
        limit = RECORD * (_MOST if count is None else count)
        content = _read_most(stream, limit + 1)
        rest = len(content) % RECORD
        if rest or (count is not None and len(content) != limit):
            raise DataError(_wrong_size(content, count, limit))
        records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
        labels = records[:, 0]
        wrong = np.flatnonzero(labels >= classes)
        if len(wrong):
            raise DataError(
                f"record {wrong[0]:,}, at byte {wrong[0] * RECORD:,}, has "
                f"label {labels[wrong[0]]}; expected 0 to {classes - 1} "
                f"({len(wrong):,} of {len(records):,} records are wrong)"
            )
        return records[:, 1:].reshape(-1, *CIFAR10_SHAPE), labels


# book/32-cifar-files.md#cifar-archive-names
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
        parts = zip(*(self._read(path) for path in self.files))
        self.data, self.targets = (np.concatenate(each) for each in parts)

    # book/32-cifar-files.md#cifar10-find-anywhere
    def _find(self, root, names, download, mirrors):
        """Return where the files are, unpacked or downloaded if need be."""
        folder = find_folder(root, names, _places(root))
        if any(_missing(folder, name) for name in names):
            sizes = dict.fromkeys(CIFAR10_FILES, self.records * RECORD)
            if archive := _unpack_any(root, folder, sizes):
                official = self.archive.sha256
                if archive.suffix != ".tar" and sha256_of(archive) != official:
                    warnings.warn(
                        f"{archive}: not the official SHA-256; what is in it "
                        "has the right structure, so it is used as it is",
                        stacklevel=3,
                    )
            elif download:
                archive = download_file(self.archive, root, mirrors)
                unpack(archive, folder, sizes)
                archive.unlink()  # 170 MB that nobody needs any more
        for name in names:
            if _missing(folder, name):
                raise DataError(_why_missing(root, folder / name))
        return [find_file(folder, name) for name in names]

    def _read(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and labels of one file."""
        return read_records(path, self.records, len(self.classes))

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


# book/32-cifar-files.md#cifar-wrong-size
_AGAIN = (
    "CIFAR10(download=True) fetches it, and so does your browser from "
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
)
_PICKLED = (
    "the pickled version of CIFAR-10. Unpickling runs whatever program is in "
    "a file, so it is not read; take the binary version: " + _AGAIN
)


def _wrong_size(content: bytes, count: int | None, limit: int) -> str:
    """Say what a file of the wrong size may be."""
    if _is_page(content[:100]):
        return f"is a web page and not the data; {_AGAIN}"
    if content[:1] == b"\x80" and content[1:2] in b"\2\3\4\5":
        return f"is {_PICKLED}"
    whole, rest = divmod(len(content), RECORD)
    number = "whole" if count is None else f"{count:,}"
    expected = f"expected {number} records of {RECORD:,} bytes"
    if len(content) > limit:  # the rest of it was not read
        found = f"goes on after record {limit // RECORD - 1:,}"
    elif rest:
        found = f"ends in record {whole:,}, of which it has {rest:,} bytes"
    else:
        found = f"holds {whole:,} records"
    if len(content) > limit or (whole and len(content) % (RECORD + 1) == 0):
        expected += "; those of CIFAR-100 have one more"
    return f"{found}; {expected}"


# book/32-cifar-files.md#cifar-places
_UNFINISHED = (".part", ".crdownload", ".download", ".tmp")


def _places(root: Path) -> list[Path]:
    """Return where below `root` the set may lie, the usual folder first."""
    places = [Path(CIFAR10_FOLDER), Path()]
    folders = "[Cc][Ii][Ff][Aa][Rr]*/"
    for pattern in folders, folders + folders:
        places += sorted(Path(each) for each in glob(pattern, root_dir=root))
    return places


def _candidates(root: Path, begin: str) -> Iterator[Path]:
    """Yield the files whose names begin so, in all places."""
    for folder in (root / place for place in _places(root)):
        for name in sorted(glob(f"{begin}*", root_dir=folder)):
            path = folder / name
            if path.suffix not in _UNFINISHED and os.path.isfile(path):
                yield path


# book/32-cifar-files.md#cifar-unpack-any
def _unpack_any(root, folder, sizes):
    """Unpack the first sound archive, and return it if there is one.

    Raises:
        DataError: If there are archives, but no sound one.
    """
    faults = []
    for archive in _candidates(root, "cifar-10-binary"):
        try:
            unpack(archive, folder, sizes)
            return archive
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return None


# book/32-cifar-files.md#cifar-missing
def _missing(folder: Path, name: str) -> bool:
    """Return whether a folder lacks a file, packed or not."""
    try:
        return not find_file(folder, name)
    except DataError:
        return True


def _why_missing(root: Path, path: Path) -> str:
    """Say which file is missing, and what there is in its place."""
    for begin in "data_batch_1", "test_batch", "cifar-10-python":
        for pickled in _candidates(root, begin):
            if ".bin" not in pickled.suffixes:
                return f"{pickled} is {_PICKLED}"
    return (
        f"{path} does not exist: {_AGAIN}. The archive may be put into "
        f"{root} as it is"
    )
