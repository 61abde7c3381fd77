"""Write a page for each generated file: its lines, and where they come from.

The lines of a block that stand together are a region. The number of their
chapter stands beside them and leads to the block; a block's title bar in the
chapter leads to its first region.
"""

import itertools
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from bookkit.run.cache import cache_file, keep, version
from bookkit.tangle.blocks import Block, Line
from bookkit.tangle.output import Output

# Pygments' short names of what has the colour of plain text.
PLAIN = re.compile(
    '(?:<span></span>)?<span class="(?:bp|fm|il|kc|m[fhio]?|n[abenotv]?|o|p|si'
    '|vm|w)">([^<]*)</span>'
)
LINE_LINK = '<a id="L{0}" href="#L{0}" tabindex="-1">{0}</a>'
FOLDER = "code"
INTRODUCTION = """\
---
description: Every file that the chapters make, line by line.
---

# Code

The chapters of this book make these files. On the page of a file every piece
has the number of its chapter beside it, which leads to the block that it was
copied from; the file's name above a block in a chapter leads back."""


def listing_page(file: str) -> str:
    """The page of a file: "code/dlfs/nn.md"."""
    return f"{FOLDER}/{file.removesuffix('.py')}.md"


def cached_listings(root: Path, output: Output) -> dict[str, str]:
    """The pages of all files, from the cache if nothing has changed.

    To colour all these lines takes a second.
    """
    parts = [
        *(Path(__file__).read_text("utf-8"), version("pygments")),
        *((file, output.text(file)) for file in output.files),
        *((block.id, block.chapter.name) for block in output.blocks),
    ]
    cached = cache_file(root, "listings", parts)
    return keep(cached, lambda: make_listings(output), True)[0]


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
    code = highlight("\n".join(line.text for line in lines))
    anchors = find_anchors(lines, blocks)
    rows = ""
    for name, numbers in split_regions(lines):
        text = "\n".join(code[number - 1] for number in numbers)
        anchor, chapter = "", "<i></i>"
        if name:
            chapter, text = link_block(blocks[name], text, root)
            if anchors[name] == numbers[0]:
                anchor = f' id="{name}"'
        links = "\n".join(map(LINE_LINK.format, numbers))
        lead = "\n" if text.startswith("\n") else ""  # browsers drop the first
        rows += f"<div{anchor}>{chapter}<pre>{links}</pre>"
        rows += f"<pre>{lead}{text}\n</pre></div>\n"
    return f"""\
---
search:
  exclude: true
---

# `{file}`

{len(lines):,} lines{describe_blocks(used, root)}. \
[All files]({root}{FOLDER}/index.md)

<div class="dlfs-code highlight" tabindex="0">
{rows}</div>
"""


def link_block(block: Block, text: str, root: str) -> tuple[str, str]:
    """Links to a block: its chapter's number, and its name in the code."""
    number, comment = block.chapter.number, block.comment.text
    href = f"{root}{block.chapter.name}.md#code-{block.id}"
    title = f"Chapter {number}: {block.id}"
    text = text.replace(comment, f'<a href="{href}">{comment}</a>', 1)
    return f'<a href="{href}" title="{title}">{number}</a>', text


def describe_blocks(blocks: list[Block], root: str) -> str:
    """Where lines come from: " from 12 blocks of chapters 3, 4"."""
    if not blocks:
        return ""
    chapters = len({block.chapter.number for block in blocks})
    return (
        f" from {len(blocks)} block{'s' * (len(blocks) > 1)} of chapter"
        f"{'s' * (chapters > 1)} {chapter_links(blocks, root)}"
    )


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


def find_anchors(
    lines: list[Line], blocks: dict[str, Block]
) -> dict[str, int]:
    """The lines on which the regions start that blocks are linked to.

    That is the one under the comment with the block's name, if there is one,
    as its imports stand elsewhere.
    """
    anchors: dict[str, int] = {}
    for name, numbers in split_regions(lines):
        texts = [lines[number - 1].text.strip() for number in numbers]
        if name and (
            name not in anchors or blocks[name].comment.text in texts
        ):
            anchors[name] = numbers[0]
    return anchors


def highlight(text: str) -> list[str]:
    """The lines of a Python text as HTML with coloured words."""
    lexer, form = PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)
    made = pygments.highlight(text, lexer, form).split("\n")
    return [drop_plain(line) for line in made[: text.count("\n") + 1]]


def drop_plain(html: str) -> str:
    """Code without the spans of words that are coloured as all others.

    They are most of a page, and are half of what a browser has to read.
    """
    return PLAIN.sub(r"\1", html)
