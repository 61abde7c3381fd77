"""Keep pages that were rendered, for the next build.

A page is rendered again if anything changed that its HTML follows from: its
Markdown, the configuration, the names of the files that links may lead to,
the texts that stand beside the chapters, the libraries that render and, for
the reference, the package. A page that gave a warning is not kept, so that the
warning comes again.
"""

import contextlib
import logging
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mkdocs.utils import CountHandler

from bookkit.read.chapters import unnumbered_pages
from bookkit.run.cache import hash_of, version
from bookkit.tangle.disk import write_files

FILE = ".cache/rendered.pickle"
LIBRARIES = ("mkdocs", "Markdown", "Pygments", "pymdown-extensions")
LIBRARIES += ("mkdocs-autorefs", "mkdocstrings-python", "griffelib")
REFERENCE = "\n::: "  # what mkdocstrings replaces by a part of the package
# What rendering gives to a page.
ATTRIBUTES = ("content", "toc", "_title_from_render", "present_anchor_ids")


@dataclass
class Rendered:
    """What rendering a page made: `links` by the file that they lead to.

    `attributes` are pickled. `anchors` are the calls that told the references
    of the package where its names stand, `objects` those of its inventory.
    """

    key: str
    attributes: bytes
    links: dict[str, dict[str, str]]
    anchors: list[tuple[tuple, dict]]
    objects: dict


KEPT: dict[str, Rendered] = {}


def load_kept(root: Path) -> None:
    """Read what an earlier build has kept, unless it was in this process."""
    if not KEPT:
        with contextlib.suppress(Exception):  # there is none, or it is damaged
            KEPT.update(pickle.loads((root / FILE).read_bytes()))


def save_kept(root: Path, files) -> None:
    """Keep the pages of these files for the next build."""
    names = {file.src_uri for file in files}
    kept = {name: each for name, each in KEPT.items() if name in names}
    write_files(root, {FILE: pickle.dumps(kept)})


def site_key(config, files) -> str:
    """What all pages of a build follow from, apart from their own text."""
    beside = [
        path.read_text(encoding="utf-8")
        for path in unnumbered_pages(Path(config.docs_dir))
    ]
    settings = Path(config.config_file_path).read_text(encoding="utf-8")
    names = [(file.src_uri, file.url) for file in files]
    return hash_of([settings, beside, names, *map(version, LIBRARIES)])


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
    inventory = find_inventory(config)
    known = {*inventory}
    logger.addHandler(warned)
    try:
        with noting_anchors(config.plugins.get("autorefs")) as anchors:
            render(config, files)
    finally:
        logger.removeHandler(warned)
    if warned.get_counts():
        return
    links = getattr(page, "links_to_anchors", None) or {}
    KEPT[page.file.src_uri] = Rendered(
        key,
        pickle.dumps({name: getattr(page, name) for name in ATTRIBUTES}),
        {file.src_uri: dict(found) for file, found in links.items()},
        anchors,
        {name: inventory[name] for name in inventory.keys() - known},
    )


def find_inventory(config) -> dict:
    """The objects of the package that pages have told of so far."""
    reference = config.plugins.get("mkdocstrings")
    return reference.handlers.inventory if reference else {}


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
    for name, value in pickle.loads(known.attributes).items():
        setattr(page, name, value)
    page.links_to_anchors = {
        files.get_file_from_path(name): dict(found)
        for name, found in known.links.items()
    }
    references = config.plugins.get("autorefs")
    for arguments, options in known.anchors:
        references.register_anchor(page, *arguments, **options)
    if known.objects:
        config.plugins["mkdocstrings"].get_handler("python")  # has its styles
        find_inventory(config).update(known.objects)
