# Made from book/ by scripts/tangle.py: edit the chapters.
"""The IDX files of MNIST."""

import contextlib
import gzip
import math
import os
import zlib
from collections.abc import Iterator
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


# book/16-files-of-strangers.md#data-read-idx-by-content
def read_idx(path: str | Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """Read an IDX file of unsigned bytes, packed by gzip or not.

    No more than `shape` needs is ever read, whatever the file says.

    Args:
        path: the file; its bytes say whether it is packed.
        shape: the shape that it must have; None for any length of an axis.

    Returns:
        A new uint8 array of that shape.

    Raises:
        DataError: If the file cannot be read, is broken or holds something
            else. The message names the file, what is wrong and what is
            expected.
    """
    with _opened(Path(path)) as stream:
        start = stream.peek(100)[:100]
        if _is_page(start):
            raise DataError(
                "is a web page and not the data: a server sent it in place of "
                'the file; delete it and download anew (load_mnist("full"), '
                "or --data full, does so)"
            )
        if start[:1] != b"\0" and start[1:4] == b"\x08\0\0":  # turned round
            found, right = start[:4].hex(" "), start[3::-1].hex(" ")
            raise DataError(
                f"begins with the bytes {found}: its numbers are in the wrong "
                f"byte order (little-endian); expected {right}, and each size "
                "with its most significant byte first as well"
            )
        return _read_body(stream, shape)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, packed or not; every error names the file."""
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no file with an end"
            raise DataError(f"is {kind}; expected a file")
        with open(path, "rb") as stream:
            yield _unpacked(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = f"the gzip file is broken: {error}"
        if str(error).startswith("Not a gzipped file"):
            reason = "there are bytes after the end of the packed data"
        raise DataError(f"{path}: {reason}") from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        if path.is_symlink() and not path.exists():
            reason = f"is a link to {os.readlink(path)}, which does not exist"
        raise DataError(f"{path}: {reason}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


# book/16-files-of-strangers.md#data-read-body-any
def _read_most(stream: BinaryIO, most: int) -> bytearray:
    """Read a stream to its end, but no more than so many bytes."""
    content = bytearray()
    while piece := stream.read(min(1 << 20, most - len(content))):
        content += piece
    return content


def _read_body(stream: BinaryIO, shape: tuple[int | None, ...]) -> np.ndarray:
    """Check the header against `shape`, then read exactly that much."""
    announced = read_idx_shape(stream)
    turned = tuple(np.array(announced, ">u4").view("<u4").tolist())
    if not _fits(announced, shape):
        found = f"{announced!s:.60}"  # there may be 255 sizes
        expected = str(shape).replace("None", "any")
        if _fits(turned, shape):
            expected += "; its sizes have the wrong byte order"
        raise DataError(f"holds the shape {found}; expected {expected}")
    size = math.prod(announced)
    body = _read_most(stream, size + 1)  # one byte more: is it too much?
    if len(body) != size:
        found = "more" if len(body) > size else f"only {len(body):,}"
        if math.prod(turned) == len(body):
            found += "; its sizes have the wrong byte order"
        raise DataError(f"should hold {size:,} bytes, has {found}")
    return np.frombuffer(body, np.uint8).reshape(announced)


def _fits(announced: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    """Return whether a shape is the one that is wanted."""
    pairs = zip(announced, shape, strict=False)
    same = all(wanted in (None, size) for size, wanted in pairs)
    return same and len(announced) == len(shape)


# book/16-files-of-strangers.md#data-unpacked
_GZIP = b"\x1f\x8b"
_LAYERS = 3  # nobody packs a file more often by accident


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """Return the stream of what is packed in a stream, if its bytes say so."""
    for _ in range(_LAYERS):
        if stream.peek(2)[:2] != _GZIP:
            break
        stream = gzip.GzipFile(fileobj=stream, mode="rb")
    return stream


def _is_page(start: bytes) -> bool:
    """Return whether some bytes are the beginning of a web page."""
    return start.lstrip()[:1] == b"<"
