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
from _pytest._code.code import ExceptionChainRepr, ReprEntry, ReprTraceback

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
    add_to_report(report, collector.config)
    call = getattr(report, "call", None)
    if call and call.excinfo and not is_chain(report.longrepr):
        arrows = list(arrows_of(call.excinfo.value, collector.config))
        if arrows:
            report.sections.append((SECTION, "\n".join(arrows)))
    return report


def add_to_report(report, config: pytest.Config) -> None:
    """Add chapter lines below the entries of a report's tracebacks."""
    if is_chain(report.longrepr):
        for part, *_ in report.longrepr.chain:
            add_to_traceback(part, config)


def is_chain(longrepr: object) -> bool:
    """Whether a report holds tracebacks entry by entry."""
    return isinstance(longrepr, ExceptionChainRepr)


def add_to_traceback(part: ReprTraceback, config: pytest.Config) -> None:
    """Add chapter lines below the entries of one traceback."""
    for entry in part.reprentries:
        place = entry.reprfileloc if isinstance(entry, ReprEntry) else None
        if place:
            path = config.invocation_params.dir / place.path
            arrow = find_arrow(config, str(path), place.lineno)
            if arrow:
                entry.lines.append(arrow)


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


def find_arrow(config: pytest.Config, path: str, line: int) -> str:
    """The line to add for a frame, or nothing."""
    root = config.getoption("--chapters-root")
    return load_chapter_lines(root).arrow(path, line)


@functools.cache
def load_chapter_lines(root: str) -> ChapterLines:
    """What finds the lines; it is kept, as it reads the book."""
    return ChapterLines(Path(root))
