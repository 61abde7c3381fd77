"""A chapter says how long it takes to read."""

import pytest

from bookkit.read.chapters import Cell, Chapter
from bookkit.weave.pages import reading_minutes

TEXT = "word " * 1000
CODE = "x = 1\n\n" * 100


@pytest.mark.parametrize(
    "cells, minutes",
    [
        ([Cell("markdown", "short", 1)], 5),
        ([Cell("markdown", TEXT, 1)] * 4, 20),
        ([Cell("code", CODE, 1)] * 2, 10),
        ([Cell("markdown", TEXT, 1), Cell("code", CODE, 1)], 10),
        ([Cell("code", CODE, 1, options={"exercise": "1.1"})], 5),
    ],
)
def test_of_text_and_of_code(cells, minutes):
    chapter = Chapter(1, "x", "book/01-x.md", cells)
    assert reading_minutes(chapter) == minutes
