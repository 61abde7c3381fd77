"""Compare the generated files with what is on disk, and write them."""

import contextlib
import itertools
import os
import re
import shutil
import threading
import time
from pathlib import Path

from bookkit.read.chapters import BookError, Chapter, Mistake
from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.read.source import find_marker
from bookkit.tangle.output import (
    Output,
    find_syntax_error,
    nearest_origin,
)
from bookkit.tangle.written import (
    STATE,
    hash_text,
    is_known,
    read_state,
    state_text,
)

DATA_FOLDERS = ("dlfs/mnist_mini",)
CACHE_FOLDERS = {"__pycache__"}
LITTER = re.compile(r"\..+\.[0-9]+\.tmp")
WRITING = threading.Lock()  # half a snapshot looks like no snapshot

# --- Comparing with what is on disk ---


def read_generated(path: Path) -> str | None:
    """Read a file with `\\n` line ends; None if it does not exist."""
    try:
        return plain_text(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise BookError([Mistake(str(path), 1, message)]) from error


def plain_text(content: bytes) -> str:
    """The text of a file with `\n` line ends, to compare it."""
    return content.decode(errors="replace").replace("\r\n", "\n")


def find_changes(root: Path, output: Output) -> dict[str, str | None]:
    """The files that differ from the book, each with its text on disk."""
    texts = {file: read_generated(root / file) for file in output.files}
    return {
        file: text for file, text in texts.items() if text != output.text(file)
    }


def find_hand_edits(
    root: Path, changes: dict[str, str | None]
) -> dict[str, str]:
    """The changed files that hold what we did not make, with their texts."""
    return {
        file: text
        for file, text in changes.items()
        if text is not None and not is_known(root, file, text)
    }


def check_changes(
    root: Path, output: Output, changes: dict[str, str | None]
) -> None:
    """Raise `BookError` if the changed files cannot be written.

    That is if one would not parse, if an edit by hand would be lost, or if a
    file would be left that no block makes.
    """
    mistakes = explain_orphans(root, output)
    for file in changes:
        mistakes += find_syntax_error(output.files[file], file)
    for file, text in find_hand_edits(root, changes).items():
        mistakes.append(explain_hand_edit(file, text, output))
    if mistakes:
        raise BookError(mistakes)


def explain_hand_edit(file: str, old: str, output: Output) -> Mistake:
    """Say where a file on disk first differs, and where that comes from."""
    marker = find_marker(old)
    if marker:
        message = (
            "git could not join two versions here: resolve the chapters, take "
            f"either side of this file (git checkout --ours {file}) and run "
            "scripts/tangle.py"
        )
        return Mistake(file, marker, message)
    lines = output.files[file]
    number = first_difference(old, output.text(file))
    origin = nearest_origin(lines, number)
    place = f" (made from {origin})" if origin else ""
    return Mistake(
        file,
        number,
        f"edited by hand{place}; scripts/tangle.py --back puts the edit into "
        "the chapter; to drop it, delete the file and tangle again",
    )


def first_difference(text: str, made: str) -> int:
    """The first line, header aside, on which a file is not as it is made."""
    pairs = itertools.zip_longest(text.split("\n"), made.split("\n"))
    numbers = [n for n, (one, two) in enumerate(pairs, 1) if one != two]
    first = next((n for n in numbers if n > 1), 1)
    return max(1, min(first, len(text.splitlines())))


def find_orphans(root: Path, output: Output) -> list[str]:
    """The files in generated folders that no block makes."""
    paths = [
        path.relative_to(root)
        for folder in GENERATED_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    ]
    names = [path.as_posix() for path in paths if not is_allowed(path)]
    return [name for name in names if name not in output.files]


def is_allowed(path: Path) -> bool:
    """Whether a file may stand among generated ones: data or a cache."""
    return (
        path.name == "py.typed"
        or path.suffix == ".pyc"
        or any(p in CACHE_FOLDERS or p.startswith(".") for p in path.parts)
        or any(path.is_relative_to(folder) for folder in DATA_FOLDERS)
    )


def explain_orphans(root: Path, output: Output) -> list[Mistake]:
    """The mistakes for files that no block makes."""
    message = "no block of the book makes this file; delete or move it"
    return [Mistake(file, 1, message) for file in find_orphans(root, output)]


# --- Writing ---


def write_files(
    root: Path,
    contents: dict[str, str | bytes],
    seen: dict[str, str | None] | None = None,
) -> None:
    """Write files whole, and none of them if one has no place on disk.

    Those that hold this already are left alone. Each is written beside its
    place first; only then they are all moved, in the order of `contents`.
    `seen` are texts as they were read; if one of them is another by now,
    nothing is moved.
    """
    written: dict[str, tuple[Path, Path]] = {}
    try:
        for file, content in contents.items():
            place = Path(os.path.realpath(root / file))
            content = content.encode() if isinstance(content, str) else content
            if has_content(place, content):
                continue
            path = place.with_name(f".{place.name}.{os.getpid()}.tmp")
            written[file] = path, place
            place.parent.mkdir(parents=True, exist_ok=True)
            remove_litter(place.parent)
            with open(path, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if place.exists():
                shutil.copymode(place, path)
        check_unchanged(root, seen or {})
        for file in written:
            os.replace(*written[file])
    except OSError as error:
        message = f"cannot be written: {error}"
        raise BookError([Mistake(file, 1, message)]) from error
    finally:
        for path, _ in written.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def check_unchanged(root: Path, seen: dict[str, str | None]) -> None:
    """Raise `BookError` if a file is not as it was when it was read."""
    message = "was changed while scripts/tangle.py ran; run it again"
    mistakes = [
        Mistake(file, 1, message)
        for file, text in seen.items()
        if read_generated(root / file) != text
    ]
    if mistakes:
        raise BookError(mistakes)


def remove_litter(folder: Path) -> None:
    """Delete what a run that was killed has left in a folder.

    Files of the last minute may belong to a run that goes on.
    """
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            is_ours = LITTER.fullmatch(path.name)
            if is_ours and path.stat().st_mtime < time.time() - 60:
                path.unlink()


def write_output(root: Path, output: Output) -> list[str]:
    """Write the files that changed and return their names."""
    changes = find_changes(root, output)
    check_changes(root, output, changes)
    texts = {file: output.text(file) for file in changes}
    write_files(root, texts | remember(root, output), changes)
    return list(changes)


def remember(
    root: Path, output: Output, bases: dict[str, list[str]] | None = None
) -> dict[str, str]:
    """The file that remembers what is written, if it is to change.

    `bases` are other hashes for some of the files; see back.py.
    """
    state = {file: [hash_text(output.text(file))] for file in output.files}
    state |= bases or {}
    return {} if state == read_state(root) else {STATE: state_text(state)}


def write_snapshot(root: Path, output: Output, folder: Path) -> list[str]:
    """Write a package and its tests into a folder of their own.

    `folder` may hold an earlier snapshot, which is brought up to date; raises
    `BookError` if it holds anything else.
    """
    try:
        with WRITING:
            check_snapshot_folder(root, folder)
            (folder / STATE).parent.mkdir(parents=True, exist_ok=True)
            for file in find_orphans(folder, output):
                text = read_generated(folder / file)
                if is_known(folder, file, text):
                    (folder / file).unlink()
            changes = write_output(folder, output)
            if "dlfs/__init__.py" in output.files:
                write_files(folder, read_data(root))
    except OSError as error:
        message = f"cannot be read or written: {error}"
        raise BookError([Mistake(str(folder), 1, message)]) from error
    return changes


def check_snapshot_folder(root: Path, folder: Path) -> None:
    """Raise `BookError` unless a folder is new, empty or a snapshot."""
    for name in GENERATED_FOLDERS:
        if folder.resolve().is_relative_to(root / name):
            message = f"is inside {name}/, which the book makes"
            raise BookError([Mistake(str(folder), 1, message)])
    if folder.exists() and not (folder.is_dir() and is_snapshot(folder)):
        message = "is not an earlier snapshot; choose an empty folder"
        raise BookError([Mistake(str(folder), 1, message)])


def is_snapshot(folder: Path) -> bool:
    """Whether a folder has only what we write, and says that we wrote it.

    Hidden files and caches do not count: a run leaves them that was killed.
    """
    names = {path.name for path in folder.iterdir()} - CACHE_FOLDERS
    shown = {name for name in names if not name.startswith(".")}
    mark = Path(STATE).parts[0]
    return shown <= {*GENERATED_FOLDERS} and (not shown or mark in names)


def read_data(root: Path) -> dict[str, bytes]:
    """The data files of the package."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in DATA_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def has_content(path: Path, content: bytes) -> bool:
    """Whether a file exists and holds this."""
    return path.is_file() and path.read_bytes() == content


def snapshot_folder(chapters: list[Chapter]) -> str:
    """Where the snapshot after the last of `chapters` is kept."""
    name = f"{chapters[-1].number:02}" if chapters else "none"
    return f"build/snapshots/{name}"


def keep_snapshot(root: Path, output: Output) -> Path:
    """Write what chapters make into the folder that is kept for it."""
    folder = root / snapshot_folder(output.chapters)
    write_snapshot(root, output, folder)
    return folder
