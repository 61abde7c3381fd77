"""A pytest plugin: failure reports show the chapter line under each frame.

Under every traceback entry in a generated file stands a line such as

    -> book/04-tensors.md:118 (tensor-mul)

The book is only read when something failed.
"""

import functools
import re
from pathlib import Path

import pytest
from _pytest._code.code import ExceptionChainRepr
from _pytest.reports import CollectErrorRepr

from bookkit import ROOT
from bookkit.tangle.tracebacks import ChapterLines

PLACE = re.compile(r"^(.+\.py):(\d+): in .*", re.MULTILINE)


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
    return add_to_report((yield), item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Add chapter lines to the report of a file that cannot be imported."""
    return add_to_report((yield), collector.config)


def add_to_report(report, config: pytest.Config):
    """The report, with chapter lines below each entry of its tracebacks."""
    if isinstance(report.longrepr, CollectErrorRepr):
        report.longrepr.longrepr = PLACE.sub(
            lambda found: "\n".join(
                [found[0], *arrows(config, *found.groups())]
            ),
            report.longrepr.longrepr,
        )
    elif isinstance(report.longrepr, ExceptionChainRepr):
        for part, *_ in report.longrepr.chain:
            for entry in part.reprentries:
                place = getattr(entry, "reprfileloc", None)
                if place:
                    entry.lines += arrows(config, place.path, place.lineno)
    return report


def arrows(config: pytest.Config, path: str, line: str | int) -> list[str]:
    """The line to add for a frame, if there is one."""
    finder = load_chapter_lines(config.getoption("--chapters-root"))
    arrow = finder.arrow(config.invocation_params.dir / path, int(line))
    return [arrow] if arrow else []


@functools.cache
def load_chapter_lines(root: str) -> ChapterLines:
    """What finds the lines; it is kept, as it reads the book."""
    return ChapterLines(Path(root))
