"""Fixtures for the tests of the scripts."""

import os

import pytest
from books import Book

# What fsync is for, a power cut, no test can show; it is a tenth of the time.
os.fsync = lambda descriptor: None


@pytest.fixture
def book(tmp_path, capsys) -> Book:
    """An empty book."""
    return Book(tmp_path, capsys)
