"""The site brings what its pages need, and says what is missing."""

import re

import pytest

from bookkit.read.chapters import BookError
from bookkit.site.npm import FILES, npm_files

CSS = '@font-face{src:url(fonts/A.woff2) format("woff2"),url(fonts/A.ttf)}'


@pytest.fixture
def root(tmp_path):
    """A folder as npm leaves it."""
    names = [each.replace("*", "A") for each in FILES]
    names += ["katex/dist/fonts/A.woff2", "katex/dist/fonts/A.ttf"]
    for name in names:
        path = tmp_path / "node_modules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CSS if path.suffix == ".css" else name)
    return tmp_path


def test_every_font_of_the_style_sheet_is_served(root):
    files = npm_files(root)
    css = files["assets/katex/dist/katex.min.css"].decode()
    urls = re.findall(r"url\(([^)]*)\)", css)
    assert urls == ["fonts/A.woff2", "fonts/A.ttf"]
    assert all(f"assets/katex/dist/{url}" in files for url in urls)


def test_a_missing_file_is_named_with_the_command_that_brings_it(root):
    (root / "node_modules/katex/dist/katex.min.js").unlink()
    with pytest.raises(BookError) as raised:
        npm_files(root)
    message = str(raised.value)
    assert "node_modules/katex/dist/katex.min.js is missing" in message
    assert "npm ci" in message
