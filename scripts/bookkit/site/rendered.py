"""Keep pages that were rendered, for the next build.

A page is rendered again if anything changed that its HTML follows from: its
Markdown, the configuration, the names of the files that links may lead to,
the texts that stand beside the chapters, the libraries that render and, for
the reference, the package. A build that gave a warning keeps no page, so that
the warning comes again.
"""

import contextlib
import logging
import pickle
from pathlib import Path

from mkdocs.utils import CountHandler

from bookkit.read.chapters import unnumbered_pages
from bookkit.run.cache import hash_of, version
from bookkit.tangle.disk import write_files

FILE = ".cache/rendered.pickle"
LIBRARIES = ("mkdocs", "Markdown", "Pygments", "pymdown-extensions")
LIBRARIES += ("mkdocs-autorefs", "mkdocstrings-python", "griffelib")
EXTENSION = Path(__file__).with_name("griffe_book.py")
# What rendering gives to a page.
ATTRIBUTES = ("content", "toc", "_title_from_render", "present_anchor_ids")
# Of each page its key, these attributes, and its links by the name of the
# file that they lead to.
KEPT: dict[str, tuple[str, dict, dict]] = {}
WARNED = CountHandler(level=logging.WARNING)  # in this build


def load_kept(root: Path) -> None:
    """Read what an earlier build has kept."""
    KEPT.clear()
    WARNED.counts.clear()
    logging.getLogger("mkdocs").addHandler(WARNED)
    with contextlib.suppress(Exception):  # there is none, or it is damaged
        KEPT.update(pickle.loads((root / FILE).read_bytes()))


def save_kept(root: Path, files) -> None:
    """Keep the pages of these files for the next build."""
    if WARNED.counts:
        return
    kept = {}
    for file in files:
        page = file.page
        if key := getattr(page, "key", None):
            attributes = {each: getattr(page, each) for each in ATTRIBUTES}
            links = page.links_to_anchors.items()
            links = {target.src_uri: found for target, found in links}
            kept[file.src_uri] = key, attributes, links
    write_files(root, {FILE: pickle.dumps(kept)})


def site_key(config, files) -> str:
    """What all pages of a build follow from, apart from their own text."""
    beside = unnumbered_pages(Path(config.docs_dir))
    paths = [Path(config.config_file_path), EXTENSION, *beside]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    names = [(file.src_uri, file.url) for file in files]
    return hash_of([texts, names, *map(version, LIBRARIES)])


def render_once(page, *parts: str) -> None:
    """Make a page render itself only if `KEPT` does not have it.

    `parts` say what it follows from besides its name and title.
    """
    place, render = page.file.src_uri, page.render
    page.key = hash_of([place, page.meta.get("title"), *parts])

    def render_or_reuse(config, files) -> None:
        key, attributes, links = KEPT.get(place, ("", {}, {}))
        if key != page.key:
            render(config, files)
            return
        vars(page).update(attributes)
        find = files.get_file_from_path
        page.links_to_anchors = {find(name): links[name] for name in links}

    page.render = render_or_reuse
