"""The navigation has all chapters, those of the workshop apart."""

from types import SimpleNamespace

import pytest

pytest.importorskip("mkdocs")
pytest.importorskip("jinja2")
pytest.importorskip("griffe")
from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.site.mkdocs_hook import PluginError, check_nav


def nav(*groups):
    """The pages of these groups: a title and numbers of chapters."""
    names = {each.number: f"{each.name}.md" for each in read_book(CHAPTERS)}
    return [
        SimpleNamespace(
            file=SimpleNamespace(src_uri=names[number]),
            parent=SimpleNamespace(title=title),
        )
        for title, *numbers in groups
        for number in numbers
    ]


CHAPTERS = ROOT / "book"
FEW = [c for c in read_book(CHAPTERS) if c.number in (12, 13, 16, 20)]


def test_kinds_stand_apart():
    check_nav(nav(("A", 12), ("Workshop of A", 13, 16), ("B", 20)), FEW)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([("A", 12, 13), ("Workshop", 16), ("B", 20)], "into a group Worksh"),
        ([("A", 12), ("Workshop", 13, 16, 20)], "outside each group Worksho"),
        (
            [("A", 12), ("Workshop", 16, 13), ("B", 20)],
            "in the order of th",
        ),
        ([("A", 12), ("Workshop", 13), ("B", 20)], "in the order of th"),
    ],
)
def test_a_chapter_that_does_not_is_named(groups, message):
    with pytest.raises(PluginError, match=message):
        check_nav(nav(*groups), FEW)
