"""A new chapter is one file; every list of chapters has all of them."""

import shutil

import pytest
from books import make_block

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.read.lists import LISTS, check_lists

LINES = {
    "mkdocs.yml": "      - 17-example.md",
    "README.md": "| [17 Example](book/17-example.md) | ... |",
    "README.ko.md": "| [17 Example](book/17-example.md) | ... |",
    "book/index.md": "· [Example](17-example.md)",
    "book/checklist.md": ("- **Example.** ... [Chapter 17](17-example.md)"),
}


@pytest.fixture
def lists(book):
    """A book of two chapters, 12 and a workshop's 16, with our lists."""
    init = make_block('"""P."""', "init", "dlfs/__init__.py")
    book.chapter("12-mnist", init)
    workshop = "---\ntitle: Files\nkind: workshop\n---"
    book.chapter("16-files-of-strangers", workshop)
    for file in LISTS:
        shutil.copy(ROOT / file, book.root / file)
    return book


def added(book):
    """The lines that each list has beyond ours, with the lines above."""
    for file in LISTS:
        old = (ROOT / file).read_text(encoding="utf-8").split("\n")
        new = book.read(file).split("\n")
        assert set(old) <= set(new)
        yield (
            file,
            [
                (new[number - 1], line)
                for number, line in enumerate(new)
                if line not in old
            ],
        )


def test_every_list_has_every_chapter():
    assert check_lists(ROOT, read_book(ROOT / "book")) == []


def test_a_new_chapter_tangles_and_runs_and_is_listed(lists):
    outcome = lists.chapters("new", "17-example", "Example")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("wrote book/17-example.md\n")
    assert outcome.out.count("wrote ") == 1 + len(LISTS)
    assert check_lists(lists.root, read_book(lists.root / "book")) == []
    for file, lines in added(lists):
        assert lines[-1][1] == LINES[file]
    assert lists.tangle().err == ""
    assert "def twice(x):" in lists.read("dlfs/example.py")
    outcome = lists.chapters("run", "17")
    assert "; snapshot: 1 tests passed in" in outcome.out
    assert outcome.code == 0


@pytest.mark.parametrize(
    ("name", "kind", "above"),
    [
        ("20-a", "path", ["  - A:", "| [12 "]),
        ("20-a", "workshop", ["      - 16-", "| [16 "]),
        ("17-a", "path", ["  - A:", "| [12 "]),
    ],
)
def test_it_stands_among_its_kind(lists, name, kind, above):
    assert lists.chapters("new", name, "A", "--kind", kind).code == 0
    assert f"kind: {kind}" in lists.read(f"book/{name}.md") + "kind: path"
    found = dict(added(lists))
    for file, start in zip(["mkdocs.yml", "README.md"], above):
        assert found[file][-1][0].startswith(start)


@pytest.mark.parametrize("file", LISTS)
def test_a_list_that_lacks_a_chapter_is_told_what_to_write(lists, file):
    lists.chapters("new", "17-example", "Example")
    (above, _), *_ = dict(added(lists))[file]
    shutil.copy(ROOT / file, lists.root / file)
    (mistake,) = check_lists(lists.root, read_book(lists.root / "book"))
    assert mistake.path == file
    assert lists.read(file).split("\n")[mistake.line - 1] == above
    start = "chapter 17 is missing; below this line write:\n"
    assert mistake.message.startswith(start)
    assert mistake.message.endswith(LINES[file])


@pytest.mark.parametrize(
    ("name", "title", "message"),
    [
        ("20", "A", "a chapter is named NN-slug: 20-convolution"),
        ("2-a", "A", "a chapter is named NN-slug: 20-convolution"),
        ("12-a", "A", "book/12-mnist.md has this number already"),
        ("20-a", " ", "' ' cannot be a title; use words"),
        ("20-a", "A: b", "'A: b' cannot be a title; use words"),
    ],
)
def test_a_mistake_writes_nothing(lists, name, title, message):
    outcome = lists.chapters("new", name, title)
    assert outcome.err == f"book/{name}.md:1: {message}\n"
    assert outcome.code == 1
    assert not (lists.root / f"book/{name}.md").exists()
    assert not any(lines for _, lines in added(lists))
