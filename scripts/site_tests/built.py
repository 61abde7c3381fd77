"""The built site as its files have it: pages, links, anchors and figures."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

ADDRESS = "http://site.invalid"  # the site's own, for joining addresses
LINKS = {"a": "href", "link": "href", "script": "src", "img": "src"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link"}
VOID |= {"meta", "source", "track", "wbr"}
STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)""")
CHAPTER = re.compile(r"\d\d-")
LOCATION = re.compile(r"<loc>([^<]*)</loc>")


@dataclass(frozen=True)
class Element:
    """An element of a page; `inside` are the elements around it."""

    tag: str
    attributes: dict[str, str]
    line: int
    inside: tuple["Element", ...] = ()
    titles: list[str] = field(default_factory=list)  # of a drawing

    def __getitem__(self, name: str) -> str:
        """An attribute, or nothing."""
        return self.attributes.get(name) or ""


class Page(HTMLParser):
    """A page of the site: its anchors, links and figures."""

    def __init__(self, site: "Site", path: Path) -> None:
        super().__init__()
        self.path = path
        self.name = path.relative_to(site.folder).as_posix()
        self.url = site.base + self.name.removesuffix("index.html")
        self.ids: Counter[str] = Counter()
        self.links: list[tuple[str, int]] = []
        self.figures: list[Element] = []
        self.classes: set[str] = set()
        self.canonical = ""
        self._open: list[Element] = []
        self.feed(path.read_text(encoding="utf-8"))

    @property
    def kind(self) -> str:
        """Whether it is a chapter, a notebook, code, or another page."""
        if CHAPTER.match(self.name):
            return "chapter"
        folder = self.name.partition("/")[0]
        return folder if folder in ("notebooks", "code") else "other"

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Note what an element has, and that we are inside it."""
        element = Element(
            tag, dict(attributes), self.getpos()[0], tuple(self._open)
        )
        anchors = {element["id"], element["name"] if tag == "a" else ""}
        self.ids.update(anchors - {""})
        self.classes.update(element["class"].split())
        if LINKS.get(tag) in element.attributes:
            self.links.append((element[LINKS[tag]], element.line))
        if element["rel"] == "canonical":
            self.canonical = element["href"]
        if tag in ("img", "svg"):
            self.figures.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        """An element that is closed at once, as in SVG."""
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and those that nobody closed inside it."""
        tags = [each.tag for each in self._open]
        if tag in tags:
            del self._open[len(tags) - 1 - tags[::-1].index(tag) :]

    def handle_data(self, text: str) -> None:
        """The title of a drawing says what it shows."""
        tags = [each.tag for each in self._open]
        if tags[-1:] == ["title"] and "svg" in tags and text.strip():
            self._open[tags.index("svg")].titles.append(text)


class Site:
    """The folder that holds the built site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = "/"
        home = Page(self, folder / "index.html")
        self.address = home.canonical  # empty, unless it is published
        self.base = urlsplit(self.address).path or "/"

    @cached_property
    def pages(self) -> list[Page]:
        """All pages."""
        return [Page(self, path) for path in sorted(self.glob("*.html"))]

    @cached_property
    def ids(self) -> dict[str, Counter[str]]:
        """The anchors of every page, by the name of its file."""
        return {page.name: page.ids for page in self.pages}

    def glob(self, pattern: str) -> list[Path]:
        """The files of a kind, in order."""
        return sorted(self.folder.rglob(pattern))

    def problem_of(self, url: str, link: str) -> str:
        """What is wrong with a link on the page at `url`, or nothing.

        Links to other places are not followed.
        """
        if self.address and link.startswith(self.address):
            link = self.base + link[len(self.address) :]
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            known = ("http", "https", "mailto", "data")
            return "" if parts.scheme in known else "has an unknown scheme"
        target, anchor = urldefrag(urljoin(ADDRESS + url, link))
        path = unquote(urlsplit(target).path)
        if not path.startswith(self.base):
            return "leads out of the site"
        return self._problem_of_file(path[len(self.base) :], unquote(anchor))

    def _problem_of_file(self, name: str, anchor: str) -> str:
        """What is missing: the file, or the anchor in it, or nothing."""
        if not name or name.endswith("/"):
            name += "index.html"
        if not (self.folder / name).is_file():
            return f"there is no {name}"
        if anchor and name in self.ids and anchor not in self.ids[name]:
            return f"there is no #{anchor} in {name}"
        return ""

    def other_links(self) -> list[tuple[str, str, str]]:
        """The links outside of pages: file, address to start from, link."""
        found = []
        for path in self.glob("*.css"):
            name = path.relative_to(self.folder).as_posix()
            text = path.read_text(encoding="utf-8")
            found += [
                (name, self.base + name, link)
                for link in STYLE_URL.findall(text)
            ]
        index = self.folder / "search/search_index.json"
        for entry in json.loads(index.read_text(encoding="utf-8"))["docs"]:
            found.append((index.name, self.base, entry["location"]))
        for path in self.glob("sitemap.xml"):  # there, if there is an address
            for link in LOCATION.findall(path.read_text(encoding="utf-8")):
                found.append((path.name, self.base, link))
        return found


def has_text(figure: Element) -> bool:
    """Whether a figure says in words what it shows.

    A decoration says instead that it is one. The icon of a link or a button
    is described by that.
    """
    elements = (*figure.inside, figure)
    if "true" in [each["aria-hidden"] for each in elements]:
        return True
    if figure.tag == "img":
        words = figure["alt"]
        return bool(words) and "No description has been" not in words
    buttons = {"a", "button", "label"}
    if buttons & {each.tag for each in elements}:
        return True
    if any("icon" in each["class"] for each in elements):
        return True
    named = figure["aria-label"] or figure["aria-labelledby"] or figure.titles
    return figure["role"] == "img" and bool(named)
