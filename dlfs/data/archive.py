# Made from book/ by scripts/tangle.py: edit the chapters.
"""Archives from strangers: unpacked as we want it, or not at all."""

import contextlib
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from dlfs.data.idx import DataError, _is_page, _opened

__all__ = ["read_archive", "unpack"]


# book/32-cifar-files.md#archive-refuse
_ENTRIES = 100  # of extended headers


def _refuse_member(member: tarfile.TarInfo, limit: int) -> None:
    """Raise a DataError for a member that no data set needs."""
    parts = member.name.replace("\\", "/").split("/")
    fault = ""
    if len(member.pax_headers) > _ENTRIES:  # every member keeps a copy
        fault = f"has more than {_ENTRIES} entries in its headers"
    elif member.issym() or member.islnk():
        fault = f"is a link to {member.linkname!a:.60}"
    elif not (member.isreg() or member.isdir()) or member.issparse():
        fault = "is neither a file nor a folder"
    elif not 0 <= member.size <= limit:  # tarfile would skip it for ever
        fault = f"has a size of {member.size!s:.20} bytes"
    elif parts[0] == "" or ":" in parts[0]:
        fault = "has an absolute path"
    elif ".." in parts:
        fault = "leads out of the folder"
    if fault:
        raise DataError(
            f"its member {member.name!a:.80} {fault}; nothing was unpacked"
        )


# book/32-cifar-files.md#archive-limited
_OTHERS = 16 << 20  # bytes of other members and of headers
_MEMBERS = 1000


class _Limited:
    """A stream that refuses to be longer than `limit` bytes."""

    def __init__(self, stream: BinaryIO, limit: int):
        self.stream, self.limit, self.left = stream, limit, limit

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, or raise a DataError at the limit."""
        piece = self.stream.read(min(size, self.left + 1))
        self.left -= len(piece)
        if self.left < 0:
            raise DataError(
                f"unpacks to more than {self.limit:,} bytes; nothing was "
                "unpacked"
            )
        return piece


# book/32-cifar-files.md#archive-read
def read_archive(path: Path, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Return files out of a tar archive, packed by gzip or not.

    All of the archive is looked at, and nothing is written.

    Args:
        path: the archive; its bytes say whether it is packed.
        sizes: the names of the files, whatever folder they are in, and how
            many bytes each must have.

    Returns:
        The content of each file.

    Raises:
        DataError: If the archive is broken, lacks a file, or has a member
            that could write elsewhere. The message names both.
    """
    with _opened(path) as stream:
        if _is_page(stream.peek(100)[:100]):
            raise DataError("is a web page and not the archive")
        limited = _Limited(stream, sum(sizes.values()) + _OTHERS)
        try:
            found = _collect(limited, sizes)
        except DataError:
            raise
        except (tarfile.TarError, ValueError, RecursionError) as error:
            raise DataError(f"is no sound tar file: {error}") from error
        while limited.read(1 << 20):
            pass  # gzip's checksum is at the end
        if missing := [name for name in sizes if name not in found]:
            raise DataError(f"lacks {', '.join(missing)}")
    return found


# book/32-cifar-files.md#archive-collect
def _collect(stream: _Limited, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Return the wanted members of a tar stream."""
    found = {}
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as tar:
        for number, member in enumerate(tar):
            _refuse_member(member, stream.limit)
            if number == _MEMBERS:
                raise DataError(f"has more than {_MEMBERS:,} members")
            name = member.name.rpartition("/")[2]
            if not member.isreg() or name not in sizes:
                continue
            if name in found or member.size != sizes[name]:
                raise DataError(
                    f"holds {name} with {member.size:,} bytes; expected one "
                    f"file of that name with {sizes[name]:,}"
                )
            found[name] = tar.extractfile(member).read()
    return found


# book/32-cifar-files.md#archive-unpack
def unpack(path: Path, folder: Path, sizes: Mapping[str, int]) -> None:
    """Unpack some files of a tar archive into one folder.

    Nothing is written if the archive is refused. If the disk is full, the
    files that are complete stay.

    Args:
        path: the archive.
        folder: where the files go; made if it doesn't exist. Files that
            are there already are left as they are.
        sizes: names and bytes of the files, as for `read_archive`.

    Raises:
        DataError: If the archive is refused, or the folder cannot be
            written to.
    """
    for name, content in read_archive(path, sizes).items():
        part = folder / f"{name}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(folder / name):
                part.write_bytes(content)
                os.replace(part, folder / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise DataError(
                f"{path} cannot be unpacked to {folder}: {error.strerror}"
            ) from error
