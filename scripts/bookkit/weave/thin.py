"""Make the HTML of pages short, so that a chapter is there at once.

A browser shows the same page: only space between elements goes, and spans
around every word of code become a few short elements, or none.
"""

import functools
import re

SPAN = re.compile(r'<span class="([a-z0-9]+)">([^<]*)</span>')
PRE = re.compile(r"<pre\b.*?</pre>", re.DOTALL)
EMPTY = re.compile(r"<span></span>")
# Pygments' short names -> the element. What is not here has the colour of
# plain text. assets/dlfs.css gives the elements their colours.
ELEMENTS = {
    **dict.fromkeys(("k", "kd", "kn", "kr", "ow"), "b"),  # keywords
    **dict.fromkeys(("c1", "cm", "sd", "ch"), "i"),  # comments, docstrings
    **dict.fromkeys(("s", "s1", "s2", "sa", "se", "sh", "sr"), "u"),  # strings
    **dict.fromkeys(("nc", "nd", "nf"), "dfn"),  # definitions, decorators
}
PLAIN = {
    "bp",
    "fm",
    "il",
    "kc",
    "m",
    "mf",
    "mh",
    "mi",
    "mo",
    "n",
    "na",
    "nb",
    "ne",
}
PLAIN |= {"nn", "no", "nt", "nv", "o", "p", "si", "vm", "w"}
TWICE = re.compile(r"</(b|i|u|dfn)>(\s*)<\1>")
KEPT = re.compile(
    r"(<(pre|script|style|textarea)\b.*?</\2>)", re.DOTALL | re.IGNORECASE
)
BLOCKS = (
    "article aside body button details div dl dd dt fieldset figcaption"
    " figure footer form h[1-6] head header html input label li link main"
    " meta nav ol p pre script section style summary table tbody td th thead"
    " title tr ul"
).replace(" ", "|")
TAG = re.compile(r"<[a-z][^<>]*>")
QUOTED = re.compile(r'="([\w./#:-]+)"(?=[ >])', re.ASCII)
# Lists within the navigation need not be landmarks of their own: where two are
# of one name, or of none, nobody could tell them apart.
NESTED = re.compile(
    r'<nav class="md-nav"( data-md-level="[1-9]")?'
    r' aria-label(?:ledby)?="[^"]*"'
    r'(?: aria-expanded="\w+")?'
)
LINE = re.compile(r'(<span class="md-ellipsis">) ?(.*?) ?(?=</span>)')
AROUND = re.compile(rf" ?(<(?:/?(?:{BLOCKS})\b[^<>]*|!doctype html)>) ?")
# End tags that HTML itself adds before what follows.
ENDS = re.compile(
    r"</li>(?=<li\b|</[uo]l>)|"
    r"</p>(?=<(?:details|div|figure|h[1-6]|ol|p|table|ul)\b|"
    r"</(?:details|div|figure|li)>)"
)
# Code this short does not break at its spaces and hyphens; "chapter 3" never.
SHORT = re.compile(r"(?<!<pre>)<code>(?=[^<>]{,24}</code>)(?=[^<>]*[ -])")
NUMBERED = re.compile(r'(<a href="[^"]*">[Cc]hapters?) (?=\d)')
LONG_NAME = re.compile(r"(?<=<code>)\w{20,}(?=</code>)")
IMAGE = re.compile(r'<img alt="[^"]*" src="([^"]+)"(?= ?/?>)')


@functools.lru_cache(256)  # pages that `make serve` shows again
def thin_code(html: str) -> str:
    """Give the colours of code short elements."""
    return PRE.sub(lambda match: thin_block(match[0]), html)


def thin_block(html: str) -> str:
    """Shorten one block of code."""
    html = SPAN.sub(thin_span, EMPTY.sub("", html))
    # Equal neighbours become one, also over the space between them.
    return TWICE.sub(r"\2", html)


def thin_span(match: re.Match) -> str:
    """The short form of a span."""
    kind, text = match.groups()
    if kind in PLAIN or not text.strip():
        return text
    element = ELEMENTS.get(kind)
    return f"<{element}>{text}</{element}>" if element else match[0]


def keep_together(html: str) -> str:
    """Keep short pieces of code, and chapters and their numbers, on a line."""
    html = SHORT.sub('<code class="dlfs-short">', html)
    return NUMBERED.sub(r"\1&nbsp;", html)


def mend_reference(html: str) -> str:
    """Let long names break between words; quotes are those of Python."""
    html = LONG_NAME.sub(lambda match: match[0].replace("_", "_<wbr>"), html)
    return html.translate({ord(each): '"' for each in "“”"})


@functools.lru_cache(256)
def squeeze(html: str) -> str:
    """Leave out the space that no browser shows."""
    parts = KEPT.split(html)
    # Text, an element to be kept, and the name of that: again and again.
    for index in range(0, len(parts), 3):
        text = re.sub(r"\s+", " ", parts[index])
        text = NESTED.sub(r'<nav class="md-nav"\1 role="none"', text)
        text = LINE.sub(r"\1\2", AROUND.sub(r"\1", text))
        text = ENDS.sub("", text)
        parts[index] = TAG.sub(unquote, text)
    del parts[2::3]
    return "".join(parts).strip() + "\n"


def unquote(tag: re.Match) -> str:
    """Take the quotes from the plain words among the attributes of a tag."""
    return QUOTED.sub(r"=\1", tag[0])


def size_images(html: str, size_of) -> str:
    """Say how large images are, so that nothing moves when they arrive.

    `size_of` takes the address of an image and returns its width and height
    in pixels, or None.
    """

    def add(match: re.Match) -> str:
        size = size_of(match[1])
        if size is None:
            return match[0]
        width, height = size
        return (
            f'{match[0]} width="{width}" height="{height}" loading="lazy"'
            f' style="--width:{width}px"'
        )

    return IMAGE.sub(add, html)


def image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of an SVG or a PNG in pixels."""
    if content.startswith(b"\x89PNG"):
        width, height = content[16:20], content[20:24]
        return int.from_bytes(width), int.from_bytes(height)
    head = re.search(rb"<svg\b[^>]*>", content)
    if not head:
        return None
    found = [
        re.search(rf'\b{name}="([\d.]+)(pt|px)?"'.encode(), head[0])
        for name in ("width", "height")
    ]
    if None in found:
        return None
    sizes = [
        float(each[1]) * (4 / 3 if each[2] == b"pt" else 1) for each in found
    ]
    return round(sizes[0]), round(sizes[1])
