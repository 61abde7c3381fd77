"""A pytest plugin: failure reports show the chapter line under each frame.

Under every traceback entry in a generated file stands a line such as

    -> book/04-tensors.md:118 (tensor-mul)

The book is only read when something failed.
"""

import functools
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntry

from bookkit import ROOT
from bookkit.tangle.tracebacks import ChapterLines

SECTION = "lines of the book"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where the book is."""
    parser.addoption(
        "--chapters-root",
        default=str(ROOT),
        help="the folder that holds book/ (default: the repository)",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Add chapter lines to the report of a failed test."""
    report = yield
    add_to_report(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Add chapter lines to the report of a file that cannot be imported."""
    report = yield
    if not add_to_report(report, collector.config) and report.failed:
        error = report.call.excinfo.value
        arrows = list(arrows_of(error, collector.config))
        if arrows:
            report.sections.append((SECTION, "\n".join(arrows)))
    return report


def add_to_report(report, config: pytest.Config) -> bool:
    """Add chapter lines below each entry of a report, if it has entries."""
    if not isinstance(report.longrepr, ExceptionChainRepr):
        return False
    for part, *_ in report.longrepr.chain:
        for entry in part.reprentries:
            place = entry.reprfileloc if isinstance(entry, ReprEntry) else None
            if place:
                path = config.invocation_params.dir / place.path
                arrow = find_arrow(config, str(path), place.lineno)
                entry.lines += [arrow] if arrow else []
    return True


def arrows_of(
    error: BaseException | None, config: pytest.Config
) -> Iterator[str]:
    """A line for each frame of an error and its causes that has one."""
    while error:
        for frame in traceback.extract_tb(error.__traceback__):
            arrow = find_arrow(config, frame.filename, frame.lineno)
            if arrow:
                yield f"{frame.filename}:{frame.lineno}\n{arrow}"
        error = error.__cause__


@functools.cache
def load_chapter_lines(root: str) -> ChapterLines:
    """What finds the lines; it is kept, as it reads the book."""
    return ChapterLines(Path(root))


def find_arrow(config: pytest.Config, path: str, line: int) -> str:
    """The line to add for a frame, or nothing."""
    root = config.getoption("--chapters-root")
    return load_chapter_lines(root).arrow(path, line)
