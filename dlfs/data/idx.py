# Made from book/ by scripts/tangle.py: edit the chapters.
"""The IDX files of MNIST."""

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["IDX_UBYTE", "DataError", "read_idx", "read_idx_shape"]


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
