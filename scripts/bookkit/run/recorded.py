"""Keep the timings that the chapters print.

A cell that measures time is tagged `timing` in its chapter. It runs in every
build, but it prints something else each time, on each machine. So the page
shows what was recorded by

    python scripts/weave.py --record

in `book/runs/timings/`, and names the machine and the versions. A recording
only counts for exactly the code that it was made with, all code before the
cell included; else the page shows the outputs of this build. How long tests
took is recorded in the same way, and else is not shown.
"""

import json
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bookkit.read.chapters import BookError, Chapter, Mistake
from bookkit.run.cache import version
from bookkit.run.kernels import Run
from bookkit.run.machine import blas, machine
from bookkit.run.testruns import ChapterTests
from bookkit.tangle.disk import write_files

FOLDER = "runs/timings"
TAG = "timing"


def is_timing(cell) -> bool:
    """Whether the outputs of a cell change from run to run."""
    return TAG in cell.options.get("tags", [])


def recorded_file(book: Path, chapter: Chapter) -> Path:
    """Where the timings of a chapter are recorded."""
    return book / FOLDER / f"{chapter.name}.json"


def conditions() -> dict[str, str]:
    """Where and with what this program measures time."""
    return {
        "machine": machine(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "blas": f"{blas()}, one thread",
    }


def read_recorded(book: Path, chapter: Chapter) -> dict:
    """What is recorded: the `conditions`, and the `cells` and `tests`."""
    path = recorded_file(book, chapter)
    nothing = {"conditions": {}, "cells": {}, "tests": {}}
    if not path.exists():
        return nothing
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        return {key: recorded[key] for key in nothing}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"is no recording ({error}); delete it and record again"
        raise BookError([Mistake(str(path), 1, message)]) from error


def timings(run: Run) -> Iterator[tuple[str, list[dict]]]:
    """The outputs of each cell that is tagged, by what they follow from."""
    for cell, outputs, key in run.cells:
        if is_timing(cell):
            yield key[:20], outputs


def write_recorded(book: Path, run: Run, tests: ChapterTests) -> None:
    """Record the timings of a chapter; without any, delete the file."""
    path = recorded_file(book, run.chapter)
    cells = dict(timings(run))
    if not (cells or tests.blocks):
        path.unlink(missing_ok=True)
        return
    seconds = {
        name: round(each.seconds, 3) for name, each in tests.blocks.items()
    }
    recorded = {
        "conditions": conditions(),
        "cells": cells,
        "tests": {"key": tests.key[:20], "seconds": seconds},
    }
    text = json.dumps(recorded, ensure_ascii=False, indent=1) + "\n"
    write_files(path.parent, {path.name: text})


def is_recorded(recorded: dict, run: Run) -> bool:
    """Whether all timings of a chapter are recorded for its code."""
    return all(key in recorded["cells"] for key, _ in timings(run))


def with_recorded(
    recorded: dict, run: Run
) -> tuple[list[list[dict]], dict[str, str]]:
    """The outputs with recorded timings, and where these were measured.

    All of a page's timings come from one place: if any is not recorded, all
    are those of this build.
    """
    if not is_recorded(recorded, run):
        return run.outputs, conditions()
    outputs = [
        recorded["cells"][key[:20]] if is_timing(cell) else found
        for cell, found, key in run.cells
    ]
    return outputs, recorded["conditions"]


def with_recorded_times(recorded: dict, tests: ChapterTests) -> ChapterTests:
    """The tests with recorded times, and where these were measured.

    Without times, if what is recorded are other tests or another package.
    """
    seconds, conditions = {}, {}
    if recorded["tests"].get("key") == tests.key[:20]:
        seconds = recorded["tests"]["seconds"]
        conditions = recorded["conditions"]
    blocks = {
        name: replace(each, seconds=seconds.get(name))
        for name, each in tests.blocks.items()
    }
    return replace(tests, blocks=blocks, conditions=conditions)


def find_untagged(one: Run, other: Run) -> list[Mistake]:
    """The cells that print something else each time, but have no tag."""
    message = f'prints something else each time; say tags=["{TAG}"]'
    return [
        Mistake(one.chapter.path, cell.fence, message)
        for (cell, first, _), second in zip(one.cells, other.outputs)
        if first != second and not is_timing(cell)
    ]
