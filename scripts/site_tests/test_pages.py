"""Every page in a browser: bright and dark, on a desk and on a phone."""

import pytest
from browse import ALL, DESKTOP, LOOKS, PHONE, Visit, look_at, with_browsers
from built import Page, Site

from conftest import complain


def ways_to_see(page: Page, is_first: bool) -> list[tuple]:
    """Every page in two ways, the first of each kind in all four.

    The frame around the pages is the same for all, and so is what a page of
    code consists of.
    """
    rules = ALL if is_first or page.kind != "code" else []
    looks = LOOKS if is_first or page.kind == "chapter" else []
    ways = [("light", DESKTOP, rules), ("dark", PHONE, looks)]
    if is_first:
        ways += [("dark", DESKTOP, looks), ("light", PHONE, looks)]
    return ways


@pytest.fixture(scope="module")
def visits(site: Site, address: str, axe: str) -> list[Visit]:
    """What there is to complain about, for every way to see a page."""
    first = {page.kind: page for page in reversed(site.pages)}

    def work(browser, page) -> list[Visit]:
        ways = ways_to_see(page, page is first[page.kind])
        return look_at(browser, address, page.url, ways, axe)

    return with_browsers(work, site.pages)


def test_there_are_no_errors_and_no_other_hosts(visits: list[Visit]):
    failures = [f"{each}: {error}" for each in visits for error in each.errors]
    complain("errors", failures)


def test_no_page_scrolls_sideways(visits: list[Visit]):
    failures = [f"{each}: {what}" for each in visits for what in each.too_wide]
    complain("parts that are wider than the screen", failures)


def test_axe_finds_no_violations(visits: list[Visit]):
    failures = [
        f"{each}: {what}" for each in visits for what in each.violations
    ]
    complain("violations", failures)
