"""Every page in a browser: bright and dark, on a desk and on a phone."""

import pytest
from browse import DESKTOP, PHONE, Visit, look_at, with_browsers
from built import Site

from conftest import complain

# Every page in the first two ways. The frame around them is the same for
# all, so that the other two are only for the first page of each kind.
WAYS = [
    ("light", DESKTOP),
    ("dark", PHONE),
    ("dark", DESKTOP),
    ("light", PHONE),
]


@pytest.fixture(scope="module")
def visits(site: Site, address: str, axe: str) -> list[Visit]:
    """What there is to complain about, for every way to see a page."""
    first = {page.kind: page for page in reversed(site.pages)}

    def work(browser, page) -> list[Visit]:
        ways = WAYS if page is first[page.kind] else WAYS[:2]
        return [
            look_at(browser, address, page.url, scheme, size, axe)
            for scheme, size in ways
        ]

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
