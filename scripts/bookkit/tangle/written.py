"""Remember what was written, to tell an edit by hand from an older output.

What changes with every edit must not stand in the files themselves: two
branches would always conflict there. So the hashes of what was written last
are in a small file that git ignores. A fresh clone has none, and a checkout
brings other files: git knows those.
"""

import hashlib
import json
import subprocess
from pathlib import Path

STATE = ".cache/tangled.json"
JOINED = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")


def hash_text(text: str) -> str:
    """The hash of a file or of a part of it."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_state(root: Path) -> dict[str, list[str]]:
    """The hashes of what was written last, by file; none if not known."""
    try:
        state = json.loads((root / STATE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def state_text(state: dict[str, list[str]]) -> str:
    """The text of the file that remembers the hashes."""
    return json.dumps(state, indent=0, sort_keys=True) + "\n"


def is_known(root: Path, file: str, text: str) -> bool:
    """Whether a text of a generated file is known to be no edit by hand."""
    if hash_text(text) in read_state(root).get(file, []):
        return True
    known = (git_text(root, each, file) for each in revisions(root))
    return any(text == each for each in known)


def revisions(root: Path) -> list[str]:
    """Where git has versions of a file; "" is the index.

    What was added to the index may be an edit by hand that is nowhere else,
    so the index counts only while git itself joins two versions.
    """
    if not any((each / ".git").exists() for each in (root, *root.parents)):
        return []  # to ask git would cost more than all the rest
    folder = run_git(root, "rev-parse", "--absolute-git-dir") or ""
    joined = [each for each in JOINED if Path(folder.strip(), each).exists()]
    return ["HEAD", *joined, ""] if joined else ["HEAD"]


def git_text(root: Path, revision: str, file: str) -> str | None:
    """The text of a file in a revision; None if git does not have it."""
    found = run_git(root, "show", f"{revision}:./{file}")
    return None if found is None else found.replace("\r\n", "\n")


def run_git(root: Path, *arguments: str) -> str | None:
    """What git prints; None without git, or if it has nothing to say."""
    command = ["git", "-C", str(root), *arguments]
    try:
        ran = subprocess.run(command, capture_output=True)
    except OSError:
        return None
    return None if ran.returncode else ran.stdout.decode(errors="replace")
