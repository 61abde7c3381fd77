"""Keep what was computed in `.cache/weave`, in files that name what it needs.

A file is NAME-HASH.json. The hash is of everything that its content follows
from, so what is found is never stale.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable
from pathlib import Path

from bookkit.tangle.disk import write_files

CACHE = ".cache/weave"
LIBRARIES = (
    *("hypothesis", "ipykernel", "ipython", "matplotlib", "nbclient"),
    *("numpy", "pytest", "torch"),
)
KEPT = 5  # how many files of one name are remembered


def hash_of(value) -> str:
    """The hash of anything that JSON can hold.

    It also tells where one text ends and the next begins.
    """
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def version(distribution: str) -> str:
    """The version of a library that is installed."""
    return importlib.metadata.version(distribution)


def cache_file(root: Path, name: str, parts: list[str]) -> Path:
    """Where something is kept; its content follows from these parts.

    And from the versions of Python and of libraries, and the kind of machine.
    """
    parts = [*parts, platform.python_version(), platform.machine()]
    for library in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            parts.append(f"{library} {version(library)}")
    return root / CACHE / f"{name}-{hash_of(parts)[:20]}.json"


def read_cache(path: Path):
    """What `write_cache` wrote there, or None."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none, or somebody damaged it
        return None
    path.touch()  # the oldest are deleted
    return value


def keep(path: Path, make: Callable, use_cache: bool = True) -> tuple:
    """What is kept there, or else is made and kept; and whether it is new."""
    found = read_cache(path) if use_cache else None
    if found is not None:
        return found, False
    made = make()
    write_cache(path, made)
    return made, True


def write_cache(path: Path, value) -> None:
    """Keep what JSON can hold in NAME-HASH.json; forget old ones of NAME."""
    text = json.dumps(value, ensure_ascii=False)
    write_files(path.parent, {path.name: text})
    name = path.name.rpartition("-")[0]
    files = sorted(
        path.parent.glob(f"{name}-*.json"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    for old in files[:-KEPT]:
        old.unlink(missing_ok=True)
