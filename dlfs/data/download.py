# Made from book/ by scripts/tangle.py: edit the chapters.
"""Files from mirrors: resumed, measured and checked."""

import contextlib
import hashlib
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from dlfs.data.idx import DataError

__all__ = [
    "SLOWEST",
    "DownloadError",
    "RemoteFile",
    "data_root",
    "download_file",
    "sha256_of",
]


# book/10-data.md#data-remote-file
class RemoteFile(NamedTuple):
    """A file that mirrors hold: its name, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


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
