"""The index of the search: terms, words, PyTorch's names, and what is last."""

import json

import pytest
from books import make_cell

from bookkit.read.chapters import BookError, read_book
from bookkit.site.search import mend_index
from bookkit.weave.terms import read_terms

GLOSSARY = """# Glossary

**Adam** ([chapter 1](01-one.md#a)): an *optimiser*, see [AdamW](#adamw).

**AdamW** ([chapter 1](01-one.md)): Adam with decay.

**rectified linear unit (ReLU)** ([chapter 1](01-one.md)): the function.
"""
PLACES = ["01-one/", "01-one/#a-picture", "01-one/#exercises", "glossary/"]
PLACES += ["api/nn/#dlfs.nn.Linear", "api/nn/#dlfs.nn.Linear.forward"]
PLACES += ["api/autograd/#dlfs.autograd.cat"]
WORDS = "---\nwords:\n  a-picture: install, pip\n---"


def mend(book, head):
    """The entries of a mended index by their places, and its settings."""
    book.chapter("01-one", head, make_cell("1"))
    fields = {"title": {"boost": 1000}, "tags": {"boost": 10**6}}
    docs = [{"location": p, "title": p, "text": ""} for p in PLACES]
    text = json.dumps({"config": {"fields": fields}, "docs": docs})
    index = json.loads(
        mend_index(text, read_terms(GLOSSARY), read_book(book.root / "book"))
    )
    return {each["location"]: each for each in index["docs"]}


class TestIndex:
    def test_each_term_is_a_hit_of_its_own(self, book):
        entries = mend(book, WORDS)
        assert "glossary/" not in entries
        adam = entries["glossary/?term=adam"]
        assert adam["title"] == "Adam"
        assert adam["text"] == (
            "<p>an *optimiser*, see AdamW.</p><p>chapter 1</p>"
        )
        assert adam["boost"] > entries["glossary/?term=adamw"]["boost"]
        unit = entries["glossary/?term=rectified-linear-unit-relu"]
        assert unit["tags"] == ["rectified linear unit", "ReLU"]

    def test_a_section_has_the_words_of_its_chapter(self, book):
        entries = mend(book, WORDS)
        assert entries["01-one/#a-picture"]["tags"] == ["install", "pip"]

    def test_words_for_no_section_are_a_mistake(self, book):
        with pytest.raises(BookError) as error:
            mend(book, WORDS.replace("a-picture", "a-pictrue"))
        assert str(error.value) == (
            "book/01-one.md:1: words: there is no section #a-pictrue"
        )

    def test_entries_have_pytorchs_names(self, book):
        entries = mend(book, WORDS)
        linear = entries["api/nn/#dlfs.nn.Linear"]
        assert linear["tags"] == ["nn.Linear", "torch.nn.Linear"]
        cat = entries["api/autograd/#dlfs.autograd.cat"]
        assert cat["tags"] == ["cat", "torch.cat"]
        assert "tags" not in entries["api/nn/#dlfs.nn.Linear.forward"]

    def test_exercises_come_last(self, book):
        assert mend(book, WORDS)["01-one/#exercises"]["boost"] < 1
