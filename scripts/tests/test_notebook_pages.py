"""Tests of what is mended in the pages that show notebooks."""

import json

import pytest

from bookkit.site.notebook_pages import mend

PNG = "data:image/png;base64,iVBORw0"


def notebook(*outputs: dict) -> str:
    """A notebook whose one cell has these outputs."""
    return json.dumps({"cells": [{"outputs": list(outputs)}]})


def figure(kind: str, alt: str) -> dict:
    """An output that is a figure."""
    return {"data": {kind: "..."}, "metadata": {"alt": alt}}


def mend_body(body: str, text: str = '{"cells": []}') -> str:
    """What comes of what stands in the article."""
    return mend(body, "03-tensors", text)[0]


def test_styles_of_the_notebook_are_taken_out_once():
    one, other = "<style>p {}</style>", "<style>h1 {}</style>"
    mended, styles = mend(one + other + one, "03-tensors", '{"cells": []}')
    assert styles == "p {}\nh1 {}"
    assert mended == ""


@pytest.mark.parametrize(
    "foreign",
    [
        '<script type="text/x-mathjax-config">1</script>',
        '<script src=""> </script>',
        '<script type="module">import mermaid from "x"</script>',
    ],
)
def test_nothing_comes_from_elsewhere(foreign):
    assert mend_body(f"a{foreign}b") == "ab"


def test_scripts_that_copy_code_stay():
    script = "<script>on('clipboard-copy')</script>"
    assert mend_body(f"{script}<script>1</script>") == script


def test_figures_are_those_of_the_chapter_with_their_texts():
    text = notebook(
        figure("image/svg+xml", 'a "curve" & more'),
        {"data": {"text/plain": "3"}},
        figure("image/svg+xml", "dots"),
    )
    body = f'<img src="{PNG}"><p><img alt="x" src="{PNG}"></p>'
    made = mend_body(body, text)
    assert 'src="../../figures/03-tensors-1.svg"' in made
    assert 'alt="a &quot;curve&quot; &amp; more"' in made
    assert 'src="../../figures/03-tensors-2.svg" alt="dots"' in made
    assert "data:" not in made


@pytest.mark.parametrize(
    ("link", "mended"),
    [
        ("04-elementwise.ipynb#choosing", "../04-elementwise/#choosing"),
        ("glossary.md", "../../glossary/"),
        ("https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_links_lead_to_pages(link, mended):
    assert mend_body(f'<a href="{link}">') == f'<a href="{mended}">'


def test_code_stands_there_once_and_is_reached_with_the_keyboard():
    code = (
        '<div class="highlight-ipynb hl-python"><pre>x = 1</pre></div>\n'
        '<div class="clipboard-copy-txt" id="cell-1">x = 1</div>'
    )
    assert mend_body(code) == (
        '<div tabindex="0" id="cell-1" class="highlight-ipynb hl-python">'
        "<pre>x = 1</pre></div>"
    )
