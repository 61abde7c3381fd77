# Made from book/ by scripts/tangle.py: edit the chapters.
"""Checkpoints: files that are whole, and are read with suspicion."""

import io
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from dlfs.data.download import _one_line

__all__ = [
    "CheckpointError",
    "load_checkpoint",
    "save_checkpoint",
    "write_atomically",
]


# book/11-training.md#trainer-write-atomically
def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or leave the old one: never half of one."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:  # "No space left on device" names no file
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


# book/11-training.md#trainer-split-arrays
def _split(tree, name: str, arrays: dict[str, np.ndarray]):
    """Copy a tree of dicts and lists, moving its arrays into `arrays`."""
    if isinstance(tree, dict):
        return {k: _split(v, f"{name}/{k}", arrays) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [_split(v, f"{name}/{i}", arrays) for i, v in enumerate(tree)]
    if isinstance(tree, np.ndarray):
        arrays[name[1:]] = tree
        return {"$array": name[1:]}
    return tree.item() if isinstance(tree, np.generic) else tree


def _join(tree, arrays: dict[str, np.ndarray]):
    """Undo `_split`."""
    if isinstance(tree, list):
        return [_join(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {"$array"}:
        if (name := str(tree["$array"])) not in arrays:
            raise ValueError(f"the array {name:.40} is missing")
        return arrays[name]
    return {key: _join(item, arrays) for key, item in tree.items()}


# book/11-training.md#trainer-save-checkpoint
_FORMAT = "dlfs checkpoint 1"


def save_checkpoint(path: str | Path, state: dict) -> None:
    """Write a tree of dicts, lists, numbers and arrays as one `.npz`.

    Arrays become members of the archive; all the rest is JSON in a member
    called `metadata`. The file is replaced as a whole.
    """
    arrays: dict[str, np.ndarray] = {}
    metadata = {"format": _FORMAT, "state": _split(state, "", arrays)}
    text = json.dumps(metadata, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, metadata=np.frombuffer(text, np.uint8), **arrays)
    write_atomically(Path(path), buffer.getvalue())


# book/11-training.md#trainer-read-array
def _read_array(raw: bytes) -> np.ndarray:
    """Read a `.npy` member, never allocating more than it holds."""
    stream = io.BytesIO(raw)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array in it has an unknown version")
    header = np.lib.format.read_array_header_1_0(stream)
    shape, fortran_order, dtype = header
    body = bytearray(stream.read())
    if dtype.kind not in "fiub":
        raise ValueError(f"an array in it has the type {dtype!s:.40}")
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(
            f"an array of shape {shape!s:.60} and type {dtype} can't have "
            f"{len(body)} bytes"
        )
    order = "F" if fortran_order else "C"
    return np.frombuffer(body, dtype).reshape(shape, order=order)


# book/11-training.md#trainer-load-checkpoint
class CheckpointError(ValueError):
    """A checkpoint is missing, broken, or belongs to another run."""


def _read_members(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an archive that `save_checkpoint` wrote."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(
            e.compress_type != zipfile.ZIP_STORED
            or e.compress_size != e.file_size
            for e in entries
        ):
            raise ValueError("it is compressed, and ours are not")
        if sum(e.file_size for e in entries) > path.stat().st_size:
            raise ValueError("it announces more bytes than it has")
        if len(set(archive.namelist())) < len(entries):
            raise ValueError("an array stands in it twice")
        return {
            e.filename.removesuffix(".npy"): _read_array(archive.read(e))
            for e in entries
        }


# book/11-training.md#trainer-read-metadata
def _no_constant(name: str):
    """Refuse what isn't JSON but Python takes for it: NaN, Infinity."""
    raise ValueError(f"a number in it is {name}")


def _whole(digits: str) -> int:
    """Return a whole number, unless it is longer than any of ours."""
    if len(digits) > 40:
        raise ValueError(f"a number in it has {len(digits)} digits")
    return int(digits)


def _read_state(path: Path) -> dict:
    """Return the tree in an archive that `save_checkpoint` wrote."""
    arrays = _read_members(path)
    if "metadata" not in arrays:
        raise ValueError("it has no metadata")
    text = arrays.pop("metadata").tobytes()
    metadata = json.loads(text, parse_int=_whole, parse_constant=_no_constant)
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise ValueError(f"its format is not {_FORMAT!r}")
    if not isinstance(state := metadata.get("state"), dict):
        raise ValueError("there is no state in it")
    return _join(state, arrays)


# book/11-training.md#trainer-load-tree
def load_checkpoint(path: str | Path) -> dict:
    """Read what `save_checkpoint` wrote. Nothing in it is executed.

    Raises:
        CheckpointError: If the file is missing or not a whole checkpoint.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path} does not exist: nothing to resume")
    try:
        return _read_state(path)
    except Exception as error:  # whatever a broken file makes readers say
        raise CheckpointError(
            f"{path} is not a whole checkpoint of this version: "
            f"{_one_line(error)}"
        ) from error
