"""The hook of MkDocs: it weaves the chapters, MkDocs makes the site of them.

`weave.py` does the work. What is here only brings its pages into MkDocs and
mends what that needs.
"""

import logging
import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority, get_plugin_logger
from mkdocs.structure.files import File
from mkdocs.utils import write_file

from bookkit.read.chapters import BookError, Chapter
from bookkit.run.cache import hash_of
from bookkit.run.kernels import package_hash
from bookkit.site import griffe_book, mend, notebook_pages, rendered
from bookkit.site.npm import npm_files
from bookkit.site.search import mend_index
from bookkit.tangle.disk import write_snapshot
from bookkit.tangle.notebooks import colab_link
from bookkit.weave.book import WOVEN, Book, weave
from bookkit.weave.listing import FOLDER, drop_plain
from bookkit.weave.reference import FOLDER as REFERENCE

log = get_plugin_logger("weave")
# It reports four lines for each notebook, and what we say drowns in them.
for name in ("mkdocs.plugins.mkdocs_jupyter", "mkdocs.mkdocs-jupyter"):
    logging.getLogger(name).setLevel(logging.WARNING)
PACKAGE = "build/package"  # where mkdocstrings reads the package
NOTEBOOKS = "notebooks/"
NOTEBOOK_CSS = "assets/notebook.css"
# A title counts 1,000 times in the search; what a chapter explains stands
# before the entry of the reference that has the name.
CHAPTER_BOOST = 1000
FILE_LINK = re.compile(r'(<a href=")([^"]*?)\.md#')  # in the code of a file


def root_of(config) -> Path:
    """The folder of the repository."""
    return Path(config.config_file_path).parent


def on_config(config):
    """Without a repository there is nothing to edit."""
    if not config.repo_url:
        config.edit_uri = None


@event_priority(100)  # mkdocs-jupyter has to see the notebooks
def on_files(files, config):
    """Put the woven pages in the place of the chapters."""
    root = root_of(config)
    woven = root / WOVEN
    try:
        book = Book(root, config.repo_url or "", log.info)
        write_snapshot(root, book.outputs[-1], root / PACKAGE)
        names = weave(book, woven, is_plain=False)
        served = npm_files(root)
    except BookError as error:
        raise PluginError(str(error)) from error
    for name, content in served.items():
        files.append(File.generated(config, name, content=content))
    for name in names:
        if known := files.get_file_from_path(name):
            files.remove(known)
        arguments = (str(woven), config.site_dir, config.use_directory_urls)
        files.append(File(name, *arguments))
    entries = book.site.entries.values()
    griffe_book.ENTRIES = {entry.home: entry for entry in entries}
    package = package_hash(root, book.outputs[-1])
    origins = [entry.origin for entry in entries]
    config.extra["package"] = hash_of([package, *origins])
    config.extra["book"] = book
    config.nav = fill_nav(config.nav, names)
    return files


def fill_nav(nav, names: list[str]):
    """A navigation with the pages of a folder in its place: "api/"."""
    if isinstance(nav, dict):
        return {title: fill_nav(part, names) for title, part in nav.items()}
    if isinstance(nav, list):
        return [fill_nav(part, names) for part in nav]
    if nav.endswith("/"):
        return [name for name in names if name.startswith(nav)]
    return nav


def on_nav(nav, config, files):
    """Lead the path past the workshop; note what all pages follow from."""
    chapters = config.extra["book"].chapters
    check_nav(nav.pages, chapters)
    workshop = [f"{each.name}.md" for each in chapters if each.is_workshop]
    for pages, neighbour in (
        (nav.pages, "previous_page"),
        (reversed(nav.pages), "next_page"),
    ):
        last = None
        for page in pages:
            setattr(page, neighbour, last)
            if page.file.src_uri not in workshop:
                last = page
    rendered.load_kept(root_of(config))
    config.extra["key"] = rendered.site_key(config, files)
    config.plugins["mkdocstrings"].get_handler("python")  # has its styles


def check_nav(pages, chapters: list[Chapter]) -> None:
    """Check that the navigation has all chapters in their order.

    Those of the workshop stand in groups of that name, apart from the path.
    """
    names = [f"{each.name}.md" for each in chapters]
    listed = [page for page in pages if page.file.src_uri[0].isdigit()]
    if [page.file.src_uri for page in listed] != names:
        raise PluginError(
            "mkdocs.yml: nav has to list the chapters in the order of their "
            f"names: {', '.join(names)}"
        )
    for chapter, page in zip(chapters, listed):
        group = page.parent.title if page.parent else ""
        if chapter.is_workshop != group.startswith("Workshop"):
            place = "into a" if chapter.is_workshop else "outside each"
            raise PluginError(
                f"mkdocs.yml: {chapter.name}.md belongs {place} group "
                "Workshop of nav, as the kind in its front matter says"
            )


def on_page_markdown(markdown, page, config, files):
    """Say what is shown beside a page; search finds the chapter first."""
    name, stem = page.file.src_uri, page.file.name
    if "/" in name:  # it is made of the chapters
        page.edit_url = None
    if name[0].isdigit() or name.startswith(NOTEBOOKS):
        page.meta["colab"] = colab_link(config.repo_url or "", stem)
        page.meta["search"] = {"boost": CHAPTER_BOOST}
    if name.startswith(NOTEBOOKS):  # mkdocs-jupyter keeps those
        chapter = files.get_file_from_path(f"{stem}.md").page
        page.meta["title"] = chapter.meta["title"]
        page.meta["search"] = {"exclude": True}
        return
    is_entry = name.startswith(f"{REFERENCE}/")
    package = config.extra["package"] if is_entry else ""
    rendered.render_once(page, markdown, config.extra["key"], package)


def on_page_content(html, page, config, files):
    """Mend a notebook; its styles go into one file for all."""
    if page.file.src_uri.startswith(NOTEBOOKS):
        name, text = page.file.name, page.markdown
        html, styles = notebook_pages.mend(html, name, text)
        write_file(styles.encode(), f"{config.site_dir}/{NOTEBOOK_CSS}")
    return html


@event_priority(-100)  # after the links to the reference are in place
def on_env(env, config, files):
    """Keep the pages for the next build."""
    rendered.save_kept(root_of(config), files)


@event_priority(100)  # before the search reads it
def on_page_context(context, page, config, nav):
    """Mend code and links in the code of a file; size figures."""
    name, html = page.file.src_uri, page.content
    if name.startswith(f"{FOLDER}/"):
        page.content = FILE_LINK.sub(r"\1../\2/#", html)
    if name.startswith((f"{FOLDER}/", NOTEBOOKS)):
        return
    if name.startswith(f"{REFERENCE}/"):
        html = mend.mend_reference(html)
    html = mend.keep_together(drop_plain(html))
    page.content = mend.size_images(html, root_of(config) / WOVEN)


def on_post_page(output, page, config):
    """Mend what stands around the text."""
    return mend.mend_navigation(output)


@event_priority(-100)  # after the search has written its index
def on_post_build(config):
    """Mend the index of the search."""
    index = Path(config.site_dir) / "search" / "search_index.json"
    book = config.extra["book"]
    text = index.read_text(encoding="utf-8")
    try:
        text = mend_index(text, book.site.terms, book.chapters)
    except BookError as error:
        raise PluginError(str(error)) from error
    index.write_text(text, encoding="utf-8")
