"""Thin pages show what thick ones showed."""

import html.parser

import pytest
from markdown import markdown
from thin import image_size, size_images, squeeze, thin_code

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
        assert squeeze(page) == "<div><p>one two</p></div>\n"

    def test_keeps_the_space_between_words(self):
        page = "<p>a <a href='#'>b</a> <em>c</em>\n<code>d</code></p>"
        expected = "<p>a <a href='#'>b</a> <em>c</em> <code>d</code></p>\n"
        assert squeeze(page) == expected

    @pytest.mark.parametrize("tag", ["pre", "script", "style", "textarea"])
    def test_keeps_what_counts_spaces(self, tag):
        page = f"<{tag}>a\n\n   b\n</{tag}>"
        assert squeeze(f"<div> {page} </div>") == f"<div>{page}</div>\n"

    def test_plain_words_need_no_quotes(self):
        page = '<a class="b c" href="../d/#e" title="f">="g" </a>'
        expected = '<a class="b c" href=../d/#e title=f>="g" </a>\n'
        assert squeeze(page) == expected

    def test_an_address_does_not_run_into_the_end_of_its_tag(self):
        page = '<img src="a.svg"/><img src="a/" /><img alt="">'
        expected = '<img src="a.svg"/><img src=a/ /><img alt="">\n'
        assert squeeze(page) == expected

    def test_a_list_in_the_table_of_contents_is_no_landmark(self):
        page = '<nav class="md-nav" aria-label="step"><ul></ul></nav>'
        expected = '<nav class="md-nav" role=none><ul></ul></nav>\n'
        assert squeeze(page) == expected

    def test_a_line_of_the_navigation_has_no_space_around(self):
        page = '<span class="md-ellipsis">\n  One two\n </span>'
        assert ">One two<" in squeeze(page)


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
