"""Mend the pages that mkdocs-jupyter makes of the notebooks.

They become lighter, show the figures of the chapter's page with their texts,
ask no other host for anything, and their links lead to pages of the site.
"""

import functools
import html
import itertools
import json
import re
from collections.abc import Iterator

from bookkit.weave.pages import FIGURE

STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
# Scripts for what is not on the page, from elsewhere: MathJax, Mermaid; those
# that copy code stay.
SCRIPT = re.compile(
    r"<script(?:(?!clipboard|</script>).)*</script>", re.DOTALL
)
IMAGE = re.compile(r'<img\b[^>]*\bsrc="data:image/[^>]*>')
LINK = re.compile(r'(href=")([a-z0-9-]+)\.(ipynb|md)(?=["#])')
# Code, and once more as text for the button that copies it.
CODE = re.compile(
    r'<div (class="highlight-ipynb [^>]*>.*?</div>)\s*'
    r'<div class="clipboard-copy-txt" (id="[^"]+")>[^<]*</div>',
    re.DOTALL,
)


@functools.lru_cache(64)  # pages that `make serve` shows again
def mend(page: str, name: str, notebook: str) -> tuple[str, str]:
    """Mend the page of a notebook; returns it and the styles it had.

    `name` is that of its chapter, `notebook` the text of its file. Its styles
    are 590 kB that are the same in every page.
    """
    styles = "\n".join(dict.fromkeys(STYLE.findall(page)))
    page = SCRIPT.sub("", STYLE.sub("", page))
    figures = iter(figure_tags(name, json.loads(notebook)))
    page = IMAGE.sub(lambda match: next(figures), page)
    page = LINK.sub(mend_link, page)
    # The button can copy the code itself, and what scrolls is to be reached
    # with the keyboard.
    return CODE.sub(r'<div tabindex="0" \2 \1', page), styles


def mend_link(match: re.Match) -> str:
    """A link to the page of a notebook or of a text."""
    root = "../" if match[3] == "ipynb" else "../../"
    return f"{match[1]}{root}{match[2]}/"


def figure_tags(name: str, notebook: dict) -> Iterator[str]:
    """The figures of a notebook, as they stand on its chapter's page."""
    numbers = itertools.count(1)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if FIGURE in output.get("data", {}):
                file = f"../../figures/{name}-{next(numbers)}.svg"
                alt = html.escape(output["metadata"]["alt"])
                tags = cell.get("metadata", {}).get("tags", [])
                look = "dlfs-photographs" if "photographs" in tags else ""
                image = f'<img class="{look}" src="{file}" alt="{alt}" '
                yield f'{image}loading="lazy">'
