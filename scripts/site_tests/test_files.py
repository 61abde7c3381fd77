"""The files of the site: links lead somewhere, figures have words."""

import gzip

from built import Site, has_text

from conftest import complain

LIMIT = 50_000  # bytes of a chapter, compressed as a server sends it


def test_every_link_and_anchor_resolves(site: Site):
    failures = [
        f"{page.name}:{line}: {link}: {problem}"
        for page in site.pages
        for link, line in page.links
        if (problem := site.problem_of(page.url, link))
    ]
    failures += [
        f"{name}: {link}: {problem}"
        for name, url, link in site.other_links()
        if (problem := site.problem_of(url, link))
    ]
    complain("links that lead nowhere", failures)


def test_no_anchor_is_there_twice(site: Site):
    failures = [
        f"{page.name}: #{anchor} is there {count} times"
        for page in site.pages
        for anchor, count in page.ids.items()
        if count > 1
    ]
    complain("anchors that are not unique", failures)


def test_every_figure_has_alternative_text(site: Site):
    failures = [
        f"{page.name}:{each.line}: <{each.tag}> {each['src'][:60]}"
        for page in site.pages
        for each in page.figures
        if not has_text(each)
    ]
    complain("figures without a text that says what they show", failures)


def test_chapters_are_light(site: Site):
    failures = [
        f"{page.name} has {size / 1000:.0f} kB, may have {LIMIT / 1000:.0f}"
        for page in site.pages
        if (size := len(gzip.compress(page.path.read_bytes(), 6))) > LIMIT
        and page.kind == "chapter"
    ]
    complain("chapters that are too long to load quickly", failures)


def test_a_notebook_is_there_to_be_downloaded(site: Site):
    failures = [
        f"{page.name} has no link to a notebook"
        for page in site.pages
        if page.kind == "notebooks"
        and not any(link.endswith(".ipynb") for link, _ in page.links)
    ]
    complain("pages of notebooks without the notebook", failures)
