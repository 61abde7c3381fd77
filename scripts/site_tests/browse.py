"""Visit the pages of the site with Chromium."""

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright
from playwright.sync_api import Page as Tab

DESKTOP, PHONE = (1360, 900), (360, 740)
WORKERS = min(4, os.cpu_count() or 1)
BROWSERS = ("chromium", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # What asks for another host is to fail, not to leave this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
NO_BROWSER = (
    "the checks of the site need Chromium: `apt-get install chromium` on "
    "Debian, `.venv/bin/playwright install chromium` elsewhere"
)
# Everything that is folded away is part of the page, too.
UNFOLD = """async () => {
  for (const each of document.querySelectorAll("details")) each.open = true
  await document.fonts.ready
  await new Promise(done => requestIdleCallback(done, {timeout: 5000}))
}"""
# What reaches beyond the right edge, unless something around it scrolls.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth
  const found = new Set()
  for (const each of document.querySelectorAll("main *, footer *")) {
    const box = each.getBoundingClientRect()
    if (!box.width || !box.height || box.right <= width + 1) continue
    let outer = each.parentElement
    while (outer && outer !== document.body &&
           getComputedStyle(outer).overflowX === "visible")
      outer = outer.parentElement
    if (outer && outer !== document.body) continue
    const name = each.getAttribute("class")
    found.add(each.localName + (name ? "." + name.split(" ")[0] : "") +
      ` to ${Math.round(box.right)} px: ` +
      each.textContent.trim().slice(0, 40))
  }
  const page = document.scrollingElement.scrollWidth
  if (page > width) found.add(`the page is ${page} px wide`)
  return [...found]
}"""
# Mathematics that KaTeX did not understand or did not get to see.
NO_FORMULA = """() => [...document.querySelectorAll(
  ".katex-error, .arithmatex:not(:has(.katex))"
)].map(each => "no formula: " + each.textContent.trim().slice(0, 60))"""
# Each rule that is broken once, with the first of its elements: the names
# that axe itself makes of hundreds of elements take it a minute.
AXE = """async rules => {
  const {violations} = await axe.run(document, {
    resultTypes: ["violations"], selectors: false, elementRef: true,
    ...(rules && {runOnly: rules}),
  })
  return violations.map(({id, nodes}) => {
    const {element, any, all, none} = nodes[0]
    const name = element.localName + (element.id && "#" + element.id) +
      [...element.classList].map(each => "." + each).join("")
    const why = [...any, ...all, ...none][0]?.message ?? ""
    return `${id}: ${nodes.length} times, first ${name}: ${why}`
  })
}"""
# All rules, those whose outcome may differ between two ways to see a page.
ALL = None
LOOKS = ["color-contrast", "scrollable-region-focusable"]


@dataclass
class Visit:
    """What a visit to a page found."""

    page: str
    scheme: str
    width: int
    errors: list[str] = field(default_factory=list)
    too_wide: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Where it was."""
        return f"{self.page} ({self.scheme}, {self.width} px)"


class Handler(SimpleHTTPRequestHandler):
    """Serves the site below the path at which it is published."""

    protocol_version = "HTTP/1.1"
    base = "/"

    def translate_path(self, path: str) -> str:
        """The file for a path."""
        inside = path.startswith(self.base)
        return super().translate_path(
            "/" + path[len(self.base) :] if inside else "/nowhere"
        )

    def log_message(self, *arguments) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(folder: Path, base: str) -> Iterator[str]:
    """Serve a folder as long as the block runs; gives the address."""
    handler = type("SiteHandler", (Handler,), {"base": base})
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, as long as the block runs."""
    found = list(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=found[0] if found else None, args=ARGUMENTS
            )
        except Error as error:
            raise RuntimeError(f"{NO_BROWSER}\n{error.message}") from error
        try:
            yield browser
        finally:
            browser.close()


def with_browsers(work: Callable[[Browser, str], list], items: list) -> list:
    """Do work for each item, in several browsers at the same time."""
    shares = [items[start::WORKERS] for start in range(WORKERS)]

    def do_share(share: list) -> list:
        with chromium() as browser:
            return [done for item in share for done in work(browser, item)]

    with ThreadPoolExecutor(WORKERS) as pool:
        return [done for share in pool.map(do_share, shares) for done in share]


def look_at(
    browser: Browser, address: str, name: str, ways: list, axe: str
) -> list[Visit]:
    """Visit a page, see it in every way, and note what is wrong with it.

    Bright or dark and large or small are changed while the page is open, as
    a reader's device does it. With each way come the rules of axe to apply.
    """
    visits = []
    tab = browser.new_page(reduced_motion="reduce")
    with contextlib.closing(tab):
        for scheme, (width, height), rules in ways:
            visit = Visit(name, scheme, width)
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": height})
            if not visits:
                watch(tab, address, visit.errors)
                tab.goto(f"{address}{name}")
                if any(rules != [] for *_, rules in ways):
                    tab.evaluate(axe)
            tab.evaluate(UNFOLD)
            visit.errors += tab.evaluate(NO_FORMULA)
            visit.too_wide = tab.evaluate(TOO_WIDE)
            if rules != []:
                visit.violations = tab.evaluate(AXE, rules)
            visits.append(visit)
    return visits


def watch(tab: Tab, address: str, errors: list[str]) -> None:
    """Note the errors of a page and its requests that go wrong."""

    def on_request(request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            errors.append(f"asks another host: {request.url}")

    def on_response(response) -> None:
        if response.status >= 400:
            errors.append(f"gets {response.status} from {response.url}")

    def on_console(message) -> None:
        if message.type == "error":
            errors.append(f"console: {message.text}")

    def on_failure(request) -> None:
        errors.append(f"request failed: {request.url}: {request.failure}")

    tab.on("request", on_request)
    tab.on("response", on_response)
    tab.on("requestfailed", on_failure)
    tab.on("console", on_console)
    tab.on("pageerror", lambda error: errors.append(f"error: {error}"))
