"""What is mended in the HTML of a page."""

import pytest

from bookkit.site.mend import (
    image_size,
    keep_together,
    mend_navigation,
    mend_reference,
    size_images,
)


@pytest.mark.parametrize(
    "attributes, left",
    [
        ('aria-label="step"', 'role="none"'),
        (
            'data-md-level="2" aria-labelledby="x" aria-expanded="true"',
            'data-md-level="2" role="none"',
        ),
        ('data-md-level="0" aria-label="Top"', None),
    ],
)
def test_a_list_within_the_navigation_is_no_landmark(attributes, left):
    page = f'<nav class="md-nav" {attributes}></nav>'
    expected = f'<nav class="md-nav" {left or attributes}></nav>'
    assert mend_navigation(page) == expected


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
        assert page == ('<a href="../03/">chapter&nbsp;3</a> or <a>chapter 4')

    def test_long_names_of_the_reference_may_break(self):
        page = "<code>a_long_name_of_words</code> <code>a_short_one</code>"
        assert mend_reference(page + " “a”") == (
            "<code>a_<wbr>long_<wbr>name_<wbr>of_<wbr>words</code> "
            '<code>a_short_one</code> "a"'
        )


SVG = b'<?xml version="1.0"?>\n<svg xmlns="x" width="460.8pt" height="345pt">'


class TestImages:
    @pytest.mark.parametrize(
        "content, size",
        [
            (SVG, (614, 460)),  # a point is 4/3 of a pixel
            (SVG.replace(b"pt", b""), (461, 345)),
            (b'<svg viewBox="0 0 32 32">', None),
            (b"something else", None),
        ],
    )
    def test_size_of_a_file(self, content, size):
        assert image_size(content) == size

    def test_sizes_are_written_into_the_page(self, tmp_path):
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures/a.svg").write_bytes(SVG)
        page = '<img alt="a" src="../figures/a.svg" />'
        page += '<img alt="b" src="b.svg" />'
        sized = size_images(page, tmp_path)
        assert 'src="../figures/a.svg" width="614" height="460"' in sized
        assert sized.endswith('<img alt="b" src="b.svg" />')
