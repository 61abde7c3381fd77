# Made from book/ by scripts/tangle.py: edit the chapters.
"""Data sets and mini-batches: MNIST read by hand, and a loader."""

import contextlib
import gzip
import hashlib
import math
import os
import queue
import re
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from tqdm import tqdm

__all__ = [
    "IDX_UBYTE",
    "MNIST",
    "MNIST_FILES",
    "MNIST_MIRRORS",
    "SLOWEST",
    "DataError",
    "DataLoader",
    "Digits",
    "DownloadError",
    "MNISTMini",
    "RemoteFile",
    "TensorDataset",
    "data_root",
    "download_file",
    "find_file",
    "fingerprint",
    "hold_out",
    "load_mnist",
    "normalize",
    "pixel_statistics",
    "read_idx",
    "read_idx_shape",
    "sha256_of",
]


# book/10-data.md#data-error
class DataError(ValueError):
    """A data file is missing, broken or not what its name promises."""


# book/10-data.md#data-idx-header
IDX_UBYTE = 0x08  # the code of unsigned bytes in an IDX header


def read_idx_shape(stream: BinaryIO) -> tuple[int, ...]:
    """Read the header of an IDX stream of unsigned bytes.

    Args:
        stream: binary stream at its beginning; left at the first pixel.

    Returns:
        The shape that the header announces.

    Raises:
        DataError: If the stream doesn't begin like an IDX file.
    """
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != IDX_UBYTE:
        raise DataError(
            f"begins with the bytes {magic.hex(' ') or '(none)'}; "
            "an IDX file of unsigned bytes begins with 00 00 08"
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"ends inside its header of {magic[3]} sizes")
    return tuple(np.frombuffer(sizes, ">u4").tolist())


# book/10-data.md#data-read-idx
def read_idx(path: str | Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped (`.gz`).

    No more than `shape` needs is ever read, whatever the file says.

    Args:
        path: the file.
        shape: the shape that it must have.

    Returns:
        A new uint8 array of that shape.

    Raises:
        DataError: If the file is broken or holds something else. The
            message names the file, what is wrong and what is expected.
    """
    path = Path(path)
    open_file = gzip.open if path.suffix == ".gz" else open
    try:
        with open_file(path, "rb") as stream:
            return _read_body(stream, shape)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is broken: {error}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


# book/10-data.md#data-read-body
def _read_body(stream: BinaryIO, shape: tuple[int, ...]) -> np.ndarray:
    """Check the header against `shape`, then read exactly that much."""
    announced = read_idx_shape(stream)
    if announced != shape:
        found = f"{announced!s:.60}"  # there may be 255 sizes
        raise DataError(f"holds the shape {found}; expected {shape}")
    size = math.prod(shape)
    body = stream.read(size + 1)  # one more: is there too much?
    if len(body) != size:
        found = "more" if len(body) > size else f"only {len(body):,}"
        raise DataError(f"should hold {size:,} bytes, has {found}")
    return np.frombuffer(bytearray(body), np.uint8).reshape(shape)


# book/10-data.md#data-find-file
def find_file(folder: Path, name: str) -> Path:
    """Return the file `name.gz` in a folder, or the unpacked file `name`."""
    for path in folder / f"{name}.gz", folder / name:
        if path.exists():
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


# book/10-data.md#data-remote-file
class RemoteFile(NamedTuple):
    """A file that mirrors hold: its name, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


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


# book/10-data.md#data-open-url
def _open_url(url: str, start: int, timeout: float) -> HTTPResponse:
    """Ask for `url` from byte `start` on; an answer or an error in time.

    In a thread, since a name server that never answers is outside
    urllib's own time-out.
    """
    headers = {"Range": f"bytes={start}-"} if start else {}
    answer: queue.Queue = queue.Queue()

    def ask():
        try:
            request = Request(url, headers=headers)
            answer.put(urlopen(request, timeout=timeout))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"no answer in {timeout:g} seconds") from None
    if isinstance(response, Exception):
        raise response
    return response


# book/10-data.md#data-begin-of
def _begin_of(response: HTTPResponse, have: int, size: int) -> int:
    """Return at which byte of the file the answer begins, 0 to `have`."""
    sent = "bytes 0-"
    if response.status == 206:
        sent = response.headers.get("Content-Range", "(nothing)")
    found = re.match(r"bytes (\d{1,15})-", sent)
    begin = int(found[1]) if found else size
    if begin > have:
        raise DataError(f"sends {sent:.40}, asked for bytes {have}-")
    offered = response.headers.get("Content-Length", str(size - begin))
    if offered != str(size - begin):
        raise DataError(
            f"offers {offered:.20} bytes instead of {size - begin}"
        )
    return begin


# book/10-data.md#data-copy
SLOWEST = 2_000  # bytes a second; below that a mirror counts as stalled


def _copy(
    response: HTTPResponse,
    out: BinaryIO,
    bar: tqdm,
    skip: int,
    missing: int,
    timeout: float,
) -> None:
    """Skip `skip` bytes and copy `missing`, unless the mirror is too slow."""
    began, received, end = time.monotonic(), 0, skip + missing
    while chunk := response.read1(min(1 << 16, end - received)):
        fresh = chunk[max(skip - received, 0) :]
        received += len(chunk)
        out.write(fresh)
        bar.update(len(fresh))
        if time.monotonic() - began > timeout + received / SLOWEST:
            raise TimeoutError("sends less than 2 kB a second")
    if received < end:
        raise DataError(f"cut the connection {end - received} bytes early")


# book/10-data.md#data-fetch
def _size(path: Path) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _fetch(url: str, part: Path, file: RemoteFile, timeout: float) -> None:
    """Complete `part` from one mirror, going on where it ends."""
    have = _size(part)
    if have >= file.size:
        return
    try:
        response = _open_url(url, have, timeout)
    except HTTPError:
        if have == 0:
            raise
        response = _open_url(url, 0, timeout)  # it may not know Range
    with response:
        begin = _begin_of(response, have, file.size)
        bar = tqdm(
            desc=file.name,
            total=file.size,
            initial=have,
            unit="B",
            unit_scale=True,
            disable=None,  # no bar in a log file
        )
        with bar, open(part, "ab") as out:
            missing = file.size - have
            _copy(response, out, bar, have - begin, missing, timeout)


# book/10-data.md#data-sha256
def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# book/10-data.md#data-download-error
class DownloadError(DataError):
    """No mirror delivered a file."""


def _one_line(error: Exception) -> str:
    """Return what an error says, in a line that is fit for a terminal."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(filter(str.isprintable, text))[:200]


# book/10-data.md#data-download
def download_file(
    file: RemoteFile,
    folder: Path,
    mirrors: Sequence[str],
    timeout: float = 4.0,
) -> Path:
    """Download one file, complete and verified, or not at all.

    Bytes collect in `name.part`, which survives a cut connection, so that
    the next attempt goes on there; only a file with the right SHA-256 is
    renamed.

    Args:
        file: what to fetch and how it must turn out.
        folder: where to put it; made if it doesn't exist.
        mirrors: addresses that end in a slash, tried in turn.
        timeout: seconds to wait for an answer, or for more bytes.

    Returns:
        The path of the finished file.

    Raises:
        DownloadError: If no mirror delivered the file; says what each
            answered and how to do without.
    """
    part, path = folder / f"{file.name}.part", folder / file.name
    mirrors, answers = list(mirrors), {}
    leftover = part.exists()  # of an earlier attempt, perhaps a bad one
    with contextlib.suppress(OSError):  # _fetch will say what is wrong
        folder.mkdir(parents=True, exist_ok=True)
    for _ in range(20):
        before, began, emptied = _size(part), time.monotonic(), False
        for mirror in list(mirrors):
            try:
                _fetch(mirror + file.name, part, file, timeout)
                if (digest := sha256_of(part)) == file.sha256:
                    os.replace(part, path)
                    return path
                answers[mirror] = f"sent SHA-256 {digest}"
                part.unlink()
                if not leftover:
                    mirrors.remove(mirror)
                leftover, emptied = False, True
            except (OSError, HTTPException, ValueError) as error:
                answers[mirror] = _one_line(error)
        seconds, gained = time.monotonic() - began, _size(part) - before
        if gained <= SLOWEST * seconds and not emptied:
            break  # a round that brought next to nothing: give up
    said = "; ".join(": ".join(pair) for pair in answers.items())
    raise DownloadError(
        f"{file.name} could not be downloaded ({said}). Try again, or fetch "
        f"the file in some other way and put it into {folder}"
    )


# book/10-data.md#data-root
def data_root(root: str | Path | None = None) -> Path:
    """Return where data sets live: `root`, `$DLFS_DATA` or the cache."""
    if not (root := root or os.environ.get("DLFS_DATA")):
        if sys.platform == "win32":
            cache = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
        elif sys.platform == "darwin":
            cache = "~/Library/Caches"
        else:
            cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        root = Path(cache) / "dlfs"
    try:
        return Path(root).expanduser()
    except RuntimeError:  # nobody of that name, or no home at all
        raise DataError(
            f"{root}: the home folder ~ is not known; write the path in full"
        ) from None


# book/10-data.md#data-mnist
class MNIST(Digits):
    """The full MNIST: 60,000 training or 10,000 test images.

    Args:
        root: folder with `mnist/*-ubyte.gz`; default `data_root()`.
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
        folder = data_root(root) / "mnist"
        wanted = MNIST_FILES[:2] if train else MNIST_FILES[2:]
        for file in wanted:
            packed = folder / file.name
            there = packed.exists() or packed.with_suffix("").exists()
            if download and not there:
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
        root: folder with `mnist/*-ubyte.gz`; default `data_root()`.
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
            where = data_root(root) / "mnist"
            return train, test, f"full MNIST (60,000 + 10,000) from {where}"
        except DownloadError as error:
            if data == "full":
                raise
            why = f"NOT the full set: {error}"
    source = f"the MNIST slice in the package (10,000 + 2,000), {why}"
    return MNISTMini(train=True), MNISTMini(train=False), source


# book/10-data.md#data-fingerprint
def fingerprint(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of the shapes, types and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


# book/10-data.md#data-pixel-statistics
def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Return mean and deviation of uint8 pixels, scaled to 0..1."""
    counts = sum(
        np.bincount(images[start : start + 1000].ravel(), minlength=256)
        for start in range(0, len(images), 1000)
    )
    values = np.arange(256) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean) ** 2) / counts.sum()
    return float(mean), float(math.sqrt(variance))


# book/10-data.md#data-normalize
def normalize(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Shift and scale uint8 pixels to mean 0 and deviation 1.

    Args:
        images: uint8 array of any shape.
        mean: mean of the training pixels, scaled to 0..1.
        std: their standard deviation.

    Returns:
        A float32 array of the same shape.
    """
    table = ((np.arange(256) / 255 - mean) / std).astype(np.float32)
    return table[images]


# book/10-data.md#data-tensor-dataset
class TensorDataset:
    """Arrays of equal length, indexed together: `dataset[i]` is a tuple."""

    def __init__(self, *arrays: np.ndarray):
        lengths = {len(array) for array in arrays}
        if len(lengths) != 1:
            raise ValueError(
                f"TensorDataset: arrays of lengths {sorted(lengths)}; "
                "all must have the same"
            )
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index) -> tuple[np.ndarray, ...]:
        return tuple(array[index] for array in self.arrays)


# book/10-data.md#data-hold-out
def hold_out(
    dataset, size: int, seed: int | list[int]
) -> tuple[TensorDataset, TensorDataset]:
    """Split `size` random examples off a data set.

    Args:
        dataset: anything with a length whose `dataset[indices]` is a batch.
        size: examples to hold out; at least one other has to be left.
        seed: decides which, as for `np.random.default_rng`.

    Returns:
        All other examples, and those held out, each in their old order.
    """
    if not 0 <= size < len(dataset):
        raise ValueError(
            f"hold_out: {size} of {len(dataset)} examples; there must be at "
            "least 0, and 1 left to learn from"
        )
    order = np.random.default_rng(seed).permutation(len(dataset))
    held_out, others = np.sort(order[:size]), np.sort(order[size:])
    return TensorDataset(*dataset[others]), TensorDataset(*dataset[held_out])


# book/10-data.md#data-loader
class DataLoader:
    """Go through a data set in mini-batches, shuffled anew every epoch.

    Args:
        dataset: anything with a length whose `dataset[indices]` is a batch.
        batch_size: examples in a batch; the last may be smaller.
        shuffle: draw a new order for every epoch.
        drop_last: leave out a smaller last batch.
        generator: source of the orders; default `default_rng(0)`.
    """

    def __init__(
        self,
        dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ):
        if batch_size < 1 or len(dataset) < (batch_size if drop_last else 1):
            raise ValueError(
                f"DataLoader: {len(dataset)} examples make no batch of "
                f"{batch_size}"
            )
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.generator = generator or np.random.default_rng(0)
        self._epoch_start = self.generator.bit_generator.state
        self._position = 0  # batches handed out in this epoch
        self._resumed = False

    def __len__(self) -> int:
        if self.drop_last:
            return len(self.dataset) // self.batch_size
        return math.ceil(len(self.dataset) / self.batch_size)

    # book/10-data.md#data-loader-iter
    def __iter__(self) -> Iterator:
        if not self._resumed:
            self._position = 0
        self._resumed = False
        self._epoch_start = self.generator.bit_generator.state
        size = len(self.dataset)
        order = np.arange(size)
        if self.shuffle:
            order = self.generator.permutation(size)
        for number in range(self._position, len(self)):
            self._position = number + 1
            start = number * self.batch_size
            yield self.dataset[order[start : start + self.batch_size]]
        self._position = 0
        self._epoch_start = self.generator.bit_generator.state

    # book/10-data.md#data-loader-state
    def state_dict(self) -> dict:
        """Return the place in the epoch, as numbers that JSON can hold."""
        return {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "position": self._position,
            "generator": self._epoch_start,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on, at the next iteration, where `state` was taken.

        Raises:
            ValueError: If the state belongs to a different loader.
        """
        for name, value in self.state_dict().items():
            if name in ("examples", "batch_size") and state[name] != value:
                raise ValueError(
                    f"DataLoader: {name} is {value}, but {state[name]} in the "
                    "saved state"
                )
        position = state["position"]
        if type(position) is not int or not 0 <= position <= len(self):
            raise ValueError(
                f"DataLoader: position {position!r:.20} in the saved state, "
                f"expected 0 to {len(self)}"
            )
        self.generator.bit_generator.state = state["generator"]
        self._epoch_start = state["generator"]
        self._position = state["position"]
        self._resumed = True
