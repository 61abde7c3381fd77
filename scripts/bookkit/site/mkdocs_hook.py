"""The hook of MkDocs: it weaves the chapters, MkDocs makes the site of them.

`weave.py` does the work. What is here only brings its pages into MkDocs and
mends what that needs.
"""

import logging
import os
import posixpath
import re
import subprocess
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority, get_plugin_logger
from mkdocs.structure.files import File

from bookkit.read.chapters import BookError, Chapter
from bookkit.run.cache import hash_of
from bookkit.run.kernels import package_hash
from bookkit.site.mend import (
    image_size,
    keep_together,
    mend_navigation,
    mend_reference,
    size_images,
)
from bookkit.site.notebook_pages import mend
from bookkit.site.npm import MissingPackageError, npm_files
from bookkit.site.rendered import (
    load_kept,
    render_once,
    save_kept,
    site_key,
)
from bookkit.site.search import mend_index
from bookkit.tangle.disk import write_snapshot
from bookkit.tangle.notebooks import colab_link
from bookkit.weave.book import WOVEN, Book, weave
from bookkit.weave.listing import FOLDER, drop_plain
from bookkit.weave.reference import ENTRIES, origin
from bookkit.weave.reference import FOLDER as REFERENCE
from bookkit.weave.terms import PAGE

log = get_plugin_logger("weave")
# It reports four lines for each notebook, and what we say drowns in them.
for name in ("mkdocs.plugins.mkdocs_jupyter", "mkdocs.mkdocs-jupyter"):
    logging.getLogger(name).setLevel(logging.WARNING)
PACKAGE = "build/package"  # where mkdocstrings reads the package
NOTEBOOK_CSS = "assets/notebook.css"
# A title counts 1,000 times in the search; what a chapter explains stands
# before the entry of the reference that has the name.
CHAPTER_BOOST = 1000
FILE_LINK = re.compile(r'(<a href=")([^"]*?)\.md#')  # in the code of a file
CHAPTERS: list[Chapter] = []


def on_config(config):
    """Without a repository there is nothing to edit.

    Every page bears the time of the last commit, not that of the build. A
    strict build counts warnings, which `--quiet` would keep from it.
    """
    logger = logging.getLogger("mkdocs")
    if config.strict and logger.level > logging.WARNING:
        logger.setLevel(logging.WARNING)
    if not config.repo_url:
        config.edit_uri = None
    root = Path(config.config_file_path).parent
    if "SOURCE_DATE_EPOCH" not in os.environ:
        command = ["git", "log", "-1", "--format=%ct"]
        git = subprocess.run(command, cwd=root, capture_output=True, text=True)
        os.environ["SOURCE_DATE_EPOCH"] = git.stdout.strip() or "0"
    return config


@event_priority(100)  # mkdocs-jupyter has to see the notebooks
def on_files(files, config):
    """Put the woven pages in the place of the chapters."""
    root = Path(config.config_file_path).parent
    woven = root / WOVEN
    try:
        book = Book(root, Path(config.docs_dir))
        CHAPTERS[:] = book.chapters
        check_nav(config, book.chapters)
        config.extra["workshop"] = [
            each.name for each in book.chapters if each.is_workshop
        ]
        write_snapshot(root, book.outputs[-1], root / PACKAGE)
        names = weave(
            book,
            woven,
            repository=config.repo_url or "",
            report=log.info,
            is_plain=False,
        )
        served = npm_files(root)
    except (BookError, MissingPackageError) as error:
        raise PluginError(str(error)) from error
    parts = [package_hash(root, book.outputs[-1])]
    parts.append(Path(__file__).with_name("griffe_book.py").read_text("utf-8"))
    parts += map(origin, ENTRIES.values())
    config.extra["package"] = hash_of(parts)
    for name, content in served.items():
        files.append(File.generated(config, name, content=content))
    fill_nav(config.nav, names)
    for name in names:
        known = files.get_file_from_path(name)
        if known:
            files.remove(known)
        arguments = (str(woven), config.site_dir, config.use_directory_urls)
        files.append(File(name, *arguments))
    return files


def check_nav(config, chapters: list[Chapter]) -> None:
    """Check that the navigation has all chapters in their order.

    Those of the workshop stand in groups of that name, apart from the path.
    """
    listed = [
        (name, title.startswith("Workshop"))
        for entry in config.nav
        for title, pages in (entry.items() if isinstance(entry, dict) else ())
        for name in pages_of(pages)
        if name[0].isdigit()
    ]
    names = [f"{each.name}.md" for each in chapters]
    if [name for name, _ in listed] != names:
        raise PluginError(
            "mkdocs.yml: nav has to list the chapters in the order of their "
            f"names: {', '.join(names)}"
        )
    for chapter, (name, is_apart) in zip(chapters, listed, strict=True):
        if chapter.is_workshop != is_apart:
            place = "into a" if chapter.is_workshop else "outside each"
            raise PluginError(
                f"mkdocs.yml: {name} belongs {place} group Workshop of nav, "
                "as the kind in its front matter says"
            )


def fill_nav(nav, names: list[str]) -> None:
    """Put the pages of a folder in the place of the folder: "api/"."""
    for section in nav:
        if isinstance(section, str):  # a page
            continue
        for title, value in section.items():
            if isinstance(value, list):
                fill_nav(value, names)
            elif value.endswith("/"):
                section[title] = [n for n in names if n.startswith(value)]


def pages_of(nav) -> list[str]:
    """The pages of a navigation, in order."""
    if isinstance(nav, str):
        return [nav]
    children = nav.values() if isinstance(nav, dict) else nav or []
    return [page for child in children for page in pages_of(child)]


def on_nav(nav, config, files):
    """Lead the path past the workshop; note what all pages follow from."""
    workshop = config.extra["workshop"]
    for pages, neighbour in (
        (nav.pages, "previous_page"),
        (reversed(nav.pages), "next_page"),
    ):
        last = None
        for page in pages:
            setattr(page, neighbour, last)
            if Path(page.file.src_uri).stem not in workshop:
                last = page
    load_kept(Path(config.config_file_path).parent)
    config.extra["key"] = site_key(config, files)
    config.extra["media"] = {file.url: file for file in files.media_files()}
    config.plugins["mkdocstrings"].get_handler("python")  # has its styles


def on_page_markdown(markdown, page, config, files):
    """Join a chapter and its notebook; search finds the chapter first."""
    name = page.file.src_uri
    if "/" in name:  # it is made of the chapters
        page.edit_url = None
    if name.startswith("notebooks/"):
        page.meta["search"] = {"exclude": True}
    elif name[0].isdigit():
        page.meta["search"] = {"boost": CHAPTER_BOOST}
    stem = Path(name).stem
    notebook = files.get_file_from_path(f"notebooks/{stem}.ipynb")
    if notebook:
        chapter = files.get_file_from_path(f"{stem}.md")
        other = chapter if page.file is notebook else notebook
        page.meta["chapter" if other is chapter else "notebook"] = other.url
        page.meta["download"] = f"{notebook.url}{stem}.ipynb"
        page.meta["colab"] = colab_link(config.repo_url or "", stem)
    parts = [markdown, config.extra["key"]]
    if name.startswith(f"{REFERENCE}/"):
        parts.append(config.extra["package"])
    if not name.startswith("notebooks/"):  # mkdocs-jupyter keeps those
        render_once(page, *parts)


@event_priority(-100)  # after the links to the reference are in place
def on_env(env, config, files):
    """Give notebooks the titles of their chapters."""
    save_kept(Path(config.config_file_path).parent, files)
    for file in files:
        chapter = files.get_file_from_path(f"{Path(file.src_uri).stem}.md")
        if file.src_uri.startswith("notebooks/") and file.page and chapter:
            file.page.title = chapter.page.title


@event_priority(100)  # before the search reads it
def on_page_context(context, page, config, nav):
    """Mend code and links in the code of a file; size figures."""
    name, html = page.file.src_uri, page.content
    if name.startswith(f"{FOLDER}/"):
        page.content = FILE_LINK.sub(r"\1../\2/#", html)
    if name.startswith((f"{FOLDER}/", "notebooks/")):
        return
    if name.startswith(f"{REFERENCE}/"):
        html = mend_reference(html)

    def size_of(address: str):
        path = posixpath.normpath(posixpath.join(page.url, address))
        file = config.extra["media"].get(path)
        return image_size(file.content_bytes) if file else None

    page.content = size_images(keep_together(drop_plain(html)), size_of)


def on_post_page(output, page, config):
    """Mend what stands around the text."""
    if page.file.src_uri.startswith("notebooks/"):
        output = mend_notebook(output, page, config)
    return mend_navigation(output)


@event_priority(-100)  # after the search has written its index
def on_post_build(config):
    """Mend the index of the search.

    Without an address a site has no map: what MkDocs writes is empty.
    """
    index = Path(config.site_dir) / "search" / "search_index.json"
    glossary = (Path(config.docs_dir) / PAGE).read_text(encoding="utf-8")
    text = index.read_text(encoding="utf-8")
    try:
        text = mend_index(text, glossary, CHAPTERS)
    except BookError as error:
        raise PluginError(str(error)) from error
    index.write_text(text, encoding="utf-8")
    if not config.site_url:
        for name in ("sitemap.xml", "sitemap.xml.gz"):
            (Path(config.site_dir) / name).unlink(missing_ok=True)


def mend_notebook(output: str, page, config) -> str:
    """Mend the notebook view; its styles go into one file for all."""
    name = Path(page.file.src_uri).stem
    output, styles = mend(output, name, page.markdown)
    path = Path(config.site_dir) / NOTEBOOK_CSS
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(styles, encoding="utf-8")
    href = "../" * page.url.count("/") + NOTEBOOK_CSS
    link = f'<link rel="stylesheet" href="{href}"></head>'
    return output.replace("</head>", link, 1)
