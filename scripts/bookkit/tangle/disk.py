"""Compare the generated files with what is on disk, and write them.

To tell an edit by hand from an older output, the hashes of what was written
last are in a small file that git ignores: if they stood in the files
themselves, two branches would always conflict there. A fresh clone has none,
and a checkout brings other files: git knows those.
"""

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from bookkit.read.chapters import Chapter
from bookkit.read.fences import GENERATED_FOLDERS
from bookkit.read.mistakes import BookError, Mistake, disk_errors, raise_any
from bookkit.read.source import find_conflict
from bookkit.tangle.output import Output, find_syntax_error, nearest_origin

STATE = ".cache/tangled.json"
JOINED = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
DATA_FOLDERS = ("dlfs/mnist_mini",)
ALLOWED = (*DATA_FOLDERS, "dlfs/py.typed")  # among generated files
LITTER = re.compile(r"\..+\.[0-9]+\.tmp")
WRITING = threading.Lock()  # two threads may keep the same snapshot

Texts = dict[str, str | None]  # of files; None for one that is not there

# --- What we wrote ---


def hash_text(text: str) -> str:
    """The hash of a file or of a part of it."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_state(root: Path) -> dict[str, list[str]]:
    """The hashes of what was written last, by file; none if not known."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((root / STATE).read_text("utf-8"))
    return {}


def remember(output: Output, others: dict[str, list[str]]) -> dict[str, str]:
    """The file that remembers what is written, and `others`: see back.py."""
    state = {file: [hash_text(output.text(file))] for file in output.files}
    text = json.dumps(state | others, indent=0, sort_keys=True)
    return {STATE: f"{text}\n"}


def is_known(root: Path, file: str, text: str) -> bool:
    """Whether a text of a generated file is known to be no edit by hand.

    What was added to git's index may be an edit by hand that is nowhere else,
    so the index ("") counts only while git itself joins two versions.
    """
    if hash_text(text) in read_state(root).get(file, []):
        return True
    known = [show(root, each, file) for each in ("HEAD", *JOINED)]
    if any(known[1:]):
        known.append(show(root, "", file))
    return text in known


def show(root: Path, revision: str, file: str) -> str | None:
    """A file as git has it; None without git, or if it does not."""
    command = ["git", "-C", str(root), "show", f"{revision}:./{file}"]
    try:
        ran = subprocess.run(command, capture_output=True)
    except OSError:
        return None
    return None if ran.returncode else plain_text(ran.stdout)


# --- Comparing with what is on disk ---


def read_generated(path: Path) -> str | None:
    """Read a file with `\\n` line ends; None if it does not exist."""
    with disk_errors(path, "read"), contextlib.suppress(FileNotFoundError):
        return plain_text(path.read_bytes())
    return None


def plain_text(content: bytes) -> str:
    """The text of a file with `\n` line ends, to compare it."""
    return content.decode(errors="replace").replace("\r\n", "\n")


def find_changes(root: Path, output: Output) -> Texts:
    """The files that differ from the book, each with its text on disk."""
    texts = {file: read_generated(root / file) for file in output.files}
    return {
        file: text for file, text in texts.items() if text != output.text(file)
    }


def find_hand_edits(root: Path, changes: Texts) -> dict[str, str]:
    """The changed files that hold what we did not make, with their texts.

    Raises `BookError` if git could not join two versions of one.
    """
    edits = {
        file: text
        for file, text in changes.items()
        if text is not None and not is_known(root, file, text)
    }
    conflicts = itertools.starmap(find_conflict, edits.items())
    raise_any(itertools.chain(*conflicts))
    return edits


def check_changes(root: Path, output: Output, changes: Texts) -> None:
    """Raise `BookError` if the changed files cannot be written.

    That is if one would not parse, if an edit by hand would be lost, or if a
    file would be left that no block makes.
    """
    mistakes = find_orphans(root, output)
    for file in changes:
        mistakes += find_syntax_error(output.files[file], file)
    for file, text in find_hand_edits(root, changes).items():
        number = first_difference(text, output.text(file))
        origin = nearest_origin(output.files[file], number)
        message = f"edited by hand (made from {origin or 'no block'}); "
        message += "scripts/tangle.py --back puts the edit into the chapter; "
        message += "to drop it, delete the file and tangle again"
        mistakes.append(Mistake(file, number, message))
    raise_any(mistakes)


def first_difference(text: str, made: str) -> int:
    """The first line, header aside, on which a file is not as it is made."""
    pairs = itertools.zip_longest(text.split("\n"), made.split("\n"))
    numbers = [n for n, (one, two) in enumerate(pairs, 1) if one != two]
    first = next((n for n in numbers if n > 1), 1)
    return max(1, min(first, len(text.splitlines())))


def find_orphans(root: Path, output: Output) -> list[Mistake]:
    """Find files in generated folders that no block makes.

    Data, caches and hidden files may stand there.
    """
    message = "no block of the book makes this file; delete or move it"
    return [
        Mistake(file.as_posix(), 1, message)
        for name in GENERATED_FOLDERS
        for path in sorted((root / name).rglob("*"))
        for file in [path.relative_to(root)]
        if path.is_file() and file.as_posix() not in output.files
        if not any(x[0] == "." or x == "__pycache__" for x in file.parts)
        if not any(file.is_relative_to(each) for each in ALLOWED)
    ]


# --- Writing ---


def write_files(
    root: Path,
    contents: dict[str, str | bytes],
    seen: Texts | None = None,
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
            with disk_errors(file, "written"):
                place = Path(os.path.realpath(root / file))
                path = place.with_name(f".{place.name}.{os.getpid()}.tmp")
                if isinstance(content, str):
                    content = content.encode()
                if not place.is_file() or place.read_bytes() != content:
                    written[file] = path, place
                    write_beside(path, place, content)
        message = "was changed while scripts/tangle.py ran; run it again"
        raise_any(
            Mistake(file, 1, message)
            for file, text in (seen or {}).items()
            if read_generated(root / file) != text
        )
        for file in written:
            with disk_errors(file, "written"):
                os.replace(*written[file])
    finally:
        for path, _ in written.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def write_beside(path: Path, place: Path, content: bytes) -> None:
    """Write a file that is to be moved to its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_litter(path.parent)
    with open(path, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if place.exists():
        shutil.copymode(place, path)


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
    write_files(root, texts | remember(output, {}), changes)
    return list(changes)


# --- Snapshots ---


def write_snapshot(root: Path, output: Output, folder: Path) -> list[str]:
    """Write a package and its tests into a folder of their own.

    `folder` may hold an earlier snapshot, which is brought up to date; raises
    `BookError` if it holds anything else. Hidden files do not count: a run
    leaves them that was killed.
    """
    with WRITING, disk_errors(folder, "read or written"):
        has_mark = (folder / STATE).parent.exists()
        ours = {*GENERATED_FOLDERS, "__pycache__"} if has_mark else set()
        if folder.is_file() or {x.name for x in folder.glob("[!.]*")} - ours:
            message = "is not an earlier snapshot; choose an empty folder"
            raise BookError([Mistake(str(folder), 1, message)])
        for name in GENERATED_FOLDERS:
            if folder.resolve().is_relative_to(root / name):
                message = f"is inside {name}/, which the book makes"
                raise BookError([Mistake(str(folder), 1, message)])
        (folder / STATE).parent.mkdir(parents=True, exist_ok=True)
        for file, *_ in find_orphans(folder, output):
            if is_known(folder, file, read_generated(folder / file)):
                (folder / file).unlink()
        changes = write_output(folder, output)
        if "dlfs/__init__.py" in output.files:
            write_files(folder, read_data(root))
    return changes


def read_data(root: Path) -> dict[str, bytes]:
    """The data files of the package."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in DATA_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def snapshot_folder(chapters: list[Chapter]) -> str:
    """Where the snapshot after the last of `chapters` is kept."""
    name = f"{chapters[-1].number:02}" if chapters else "none"
    return f"build/snapshots/{name}"


def keep_snapshot(root: Path, output: Output) -> Path:
    """Write what chapters make into the folder that is kept for it."""
    folder = root / snapshot_folder(output.chapters)
    write_snapshot(root, output, folder)
    return folder
