"""Thin pages show what thick ones showed."""

import html.parser

import pytest

from bookkit.weave.thin import (
    image_size,
    keep_together,
    mend_reference,
    size_images,
    squeeze,
    thin_code,
)

markdown = pytest.importorskip("markdown", reason="see make site").markdown

CODE = '''\
from math import pi as π


@decorate(2)
def area(r: float) -> float:
    """The area of a circle.

    More < words & "quotes".
    """
    return f"{pi * r**2:.2f} m" if r > 0x10 else None  # why
'''


class Text(html.parser.HTMLParser):
    """Collects the text of a page, and the elements around it."""

    def __init__(self, page):
        super().__init__()
        self.text, self.elements = "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page():
    fence = f"~~~~python\n{CODE}~~~~\n"
    return markdown(fence, extensions=["fenced_code", "codehilite"])


class TestCode:
    def test_reads_the_same(self, page):
        assert Text(thin_code(page)).text == Text(page).text
        assert CODE in Text(thin_code(page)).text

    def test_is_less_than_half_as_long(self, page):
        assert "<span" in page
        assert len(thin_code(page)) < len(page) / 2

    @pytest.mark.parametrize(
        "short",
        [
            "<b>def</b> <dfn>area</dfn>",
            "<b>from</b> math <b>import</b> pi <b>as</b>",
            "<i># why</i>",
            '<u>f"</u>{pi * r**2:<u>.2f</u>}<u> m"</u>',
        ],
    )
    def test_colours_become_short_elements(self, page, short):
        assert short in thin_code(page)

    def test_text_outside_of_code_stays(self):
        text = '<p><span class="k">if</span></p>'
        assert thin_code(text) == text

    def test_other_spans_stay(self):
        text = '<pre><code><span class="gd">-a</span></code></pre>'
        assert thin_code(text) == text


class TestSqueeze:
    def test_drops_the_space_around_blocks(self):
        page = "<div>\n\n  <p>\n one\n   two </p>\n</div>\n\n"
        assert squeeze(page) == "<div><p>one two</div>\n"

    def test_keeps_the_space_between_words(self):
        page = "<p>a <a href='#'>b</a> <em>c</em>\n<code>d</code></p>"
        expected = "<p>a <a href='#'>b</a> <em>c</em> <code>d</code></p>\n"
        assert squeeze(page) == expected

    @pytest.mark.parametrize("tag", ["pre", "script", "style", "textarea"])
    def test_keeps_what_counts_spaces(self, tag):
        page = f"<{tag}>a\n\n   b\n</{tag}>"
        assert squeeze(f"<div> {page} </div>") == f"<div>{page}</div>\n"

    def test_leaves_out_the_ends_that_html_adds(self):
        page = "<ul><li>a</li> <li>b</li></ul><p>c</p><p>d</p><b>e</b>"
        expected = "<ul><li>a<li>b</ul><p>c<p>d</p><b>e</b>\n"
        assert squeeze(page) == expected

    def test_plain_words_need_no_quotes(self):
        page = '<a class="b c" href="../d/#e" title="f">="g" </a>'
        expected = '<a class="b c" href=../d/#e title=f>="g" </a>\n'
        assert squeeze(page) == expected

    def test_an_address_does_not_run_into_the_end_of_its_tag(self):
        page = '<img src="a.svg"/><img src="a/" /><img alt="">'
        expected = '<img src="a.svg"/><img src=a/ /><img alt="">\n'
        assert squeeze(page) == expected

    @pytest.mark.parametrize(
        "attributes, left",
        [
            ('aria-label="step"', "role=none"),
            (
                'data-md-level="2" aria-labelledby="x" aria-expanded="true"',
                "data-md-level=2 role=none",
            ),
            ('data-md-level="0" aria-label="Top"', None),
        ],
    )
    def test_a_list_within_the_navigation_is_no_landmark(
        self, attributes, left
    ):
        left = left or attributes.replace('"', "")
        page = f'<nav class="md-nav" {attributes}></nav>'
        assert squeeze(page) == f"<nav class=md-nav {left}></nav>\n"

    def test_a_line_of_the_navigation_has_no_space_around(self):
        page = '<span class="md-ellipsis">\n  One two\n </span>'
        assert ">One two<" in squeeze(page)


class TestLines:
    @pytest.mark.parametrize("code", ["g * b", "make-it", "x &gt;= 0"])
    def test_short_code_stays_on_a_line(self, code):
        page = keep_together(f"<p><code>{code}</code></p>")
        assert page == f'<p><code class="dlfs-short">{code}</code></p>'

    @pytest.mark.parametrize(
        "page",
        [
            "<code>word</code>",
            "<code>a * b + c * d + e * f + g</code>",
            "<pre><code>a * b</code></pre>",
        ],
    )
    def test_other_code_is_left_as_it_is(self, page):
        assert keep_together(page) == page

    def test_a_chapter_and_its_number_stay_on_a_line(self):
        page = keep_together('<a href="../03/">chapter 3</a> or <a>chapter 4')
        assert squeeze(page) == (
            "<a href=../03/>chapter&nbsp;3</a> or <a>chapter 4\n"
        )

    def test_long_names_of_the_reference_may_break(self):
        page = "<code>a_long_name_of_words</code> <code>a_short_one</code>"
        assert mend_reference(page + " “a”") == (
            "<code>a_<wbr>long_<wbr>name_<wbr>of_<wbr>words</code> "
            '<code>a_short_one</code> "a"'
        )


SVG = b'<?xml version="1.0"?>\n<svg xmlns="x" width="460.8pt" height="345pt">'
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes([0, 0, 4, 176, 0, 0, 2, 118])


class TestImages:
    @pytest.mark.parametrize(
        "content, size",
        [
            (SVG, (614, 460)),  # a point is 4/3 of a pixel
            (SVG.replace(b"pt", b""), (461, 345)),
            (PNG, (1200, 630)),
            (b'<svg viewBox="0 0 32 32">', None),
            (b"something else", None),
        ],
    )
    def test_size_of_a_file(self, content, size):
        assert image_size(content) == size

    def test_sizes_are_written_into_the_page(self):
        page = '<img alt="a" src="a.svg" /><img alt="b" src="b.svg" />'
        sized = size_images(page, {"a.svg": (20, 10)}.get)
        assert 'src="a.svg" width="20" height="10"' in sized
        assert sized.endswith('<img alt="b" src="b.svg" />')
