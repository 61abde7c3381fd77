"""Tests of the page that lists the names of PyTorch."""

import re

import pytest
from books import make_block

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.tangle.output import tangle
from bookkit.weave.habits import PAGE, ask_names, make_names
from bookkit.weave.reference import find_entries, make_reference

pytest.importorskip("pymdownx")


@pytest.fixture(scope="module")
def output():
    """The package of this book."""
    return tangle(read_book(ROOT / "book"))


@pytest.fixture(scope="module")
def names(output, tmp_path_factory):
    """What its table says about every name."""
    return ask_names(tmp_path_factory.mktemp("names"), output)


@pytest.fixture(scope="module")
def page(output, names):
    """The page."""
    return make_names(names, find_entries(output))[PAGE]


def sections(page):
    """The parts of the page by the title of their heading."""
    return dict(each.split("\n", 1) for each in page.split("\n## ")[1:])


def test_every_name_is_shown_with_its_advice(page, names):
    texts = list(sections(page).values())
    assert len(texts) == len(names) == 7
    for text, advice in zip(texts, names.values(), strict=True):
        for name, words in advice.items():
            assert f"`{name}`" in text
            if words and not words.startswith("PyTorch has it"):
                assert words.removeprefix("write ") in text


def test_names_that_are_here_lead_to_their_entries(page, output):
    pages = make_reference(find_entries(output), is_plain=True)
    links = re.findall(r"\]\(\.\./api/([a-z_.]+)#([\w.]+)\)", page)
    assert len(links) > 100
    for target, anchor in links:
        assert f'<a id="{anchor}">' in pages[f"api/{target}"]


def test_headings_say_what_is_called_how(page):
    assert "`torch.utils.data` is `dlfs.data`" in sections(page)
    assert "| `concat` | `dlfs.cat` |" in page
    assert "| `cuda` | there is only the CPU: leave it out |" in page


def test_a_package_without_the_table_has_no_page(book):
    book.chapter("00-start", "# Start", make_block('"""A."""', "a"))
    output = tangle(read_book(book.root / "book"))
    assert make_names(ask_names(book.root, output), {}) == {}
