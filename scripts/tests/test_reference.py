"""Tests of the pages of the reference, and of their links to the book."""

import pytest
from books import make_block

from bookkit.read.chapters import read_book
from bookkit.tangle.output import tangle
from bookkit.weave.reference import (
    explain,
    find_entries,
    make_reference,
)

pytest.importorskip("pymdownx")
CODE = """\
class Layer:
    \"\"\"A layer | of a net.

    More of it.
    \"\"\"

    def forward(self):
        \"\"\"Go.\"\"\"

    def plain(self):
        pass

    def _hidden(self):
        \"\"\"Not shown.\"\"\"


def _inner():
    \"\"\"Not shown.\"\"\""""
GROWN = '@extend(Layer)\ndef grow(self):\n    """Grow."""'
FENCE = "```text\n# no heading\n```"


@pytest.fixture
def output(book):
    """A module of two chapters, and a test."""
    book.chapter(
        "00-start",
        "# Preface",
        make_block(
            '"""All."""\n\n\ndef extend():\n    """Grow."""',
            "e",
            file="dlfs/__init__.py",
        ),
    )
    book.chapter(
        "01-one",
        "# One",
        "## A `Layer`, first",
        FENCE,
        make_block(CODE, "layer", file="dlfs/nn.py"),
    )
    book.chapter(
        "02-two",
        "# Two",
        "## Again",
        "Words.",
        "## Again",
        make_block(GROWN, "grow", file="dlfs/nn.py"),
        make_block(
            'def test_x():\n    """No entry."""', "t", file="tests/test_nn.py"
        ),
    )
    return tangle(read_book(book.root / "book"))


class TestEntries:
    def test_are_the_public_names_with_a_docstring(self, output):
        assert list(find_entries(output)) == [
            "dlfs.extend",
            "dlfs.nn.Layer",
            "dlfs.nn.Layer.forward",
            "dlfs.nn.Layer.grow",
        ]

    def test_know_their_block_and_page(self, output):
        entry = find_entries(output)["dlfs.nn.Layer.grow"]
        assert entry.block.id == "grow"
        assert entry.link == "api/nn.md#dlfs.nn.Layer.grow"
        assert find_entries(output)["dlfs.extend"].page == "api/dlfs.md"


class TestSections:
    def test_are_named_by_the_headings_above_the_blocks(self, output):
        assert [explain(block) for block in output.blocks] == [
            "[the preface, Preface](../00-start.md#preface)",
            "[chapter 1, A `Layer`, first](../01-one.md#a-layer-first)",
            "[chapter 2, Again](../02-two.md#again_1)",
            "[chapter 2, Again](../02-two.md#again_1)",
        ]

    def test_may_have_no_heading(self, book):
        book.chapter("01-one", make_block("X = 1", "x"))
        (block,) = tangle(read_book(book.root / "book")).blocks
        assert explain(block) == "[chapter 1](../01-one.md)"


class TestPages:
    def test_list_the_names_of_their_module(self, output):
        pages = make_reference(find_entries(output))
        assert sorted(pages) == ["api/dlfs.md", "api/index.md", "api/nn.md"]
        page = pages["api/nn.md"]
        assert (
            "| [`Layer`](#dlfs.nn.Layer) | A layer \\| of a net. | "
            "[chapter 1, A `Layer`, first](../01-one.md#a-layer-first) |"
        ) in page
        assert (
            "::: dlfs.nn\n    options:\n      members:\n        - Layer\n"
            in page
        )

    def test_mkdocstrings_gets_a_line_for_each_entry(self, output, tmp_path):
        griffe = pytest.importorskip("griffe")
        from bookkit.site import griffe_book

        for file in output.files:
            path = tmp_path / "package" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output.text(file))
        griffe_book.ENTRIES.update(find_entries(output))
        try:
            package = griffe.load(
                "dlfs",
                search_paths=[tmp_path / "package"],
                extensions=griffe.load_extensions(griffe_book.BookLinks),
                allow_inspection=False,
                try_relative_path=False,
            )
        finally:
            griffe_book.ENTRIES.clear()
        layer = package["nn.Layer"]
        assert layer.docstring.value == (
            "A layer | of a net.\n\nExplained in [chapter 1, A `Layer`, "
            "first](../01-one.md#a-layer-first) · "
            "[source](../code/dlfs/nn.md#layer)\n\nMore of it."
        )
        assert "Explained" not in layer["_hidden"].docstring.value


def test_plain_pages_hold_signatures_and_docstrings(book):
    """What other generators get needs nothing but Markdown."""
    code = (
        "class Net(Exception):\n"
        '    """A net.\n\n    Args:\n        a: how wide it is, and\n'
        '            how deep.\n        b: its name.\n    """\n\n'
        "    def __init__(\n        self, a: int, b: str\n    ):\n"
        "        self.a = a\n\n"
        "    @property\n    def wide(self) -> int:\n"
        '        """How wide."""\n        return self.a'
    )
    book.chapter(
        "00-start",
        "# Preface",
        make_block(code, "net", file="dlfs/nn.py"),
    )
    entries = find_entries(tangle(read_book(book.root / "book")))
    page = make_reference(entries, is_plain=True)["api/nn.md"]
    assert ":::" not in page
    head = code.partition("\n        self.a = a")[0]
    assert f"````python\n{head}\n````\n\nExplained in [" in page
    assert '<a id="dlfs.nn.Net"></a>\n\n## `Net`' in page
    assert '<a id="dlfs.nn.Net.wide"></a>\n\n### `Net.wide`' in page
    assert (
        "````python\n@property\ndef wide(self) -> int:\n"
        '    """How wide."""\n````\n\nExplained in [' in page
    )
