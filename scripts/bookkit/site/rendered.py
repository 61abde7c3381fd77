"""Keep pages that were rendered, for the next build of `make serve`.

A page is rendered again if anything changed that its HTML follows from: its
Markdown, the configuration, the names of the files that links may lead to,
the texts that stand beside the chapters and, for the reference, the package.
Nothing is kept on disk. A page that gave a warning is not kept, so that the
warning comes again.
"""

import contextlib
import copy
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mkdocs.utils import CountHandler

from bookkit.read.chapters import unnumbered_pages
from bookkit.run.cache import hash_of

REFERENCE = "\n::: "  # what mkdocstrings replaces by a part of the package


# What rendering gives to a page.
ATTRIBUTES = ("content", "toc", "_title_from_render", "present_anchor_ids")


@dataclass
class Rendered:
    """What rendering a page made: `links` by the file that they lead to.

    `anchors` are the calls that told the references of the package where its
    names stand.
    """

    key: str
    attributes: dict
    links: dict[str, dict[str, str]]
    anchors: list[tuple[tuple, dict]]


KEPT: dict[str, Rendered] = {}


def site_key(config, files) -> str:
    """What all pages of a build follow from, apart from their own text."""
    beside = [
        path.read_text(encoding="utf-8")
        for path in unnumbered_pages(Path(config.docs_dir))
    ]
    settings = Path(config.config_file_path).read_text(encoding="utf-8")
    names = [(file.src_uri, file.url) for file in files]
    return hash_of([settings, beside, names])


def render_once(page, markdown: str, site: str, package: str) -> None:
    """Make a page render itself only if `KEPT` does not have it.

    `site` and `package` say what it follows from besides its Markdown.
    """
    name = page.file.src_uri
    parts = [site, name, markdown, page.meta.get("title")]
    if REFERENCE in markdown:
        parts.append(package)
    key, render = hash_of(parts), page.render

    def render_or_reuse(config, files) -> None:
        known = KEPT.get(name)
        if known and known.key == key:
            reuse(known, page, config, files)
        else:
            keep(page, key, render, config, files)

    page.render = render_or_reuse


def keep(page, key: str, render: Callable, config, files) -> None:
    """Render a page and keep what that made."""
    KEPT.pop(page.file.src_uri, None)
    warned, logger = CountHandler(), logging.getLogger("mkdocs")
    warned.setLevel(logging.WARNING)
    references = config.plugins.get("autorefs")
    logger.addHandler(warned)
    try:
        with noting_anchors(references) as anchors:
            render(config, files)
    finally:
        logger.removeHandler(warned)
    if warned.get_counts():
        return
    links = getattr(page, "links_to_anchors", None) or {}
    KEPT[page.file.src_uri] = Rendered(
        key,
        {name: copy.deepcopy(getattr(page, name)) for name in ATTRIBUTES},
        {file.src_uri: dict(found) for file, found in links.items()},
        anchors,
    )


@contextlib.contextmanager
def noting_anchors(references) -> Iterator[list[tuple[tuple, dict]]]:
    """Note what is registered with the plugin, if there is one."""
    noted: list[tuple[tuple, dict]] = []
    if references is None:
        yield noted
        return
    register = references.register_anchor

    def note(page, *arguments, **options) -> None:
        noted.append((arguments, options))
        register(page, *arguments, **options)

    references.register_anchor = note
    try:
        yield noted
    finally:
        del references.register_anchor


def reuse(known: Rendered, page, config, files) -> None:
    """Give a page what an earlier build made."""
    for name, value in known.attributes.items():
        setattr(page, name, copy.deepcopy(value))
    page.links_to_anchors = {
        files.get_file_from_path(name): dict(found)
        for name, found in known.links.items()
    }
    references = config.plugins.get("autorefs")
    for arguments, options in known.anchors:
        references.register_anchor(page, *arguments, **options)
