"""Builds of the same book make the same site, byte for byte."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from built import Site

from conftest import ROOT, complain

# What an author may change while `make serve` runs: a page beside the
# chapters, after which all pages are made anew, so it comes first; a heading
# that the reference links to; a line that the reference takes from the code,
# in the last chapter, as all chapters behind it run again.
EDITS = [
    ("glossary.md", "the share of examples", "the part of all examples"),
    ("04-elementwise.md", "\n## Choosing\n", "\n## How to choose\n"),
    (
        "35-fast-convolution.md",
        "Let convolutions save",
        "Make convolutions save",
    ),
]


def copy_sources(folder: Path) -> None:
    """Copy what git knows or would add, and nothing that was ever built."""
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a copy; returns what it printed."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": commit_time()}
    environment["NO_MKDOCS_2_WARNING"] = "1"
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit_time() -> str:
    """The time that the site bears, as the copy is not under git."""
    command = ["git", "log", "-1", "--format=%ct"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return os.environ.get("SOURCE_DATE_EPOCH") or found.stdout.strip() or "0"


def test_a_build_from_nothing_makes_the_same_bytes(site: Site, tmp_path: Path):
    """From nothing but the outcomes of the chapters' tests."""
    copy_sources(tmp_path)
    kept = tmp_path / ".cache/weave"
    kept.mkdir(parents=True)
    for path in (ROOT / ".cache/weave").glob("tests-*.json"):
        shutil.copy2(path, kept)
    run(tmp_path, "-m", "mkdocs", "build", "--strict")
    complain(
        "files that differ between two builds (if they are timings: "
        "make record)",
        differences(site.folder, tmp_path / "site"),
    )


def test_nothing_is_stale_while_somebody_writes(tmp_path: Path):
    """A page that `make serve` keeps is what a fresh build would make."""
    copy_sources(tmp_path)
    shutil.copytree(ROOT / ".cache", tmp_path / ".cache")
    program = str(Path(__file__).with_name("rebuild.py"))
    run(tmp_path, program, "served", *sum(EDITS, ()))
    run(tmp_path, program, "fresh")
    complain(
        "files that differ from those of a fresh build",
        differences(tmp_path / "fresh", tmp_path / "served"),
    )


def differences(one: Path, other: Path) -> list[str]:
    """The files that are not the same in two folders."""
    here, there = files_of(one), files_of(other)
    return [
        f"{name}: {difference(here.get(name), there.get(name))}"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]


def files_of(folder: Path) -> dict[str, bytes]:
    """The contents of all files in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def difference(first: bytes | None, second: bytes | None) -> str:
    """Where two files differ, and what stands there."""
    if first is None or second is None:
        return "only one of the builds has it"
    pairs = enumerate(zip(first, second))
    end = min(len(first), len(second))
    place = next((at for at, (one, two) in pairs if one != two), end)
    start = max(0, place - 30)
    return f"{first[start : place + 30]} or {second[start : place + 30]}"
