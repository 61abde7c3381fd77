"""Tests of the links from the words of a chapter to what they mean."""

import pytest
from books import make_block, make_cell

from bookkit.read.chapters import read_book
from bookkit.tangle.output import tangle
from bookkit.weave.reference import find_entries
from bookkit.weave.terms import Linker, make_glossary, read_terms

GLOSSARY = """\
# Glossary

**batch** ([chapter 1](01-one.md)): several examples.

**gradient descent (SGD)** ([chapter 1](01-one.md)): steps downhill.

**gradient** ([chapter 1](01-one.md)): all slopes.

**late** ([chapter 3](03-three.md)): not yet known.

**kind** ([chapter 1](01-one.md)): of a thing: its letter.

**tied (shared) parameters** ([chapter 1](01-one.md)): one, twice.

**NaN** ([chapter 1](01-one.md)): no number.
"""
CODE = """\
class Layer:
    \"\"\"A layer.\"\"\"

    def forward(self):
        \"\"\"Go.\"\"\"


def exp():
    \"\"\"NumPy has one, too.\"\"\"


def fit_all():
    \"\"\"Fit.\"\"\""""


@pytest.fixture
def link(book):
    """Link a text of chapter 2."""
    book.chapter("01-one", make_block(CODE, "a", file="dlfs/nn.py"))
    book.chapter("02-two", make_cell("print(1)"))
    chapters = read_book(book.root / "book")
    entries = find_entries(tangle(chapters))
    return Linker(chapters[1], read_terms(GLOSSARY), entries).link


class TestTerms:
    def test_the_first_use_is_a_link(self, link):
        assert link("A batch. A batch.") == (
            "A [batch](glossary.md#batch). A batch."
        )
        assert link("Another batch.") == "Another batch."

    @pytest.mark.parametrize(
        "text, linked",
        [
            ("Batches!", "[Batches](glossary.md#batch)!"),
            (
                "The gradient\ndescent.",
                "The [gradient\ndescent](glossary.md#gradient-descent-sgd).",
            ),
            ("SGD", "[SGD](glossary.md#gradient-descent-sgd)"),
            ("a NaN", "a [NaN](glossary.md#nan)"),
            (
                "shared parameters",
                "[shared parameters](glossary.md#tied-shared-parameters)",
            ),
            ("- A *b* c, a batch", "- A *b* c, a [batch](glossary.md#batch)"),
        ],
    )
    def test_are_found_as_they_are_written(self, link, text, linked):
        assert link(text) == linked

    @pytest.mark.parametrize(
        "text",
        [
            "# A batch",
            "mini-batch, batched",
            "a nan, a sgd",
            "late",  # a term of the next chapter
            "kind",  # an ordinary word outside its chapter
            "`batch` and ``a batch``",
            "$batch$ and $$\n\\text{batch}\n$$",
            "[a batch](x.md), ![batch](x.svg) and [`a[0]` batch](x.md)",
            "<summary>A batch</summary>",
            '<a title="batch">',
            "```text\nbatch\n\nbatch\n```",
            "    batch",
            "[batch]: x.md",
            "*batch* is explained here: a batch",
        ],
    )
    def test_are_left_alone_where_a_link_would_harm(self, link, text):
        assert link(text) == text

    def test_titles_of_papers_are_left_alone(self, link):
        text = 'A gradient.\n\n## Sources\n\n- "The batch"'
        assert link(text) == text.replace(
            "gradient", "[gradient](glossary.md#gradient)"
        )


class TestNames:
    @pytest.mark.parametrize(
        "name, entry",
        [
            ("nn.Layer", "dlfs.nn.Layer"),
            ("dlfs.nn.Layer", "dlfs.nn.Layer"),
            ("Layer", "dlfs.nn.Layer"),
            ("Layer.forward", "dlfs.nn.Layer.forward"),
            ("Layer.forward()", "dlfs.nn.Layer.forward"),
            ("fit_all", "dlfs.nn.fit_all"),
        ],
    )
    def test_lead_to_their_entries(self, link, name, entry):
        assert link(f"See `{name}`.") == f"See [`{name}`](api/nn.md#{entry})."

    def test_that_are_not_ours_alone_lead_nowhere(self, link):
        text = "`exp`, `torch.nn.Layer`, `x = Layer`"
        assert link(text) == text


class TestGlossary:
    def test_has_an_anchor_at_every_term(self):
        text = make_glossary(GLOSSARY)
        for term in read_terms(GLOSSARY):
            assert f'**<dfn id="{term.anchor}">' in text

    def test_names_abbreviations_and_choices(self):
        names = [name for t in read_terms(GLOSSARY) for name in t.names]
        assert names[1:3] == ["gradient descent", "SGD"]
        assert names[-3:-1] == ["tied parameters", "shared parameters"]
