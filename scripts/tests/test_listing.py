"""Tests of the pages of files: each line leads to its block, and back."""

import re
import tempfile
from pathlib import Path

import pytest
from books import make_block

from bookkit.read.chapters import read_book
from bookkit.tangle.output import tangle
from bookkit.weave.listing import (
    drop_plain,
    highlight,
    make_listings,
    split_regions,
)
from bookkit.weave.pages import Site, file_link

pytest.importorskip("pygments")
FIRST = 'import math\n\n\ndef f(x):\n    """Root."""\n    return math.sqrt(x)'
GROWN = "import os\n\n\n@extend(A)\ndef g(self):\n    return os.sep"
ROW = re.compile(
    r'<div(?: id="(?P<id>[^"]+)")?>'
    r'(?:<a href="(?P<to>[^"]+)" title="(?P<title>[^"]+)">\d+</a>|<i></i>)'
    r"<pre>(?P<numbers>.*?)</pre><pre>\n?(?P<code>.*?)\n</pre></div>",
    re.DOTALL,
)


@pytest.fixture
def output(book):
    """A file of two chapters, the second of which grows a class."""
    book.chapter(
        "01-one",
        make_block(FIRST, "root"),
        make_block("class A:\n    x = '<>'", "class"),
    )
    book.chapter("02-two", make_block(GROWN, "grown"))
    return tangle(read_book(book.root / "book"))


def listings(output):
    """The pages of all files, made anew."""
    with tempfile.TemporaryDirectory() as folder:
        return make_listings(Path(folder), output)


def rows_of(output):
    """The regions on the page of dlfs/a.py."""
    page = listings(output)["code/dlfs/a.md"]
    return [match.groupdict() for match in ROW.finditer(page)]


def plain(html):
    """The text of a page without its tags."""
    text = re.sub("<[^>]+>", "", html)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'")


class TestListing:
    def test_holds_every_line_once_and_in_order(self, output):
        rows = rows_of(output)
        text = "\n".join(
            plain(row["code"]).replace("&quot;", '"') for row in rows
        )
        lines = output.text("dlfs/a.py").rstrip("\n").split("\n")
        shown = text.split("\n")
        assert [line for line in shown if line] == [x for x in lines if x]
        numbers = re.findall(
            r'<a id="L(\d+)" href="#L\1" tabindex="-1">\1</a>',
            "".join(row["numbers"] for row in rows),
        )
        assert numbers == [str(n + 1) for n in range(len(lines))]

    def test_every_line_of_a_block_leads_to_it(self, output):
        leads = {}
        for row in rows_of(output):
            for number in re.findall(r'id="L(\d+)"', row["numbers"]):
                leads[int(number)] = row["to"]
        for number, line in enumerate(output.files["dlfs/a.py"], 1):
            if line.origin:
                chapter = line.origin.path.removeprefix("book/")
                target = f"../../{chapter}#code-{line.origin.block}"
                assert leads[number] == target

    def test_lines_of_no_block_lead_nowhere(self, output):
        (row,) = [r for r in rows_of(output) if "__all__" in r["code"]]
        assert row["to"] is None

    def test_a_block_has_its_anchor_below_its_name(self, output):
        rows = {r["id"]: r for r in rows_of(output) if r["id"]}
        assert list(rows) == ["root", "class", "grown"]
        comment = "# book/01-one.md#root"
        assert plain(rows["root"]["code"]).strip().startswith(comment)
        assert "def g" in plain(rows["grown"]["code"])
        link = '<a href="../../01-one.md#code-root">'
        assert f"{link}{comment}</a>" in rows["root"]["code"]

    def test_is_found_from_the_title_bar(self, output):
        site = Site(output)
        links = [file_link(site, block) for block in output.blocks]
        assert links[-1] == "[`dlfs/a.py`](code/dlfs/a.md#grown)"

    def test_a_replaced_block_has_no_place(self, book):
        book.chapter("01-one", make_block("X = 1", "old"))
        book.chapter("02-two", make_block("X = 2", "new", replaces="old"))
        output = tangle(read_book(book.root / "book"))
        assert file_link(Site(output), output.blocks[0]) == "`dlfs/a.py`"
        assert [r["id"] for r in rows_of(output) if r["id"]] == ["new"]

    def test_the_index_counts_lines_and_blocks(self, output):
        index = listings(output)["code/index.md"]
        count = len(output.files["dlfs/a.py"])
        assert (
            f"| [`dlfs/a.py`](dlfs/a.md) | {count} | 3 | [1](../01-one.md), "
            "[2](../02-two.md) |"
        ) in index


class TestRegions:
    def test_together_hold_all_lines(self, output):
        lines = output.files["dlfs/a.py"]
        held = [n for _, numbers in split_regions(lines) for n in numbers]
        assert held == list(range(1, len(lines) + 1))


class TestPlain:
    def test_words_coloured_as_all_others_need_no_span(self):
        lines = highlight("def f(x): return x + 1  # one")
        assert lines == [
            '<span class="k">def</span> <span class="nf">f</span>(x): '
            '<span class="k">return</span> x + 1  '
            '<span class="c1"># one</span>'
        ]

    def test_other_spans_stay(self):
        text = '<span class="gd">-a</span><span class="note">b</span>'
        assert drop_plain(text) == text


class TestHighlight:
    def test_keeps_a_string_of_several_lines_in_its_colour(self):
        lines = highlight("x = '''a\n\nb'''\ny = 1")
        assert len(lines) == 4
        assert lines[2] == "<span class=\"s1\">b'''</span>"
        assert lines[3] == "y = 1"
