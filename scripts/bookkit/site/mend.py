"""Mend what MkDocs made of a page before a reader sees it."""

import re
from pathlib import Path

# Lists within the navigation need not be landmarks of their own: where two are
# of one name, or of none, nobody could tell them apart.
NESTED = re.compile(
    r'<nav class="md-nav"( data-md-level="[1-9]")?'
    r' aria-label(?:ledby)?="[^"]*"'
    r'(?: aria-expanded="\w+")?'
)
# Code this short does not break at its spaces and hyphens; "chapter 3" never.
SHORT = re.compile(r"(?<!<pre>)<code>(?=[^<>]{,24}</code>)(?=[^<>]*[ -])")
NUMBERED = re.compile(r'(<a href="[^"]*">[Cc]hapters?) (?=\d)')
LONG_NAME = re.compile(r"(?<=<code>)\w{20,}(?=</code>)")
SIZE = rb'<svg\b[^>]*?(?<![\w-])%s="([\d.]+)(pt|px)?"'
IMAGE = re.compile(r'<img alt="[^"]*" src="([^"]+)"(?= ?/?>)')


def keep_together(html: str) -> str:
    """Keep short pieces of code, and chapters and their numbers, on a line."""
    html = SHORT.sub('<code class="dlfs-short">', html)
    return NUMBERED.sub(r"\1&nbsp;", html)


def mend_reference(html: str) -> str:
    """Let long names break between words; quotes are those of Python."""
    html = LONG_NAME.sub(lambda match: match[0].replace("_", "_<wbr>"), html)
    return html.translate({ord(each): '"' for each in "“”"})


def mend_navigation(html: str) -> str:
    """Make only the outermost lists of the navigation landmarks."""
    return NESTED.sub(r'<nav class="md-nav"\1 role="none"', html)


def size_images(html: str, folder: Path) -> str:
    """Say how large images are, so that nothing moves when they arrive.

    They are in a folder or below; their addresses may begin with "../".
    """

    def add(match: re.Match) -> str:
        path = folder / match[1].lstrip("./")
        size = image_size(path.read_bytes()) if path.is_file() else None
        if size is None:
            return match[0]
        width, height = size
        return (
            f'{match[0]} width="{width}" height="{height}" loading="lazy"'
            f' style="--width:{width}px"'
        )

    return IMAGE.sub(add, html)


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of an SVG in pixels; a point is 4/3 of one."""
    sizes = []
    for side in (b"width", b"height"):
        if found := re.search(SIZE % side, content):
            scale = 4 / 3 if found[2] == b"pt" else 1
            sizes.append(round(float(found[1]) * scale))
    return tuple(sizes) if len(sizes) == 2 else None
