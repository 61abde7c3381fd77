"""Tests of what a build of the site keeps for the next one."""

import logging

import pytest

from bookkit.run import cache

pytest.importorskip("mkdocs")
from bookkit.site import rendered


class File:
    """A file of a build."""

    def __init__(self, name: str) -> None:
        self.src_uri, self.page = name, None


class Files(dict):
    """The files of a build, found by their path in the book."""

    def get_file_from_path(self, name: str):
        """The file of this name."""
        return self[name]


class Page:
    """A page of MkDocs, as far as rendering it once needs one."""

    def __init__(self, name: str, build: "Build") -> None:
        self.file, self.meta = build.files[name], {}
        self.build = build

    def render(self, config, files) -> None:
        """Render it: links to the other page."""
        self.build.rendered.append(self.file.src_uri)
        self.content = f"html {len(self.build.rendered)}"
        self.toc = ["a heading"]
        self._title_from_render = "A title"
        self.present_anchor_ids = {"here"}
        self.links_to_anchors = {files["b.md"]: {"there": "b.md#there"}}
        if self.build.warns:
            logging.getLogger("mkdocs.structure").warning("a dead link")
        if self.build.fails:
            raise TypeError("a fault of a plugin")


class Build:
    """A build of the site: every build has files and pages of its own."""

    root = None

    def __init__(self, rendered, warns=False, fails=False) -> None:
        self.rendered, self.warns, self.fails = rendered, warns, fails
        self.files = Files({each: File(each) for each in ("a.md", "b.md")})

    def page(self, text: str = "text", site: str = "s"):
        """Render the first page, or take it from an earlier build."""
        rendered.load_kept(self.root)
        page = self.files["a.md"].page = Page("a.md", self)
        rendered.render_once(page, text, site)
        page.render(None, self.files)
        rendered.save_kept(self.root, self.files.values())
        return page


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch, tmp_path):
    """Every test starts without an earlier build."""
    monkeypatch.setattr(rendered, "KEPT", {})
    monkeypatch.setattr(Build, "root", tmp_path)


def test_a_page_is_rendered_once():
    done: list[str] = []
    first, second = Build(done).page(), Build(done)
    again = second.page()
    assert done == ["a.md"]
    assert (again.content, again._title_from_render) == ("html 1", "A title")
    assert again.toc == first.toc and again.toc is not first.toc
    assert again.present_anchor_ids == {"here"}
    # Links are to the files of this build, not of the one before it.
    assert again.links_to_anchors[second.files["b.md"]] == {
        "there": "b.md#there"
    }


@pytest.mark.parametrize("change", [{"text": "other"}, {"site": "other"}])
def test_a_change_renders_it_again(change):
    done: list[str] = []
    Build(done).page()
    assert Build(done).page(**change).content == "html 2"


def test_the_next_process_finds_what_was_kept(tmp_path):
    done: list[str] = []
    first, second = Build(done), Build(done)
    first.page()
    rendered.KEPT.clear()
    rendered.load_kept(tmp_path)
    assert second.page().content == "html 1"
    rendered.save_kept(tmp_path, [])
    rendered.KEPT.clear()
    rendered.load_kept(tmp_path)
    assert rendered.KEPT == {}


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_file_keeps_nothing(tmp_path, damage):
    path = tmp_path / rendered.FILE
    if damage is not None:
        path.parent.mkdir()
        path.write_bytes(damage)
    rendered.load_kept(tmp_path)
    assert rendered.KEPT == {}


def test_a_page_that_warned_is_rendered_again():
    done: list[str] = []
    Build(done, warns=True).page()
    Build(done, warns=True).page()
    assert len(done) == 2


def test_a_failed_rendering_keeps_nothing_new():
    done: list[str] = []
    Build(done).page()
    with pytest.raises(TypeError):
        Build(done, fails=True).page("other")
    assert Build(done).page("other").content == "html 3"


@pytest.mark.parametrize("damage", ["", "{", None])
def test_a_damaged_cache_is_none(tmp_path, damage):
    path = tmp_path / "page-1.json"
    assert cache.read_cache(path) is None
    cache.write_cache(path, {"a": 1})
    assert cache.read_cache(path) == {"a": 1}
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    assert cache.read_cache(path) is None


def test_the_cache_forgets_the_oldest_of_a_name(tmp_path):
    for number in range(cache.KEPT + 2):
        cache.write_cache(tmp_path / f"page-{number}.json", number)
        cache.read_cache(tmp_path / "page-0.json")  # it is in use
    cache.write_cache(tmp_path / "other-1.json", 1)
    left = {path.stem for path in tmp_path.iterdir()}
    assert {"page-0", "page-6", "other-1"} <= left
    assert len(left) == cache.KEPT + 1
