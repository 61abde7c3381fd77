"""Remember what was written, to tell an edit by hand from an older output.

What changes with every edit must not stand in the files themselves: two
branches would always conflict there. So the hashes of what was written last
are in a small file that git ignores. A fresh clone has none, and a checkout
brings other files: git knows those.
"""

import hashlib
import json
import re
import subprocess
from pathlib import Path

from bookkit.tangle.output import HEADER

STATE = ".cache/tangled.json"
JOINED = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
OLD_HEADER = re.compile(re.escape(HEADER) + r" \[([0-9a-f]{12})\]")


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


def find_bases(root: Path, file: str) -> set[str]:
    """The hashes of all texts that are known to be no edit by hand."""
    texts = (git_text(root, revision, file) for revision in revisions(root))
    known = {hash_text(text) for text in texts if text is not None}
    return known.union(read_state(root).get(file, []))


def revisions(root: Path) -> list[str]:
    """Where git has versions of a file; "" is the index.

    What was added to the index may be an edit by hand that is nowhere else,
    so the index counts only while git itself joins two versions.
    """
    joined = [name for name in JOINED if run_git(root, "rev-parse", name)]
    return ["HEAD", *joined, ""] if joined else ["HEAD"]


def git_text(root: Path, revision: str, file: str) -> str | None:
    """The text of a file in a revision; None if git does not have it."""
    found = run_git(root, "show", f"{revision}:./{file}")
    return None if found is None else found.replace("\r\n", "\n")


def run_git(root: Path, *arguments: str) -> str | None:
    """What git prints; None without git, or if it has nothing to say."""
    try:
        ran = subprocess.run(
            ["git", "-C", str(root), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    return None if ran.returncode else ran.stdout.decode(errors="replace")


def is_untouched(root: Path, file: str, text: str) -> bool:
    """Whether a generated file is as it was written."""
    first, _, body = text.partition("\n")
    old = OLD_HEADER.fullmatch(first)
    if old and old[1] == hash_text(body):
        return True  # written when the hash stood in the first line
    if hash_text(text) in read_state(root).get(file, []):
        return True
    return hash_text(text) in find_bases(root, file)
