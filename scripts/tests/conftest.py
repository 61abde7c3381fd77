"""Fixtures for the tests of the scripts."""

import pytest
from books import Book


@pytest.fixture
def book(tmp_path, capsys) -> Book:
    """An empty book."""
    return Book(tmp_path, capsys)
