"""A chapter says how long it takes to read what it shows."""

import pytest

from bookkit.read.chapters import Cell, Chapter
from bookkit.run.testruns import BlockTests, ChapterTests, Result
from bookkit.weave.pages import reading_minutes

TEXT = "word " * 1000
CODE = "x = 1\n\n" * 100
IMPORTS = "import a\n" * 100


def minutes_of(cells, *results):
    """How long it takes to read cells with these results of tests."""
    chapter = Chapter(1, "x", "book/01-x.md", cells)
    tests = ChapterTests("", {"t": BlockTests(list(results))})
    return reading_minutes(chapter, tests)


@pytest.mark.parametrize(
    "cells, minutes",
    [
        ([Cell("markdown", "short", 1)], 5),
        ([Cell("markdown", TEXT, 1)] * 4, 20),
        ([Cell("code", CODE, 1)] * 2, 10),
        ([Cell("markdown", TEXT, 1), Cell("code", CODE, 1)], 10),
    ],
)
def test_of_text_and_of_code(cells, minutes):
    assert minutes_of(cells) == minutes


@pytest.mark.parametrize(
    "cells",
    [
        [Cell("code", CODE, 1, options={"exercise": "1.1"})],
        [Cell("code", CODE, 1, options={"file": "tests/test_a.py"})],
        [Cell("code", IMPORTS, 1)],
        [Cell("markdown", f"<details><b>A</b>\n\n{TEXT}\n</details>", 1)],
        [
            Cell("markdown", "<details><summary>Answer</summary>", 1),
            Cell("code", CODE, 1, options={"solution": "1.1"}),
            Cell("markdown", "</details>", 1),
        ],
    ],
)
def test_not_of_exercises_and_of_what_is_folded(cells):
    assert minutes_of(cells * 4) == 5
    assert minutes_of([*cells * 4, Cell("markdown", TEXT, 1)] * 3) == 15


def test_of_the_names_of_tests():
    results = [Result("test" + "_word" * 1000)] * 3
    assert minutes_of([], *results) == 15
