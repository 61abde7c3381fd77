"""Write a page for each generated file: its lines, and where they come from.

The lines of a block that stand together are a region. The number of their
chapter stands beside them and leads to the block; a block's title bar in the
chapter leads to its first region.
"""

import functools
import itertools
import re
from collections.abc import Iterator
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from bookkit.run.cache import cache_file, keep, version
from bookkit.tangle.blocks import Block, Line
from bookkit.tangle.output import Output
from bookkit.weave.render import render

# Pygments' short names of what has the colour of plain text.
PLAIN = re.compile(
    '(?:<span></span>)?<span class="(?:bp|fm|il|kc|m[fhio]?|n[abenotv]?|o|p|si'
    '|vm|w)">([^<]*)</span>'
)
FOLDER = "code"


class Region(NamedTuple):
    """Lines of a file that stand together: of a block, or of none."""

    block: Block | None
    numbers: list[int]
    code: str


def listing_page(file: str) -> str:
    """The page of a file: "code/dlfs/nn.md"."""
    return f"{FOLDER}/{file.removesuffix('.py')}.md"


def make_listings(root: Path, output: Output) -> dict[str, str]:
    """The pages of all files, and the one that lists them.

    To colour all lines takes two seconds, so the colours are kept.
    """
    blocks = {block.id: block for block in output.blocks}
    texts = [output.text(file) for file in output.files]
    parts = [Path(__file__).read_text("utf-8"), version("Pygments"), *texts]
    colours, _ = keep(
        cache_file(root, "colours", parts), lambda: [*map(highlight, texts)]
    )
    files = [
        describe(file, lines, code, blocks)
        for (file, lines), code in zip(output.files.items(), colours)
    ]
    pages = {each["page"]: render("code_file.md", **each) for each in files}
    return pages | {f"{FOLDER}/index.md": render("code_index.md", files=files)}


def describe(
    file: str, lines: list[Line], code: list[str], blocks: dict[str, Block]
) -> dict:
    """What the pages say about a file: its regions, blocks and chapters.

    `code` are its lines in HTML, with colours. A block's home is the region
    that its title bar leads to: the one under the comment with its name, if
    there is one, as its imports stand elsewhere.
    """
    homes: dict[Block, Region] = {}
    regions = []
    for name, numbers in split_regions(lines):
        text = "\n".join(code[number - 1] for number in numbers)
        block = blocks.get(name)
        regions.append(Region(block, numbers, text))
        if block and (block not in homes or block.comment.text in text):
            homes[block] = regions[-1]
    chapters = {block.chapter for block in homes}
    return {
        "name": file,
        "page": listing_page(file),
        "count": len(lines),
        "regions": regions,
        "homes": homes,
        "chapters": sorted(chapters, key=attrgetter("number")),
    }


def split_regions(lines: list[Line]) -> Iterator[tuple[str, list[int]]]:
    """Cut a file into regions: names of blocks, and numbers of lines.

    Blank lines and the comment that were added above a block belong to it;
    what no block holds, as `__all__`, is a region without a name.
    """
    copied = [line.origin.block for line in lines if line.origin]
    owner = copied[-1] if copied else ""
    owners: list[str] = []
    for line in reversed(lines):
        if line.origin:
            owner = line.origin.block
        elif line.text.strip() and "# book/" not in line.text:
            owner = ""
        owners.append(owner)
    numbered = enumerate(reversed(owners), 1)
    for owner, group in itertools.groupby(numbered, itemgetter(1)):
        yield owner, [number for number, _ in group]


@functools.lru_cache(200)  # `make serve` makes all pages again
def highlight(text: str) -> list[str]:
    """The lines of a Python text as HTML with coloured words."""
    lexer, form = PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)
    made = drop_plain(pygments.highlight(text, lexer, form)).split("\n")
    return made[: text.count("\n") + 1]


def drop_plain(html: str) -> str:
    """Code without the spans of words that are coloured as all others.

    They are most of a page, and are half of what a browser has to read.
    """
    return PLAIN.sub(r"\1", html)
