"""What the checks of the site share: the built site, served and visited."""

from pathlib import Path

import pytest
from browse import serve
from built import Site

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A check looks at the whole site, so it may take its time."""
    for item in items:
        item.add_marker(pytest.mark.timeout(900))


def complain(what: str, failures: list[str]) -> None:
    """Fail with all that is wrong, if anything is."""
    if failures:
        lines = "\n  ".join(failures)
        pytest.fail(f"{what}: {len(failures)}\n  {lines}", pytrace=False)


@pytest.fixture(scope="session")
def site() -> Site:
    """The built site."""
    if not (ROOT / "site/index.html").is_file():
        pytest.exit("there is no site yet: make site", returncode=2)
    return Site(ROOT / "site")


@pytest.fixture(scope="session")
def address(site: Site):
    """Where the site is served."""
    with serve(site.folder, site.base) as host:
        yield host


@pytest.fixture(scope="session")
def axe() -> str:
    """The program that finds barriers to readers with disabilities."""
    if not AXE.is_file():
        pytest.exit("axe-core is not installed: npm ci", returncode=2)
    return AXE.read_text(encoding="utf-8")
