"""Write a page for each generated file: its lines, and where they come from.

The lines of a block that stand together are a region. The number of their
chapter stands beside them and leads to the block; a block's title bar in the
chapter leads to its first region.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookkit.run.cache import cache_file, read_cache, version, write_cache
from bookkit.tangle.blocks import Block, Line
from bookkit.tangle.output import Output

# Pygments' short names of what has the colour of plain text.
PLAIN = re.compile(
    '(?:<span></span>)?<span class="(?:bp|fm|il|kc|m[fhio]?|n[abenotv]?|o|p|si'
    '|vm|w)">([^<]*)</span>'
)
FOLDER = "code"
INTRODUCTION = """\
---
title: Code
description: Every file that the chapters make, line by line.
---

# Code

The chapters of this book make these files. On the page of a file every piece
has the number of its chapter beside it, which leads to the block that it was
copied from; the file's name above a block in a chapter leads back."""


@dataclass
class Region:
    """Lines of a file that follow each other and come from one block.

    What no block holds, as `__all__`, is a region without `block`.
    """

    first: int
    block: str
    lines: list[Line]


def listing_page(file: str) -> str:
    """The page of a file: "code/dlfs/nn.md"."""
    return f"{FOLDER}/{file.removesuffix('.py')}.md"


def cached_listings(root: Path, output: Output) -> dict[str, str]:
    """The pages of all files, from the cache if nothing has changed.

    To colour all these lines takes a second.
    """
    parts = [Path(__file__).read_text("utf-8"), version("pygments")]
    for file in output.files:
        parts += [file, output.text(file)]
    for block in output.blocks:
        parts += [block.id, block.chapter.name]
    cached = cache_file(root, "listings", parts)
    pages = read_cache(cached)
    if pages is None:
        pages = make_listings(output)
        write_cache(cached, pages)
    return pages


def make_listings(output: Output) -> dict[str, str]:
    """The pages of all files, and the one that lists them."""
    blocks = {block.id: block for block in output.blocks}
    pages = {
        listing_page(file): make_listing(file, lines, blocks)
        for file, lines in output.files.items()
    }
    return pages | {f"{FOLDER}/index.md": make_index(output, blocks)}


def make_index(output: Output, blocks: dict[str, Block]) -> str:
    """The page that lists the files."""
    rows = ["| file | lines | blocks | chapters |", "|---|--:|--:|---|"]
    for file, lines in output.files.items():
        used = used_blocks(lines, blocks)
        page = listing_page(file).removeprefix(f"{FOLDER}/")
        links = chapter_links(used, "../")
        rows.append(
            f"| [`{file}`]({page}) | {len(lines):,} | {len(used)} | {links} |"
        )
    return f"{INTRODUCTION}\n\n" + "\n".join(rows) + "\n"


def used_blocks(lines: list[Line], blocks: dict[str, Block]) -> list[Block]:
    """The blocks that the lines come from."""
    ids = dict.fromkeys(line.origin.block for line in lines if line.origin)
    return [blocks[name] for name in ids]


def chapter_links(blocks: list[Block], root: str) -> str:
    """Links to the chapters of blocks: "3, 4, 7"."""
    chapters = {b.chapter.number: b.chapter for b in blocks}
    return ", ".join(
        f"[{number}]({root}{chapter.name}.md)"
        for number, chapter in sorted(chapters.items())
    )


def make_listing(
    file: str, lines: list[Line], blocks: dict[str, Block]
) -> str:
    """The page of a file."""
    used = used_blocks(lines, blocks)
    root = "../" * listing_page(file).count("/")
    regions = list(split_regions(lines))
    anchors = find_anchors(regions, blocks)
    code = highlight("\n".join(line.text for line in lines))
    rows = [
        make_region(region, blocks.get(region.block), code, root, anchors)
        for region in regions
    ]
    return f"""\
---
title: {file}
search:
  exclude: true
---

# `{file}`

{len(lines):,} lines{describe_blocks(used, root)}. \
[All files]({root}{FOLDER}/index.md)

<div class="dlfs-code highlight" tabindex="0">
{"".join(rows)}</div>
"""


def describe_blocks(blocks: list[Block], root: str) -> str:
    """Where lines come from: " from 12 blocks of chapters 3, 4"."""
    if not blocks:
        return ""
    chapters = len({block.chapter.number for block in blocks})
    return (
        f" from {len(blocks)} block{'s' * (len(blocks) > 1)} of chapter"
        f"{'s' * (chapters > 1)} {chapter_links(blocks, root)}"
    )


def find_anchors(
    regions: list[Region], blocks: dict[str, Block]
) -> dict[str, int]:
    """The lines on which the regions start that blocks are linked to.

    That is the one under the comment with the block's name, if there is one,
    as its imports stand elsewhere.
    """
    anchors: dict[str, int] = {}
    for region in regions:
        texts = {line.text.strip() for line in region.lines if not line.origin}
        block = blocks.get(region.block)
        if block and block.comment.text in texts:
            anchors[block.id] = region.first
        else:
            anchors.setdefault(region.block, region.first)
    return anchors


def make_region(
    region: Region,
    block: Block | None,
    code: list[str],
    root: str,
    anchors: dict[str, int],
) -> str:
    """A region: the number of its chapter, those of its lines, its code."""
    first, stop = region.first, region.first + len(region.lines)
    anchor, chapter = "", "<i></i>"
    if block:
        if anchors[block.id] == first:
            anchor = f' id="{block.id}"'
        number = block.chapter.number
        href = f"{root}{block.chapter.name}.md#code-{block.id}"
        title = f"Chapter {number}: {block.id}"
        chapter = f'<a href="{href}" title="{title}">{number}</a>'
    numbers = "\n".join(
        f'<a id="L{number}" href="#L{number}" tabindex="-1">{number}</a>'
        for number in range(first, stop)
    )
    text = "\n".join(code[first - 1 : stop - 1])
    if block:
        comment = block.comment.text
        text = text.replace(comment, f'<a href="{href}">{comment}</a>', 1)
    lead = "\n" if text.startswith("\n") else ""  # a browser drops the first
    return (
        f"<div{anchor}>{chapter}<pre>{numbers}</pre>"
        f"<pre>{lead}{text}\n</pre></div>\n"
    )


def split_regions(lines: list[Line]) -> Iterator[Region]:
    """Cut a file into regions that together hold all its lines.

    Blank lines and the comment that were added above a block belong to it.
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
    first = 1
    for owner, group in itertools.groupby(reversed(owners)):
        count = len(list(group))
        yield Region(first, owner, lines[first - 1 : first - 1 + count])
        first += count


def highlight(text: str) -> list[str]:
    """The lines of a Python text as HTML with coloured words."""
    from pygments import highlight as colour
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    made = colour(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    lines = made.split("\n")[: text.count("\n") + 1]
    return [drop_plain(line) for line in lines]


def drop_plain(html: str) -> str:
    """Code without the spans of words that are coloured as all others.

    They are most of a page, and are half of what a browser has to read.
    """
    return PLAIN.sub(r"\1", html)
