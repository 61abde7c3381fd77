"""What readers do: search, tick the checklist, read at night, print."""

import pytest
from browse import PHONE, chromium
from built import Site
from playwright.sync_api import Page as Tab
from playwright.sync_api import TimeoutError

from conftest import complain

# What a reader types, and what has to come first: a term of the glossary, the
# section of a chapter, or the entry of the reference.
EXPECTED = {
    "Adam": "glossary/?term=adam",
    "ReLU": "glossary/?term=rectified-linear-unit-relu",
    "backward": "glossary/?term=backward-pass",
    "broadcasting": "glossary/?term=broadcasting",
    "chain rule": "glossary/?term=chain-rule",
    "checkpoint": "glossary/?term=checkpoint",
    "cross entropy": "glossary/?term=cross-entropy",
    "dropout": "glossary/?term=dropout",
    "learning rate": "glossary/?term=learning-rate",
    "mini-batch": "glossary/?term=mini-batch",
    "overfitting": "glossary/?term=overfitting",
    "seed": "glossary/?term=seed",
    "softmax": "glossary/?term=softmax",
    "validation set": "glossary/?term=validation-set",
    "weight decay": "glossary/?term=weight-decay",
    "what is a tensor": "glossary/?term=tensor",
    "Where is the confusion matrix?": "glossary/?term=confusion-matrix",
    "overfiting": "glossary/?term=overfitting",
    "sofmax": "glossary/?term=softmax",
    "optimzer": "glossary/?term=optimiser",
    "install": "00-preface/#how-to-run-it",
    "install windows": "00-preface/#how-to-run-it",
    "how do I run it": "00-preface/#how-to-run-it",
    "DataLoader": "10-data/#batches",
    "MNIST download": "10-data/#the-full-set-from-somebody-elses-computer",
    "unpacked file": "16-files-of-strangers/#what-is-inside-decides",
    "reference cycle": "glossary/?term=reference-cycle",
    "numerical stability": "08-losses/#log-sum-exp",
    "torch.nn.Linear": "api/nn/#dlfs.nn.Linear",
    "nn.CrossEntropyLoss": "api/nn/#dlfs.nn.CrossEntropyLoss",
    "optim.Adam": "api/optim/#dlfs.optim.Adam",
    "torch.cat": "api/autograd/#dlfs.autograd.cat",
}
ALL_FIGURES = """() => [...document.querySelectorAll("article img")]
  .every(each => each.complete && each.naturalWidth)"""
PRINTED = """() => {
  const failures = []
  const shown = each => getComputedStyle(each).display !== "none" &&
    each.getClientRects().length
  for (const name of [".md-header", ".md-sidebar", ".md-tabs", ".md-search",
                      ".md-footer__inner", ".md-content__button", ".md-top"])
    if ([...document.querySelectorAll(name)].some(shown))
      failures.push(`${name} is printed`)
  const light = color => color.match(/[\\d.]+/g).slice(0, 3)
    .reduce((sum, each) => sum + Number(each), 0) / 3
  const paper = getComputedStyle(document.body).backgroundColor
  if (!/, 0\\)$/.test(paper) && light(paper) < 250)
    failures.push(`the paper is not white: ${paper}`)
  const ink = getComputedStyle(document.querySelector("article p")).color
  if (light(ink) > 100) failures.push(`the text is not dark: ${ink}`)
  const cut = [...document.querySelectorAll("article pre, article pre > code")]
    .filter(each => each.scrollWidth > each.clientWidth + 1 && shown(each))
  if (cut.length) failures.push(`${cut.length} blocks of code are cut off: ` +
    cut[0].textContent.trim().slice(0, 50))
  return failures
}"""
BEFORE_PRINT = "dispatchEvent(new Event('beforeprint'))"
# Which folds are open when the page goes to the printer.
NOTE_PRINTED = """() => addEventListener("beforeprint", () => {
  window.printed = [...document.querySelectorAll("details.dlfs-source")]
    .map(each => each.open)
})"""
SCHEME = "document.body.getAttribute('data-md-color-scheme')"
PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def tab(address: str, site: Site):
    """A tab of a fresh browser, on the home page."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1360, "height": 900})
        tab.goto(address + site.base)
        yield tab


FIRST_ARE = """expected => {
  const links = [...document.querySelectorAll(".md-search-result__link")]
  // A page stands above its sections, the best of which is its second line.
  return links.slice(0, 2).some(link => {
    const url = new URL(link.href)
    url.searchParams.delete("h")
    return url.href.endsWith("/" + expected)
  })
}"""


def test_search_finds_first_what_a_reader_expects(tab: Tab):
    failures = []
    box = tab.locator("[data-md-component=search-query]")
    for query, place in EXPECTED.items():
        tab.reload()
        box.fill(query)
        box.press("End")
        try:
            tab.wait_for_function(FIRST_ARE, arg=place, timeout=5_000)
        except TimeoutError:
            link = tab.locator(".md-search-result__link").first
            found = link.get_attribute("href") if link.count() else "nothing"
            failures.append(f"{query}: {found}, not {place}")
    complain("searches that put something else first", failures)


def test_a_term_that_was_found_is_shown(tab: Tab):
    tab.goto(f"{tab.url}glossary/?term=validation-set")
    tab.wait_for_url("**/glossary/?term=validation-set#validation-set")
    term = tab.locator("#validation-set")
    top = term.evaluate("each => each.getBoundingClientRect().top")
    assert 0 < top < 900


def test_the_checklist_remembers(tab: Tab, site: Site):
    """What is ticked stays ticked, and nothing else is."""
    pages = [page for page in site.pages if "dlfs-checklist" in page.classes]
    assert pages, "no page has the checklist"
    tab.goto(tab.url.removesuffix(site.base) + pages[0].url)
    boxes = tab.locator(".dlfs-checklist input[type=checkbox]")
    for number in (0, 2):
        boxes.nth(number).check()
    tab.reload()
    ticked = [box.is_checked() for box in boxes.all()]
    assert ticked == [number in (0, 2) for number in range(len(ticked))]
    boxes.nth(0).uncheck()
    tab.reload()
    assert not boxes.nth(0).is_checked()
    assert boxes.nth(2).is_checked()


def fold_of(tab: Tab, block: str):
    """The source of a block of tests, which is folded."""
    return tab.locator(f"#code-{block} + .dlfs-tests + details")


class TestFolds:
    PAGE, BLOCK = "09-optimisers/", "test-optim-closed-walks"
    WORD = "TestClosedWalks"

    @pytest.fixture
    def page(self, tab: Tab):
        """The address of a page with tests."""
        return tab.url + self.PAGE

    def test_show_each_test_and_hide_its_source(self, tab: Tab, page: str):
        tab.goto(page)
        for bar in tab.locator(".dlfs-bar:has(.dlfs-passed)").all():
            block = bar.get_attribute("id").removeprefix("code-")
            assert fold_of(tab, block).get_attribute("open") is None
            names = tab.locator(f"#code-{block} + .dlfs-tests li")
            assert names.first.is_visible()
            assert names.first.inner_text()[0] in "\N{CHECK MARK}\N{EN DASH}"

    def test_open_and_close_by_keyboard(self, tab: Tab, page: str):
        tab.goto(page)
        fold = fold_of(tab, self.BLOCK)
        code = fold.locator("pre")
        assert not code.is_visible()
        fold.locator("summary").focus()
        tab.keyboard.press("Enter")
        code.wait_for(state="visible", timeout=5_000)
        tab.keyboard.press("Space")
        code.wait_for(state="hidden", timeout=5_000)

    def test_open_for_a_link_to_their_block(self, tab: Tab, page: str):
        tab.goto(f"{page}#code-{self.BLOCK}")
        code = fold_of(tab, self.BLOCK).locator("pre")
        code.wait_for(state="visible", timeout=5_000)
        assert tab.locator("details.dlfs-source[open]").count() == 1
        fold_of(tab, self.BLOCK).locator("summary").click()
        code.wait_for(state="hidden", timeout=5_000)
        # The same link again, on the same page.
        tab.locator(f"#code-{self.BLOCK} a[href^='#']").click()
        code.wait_for(state="visible", timeout=5_000)

    def test_open_for_what_the_search_found_in_them(self, tab: Tab):
        tab.reload()
        tab.locator("[data-md-component=search-query]").fill(self.WORD)
        first = tab.locator(".md-search-result__link").first
        first.wait_for(state="attached", timeout=20_000)
        assert self.PAGE in first.get_attribute("href")
        section = tab.locator(".md-search-result__link[href*='#']").first
        section.wait_for(state="attached", timeout=10_000)
        tab.goto(section.evaluate("each => each.href"))
        code = fold_of(tab, self.BLOCK).locator("pre")
        code.wait_for(state="visible", timeout=5_000)
        folds = tab.locator("details.dlfs-source")
        assert 1 <= folds.and_(tab.locator("[open]")).count() < folds.count()

    def test_are_open_on_paper(self, tab: Tab, page: str):
        tab.goto(page)
        tab.evaluate(NOTE_PRINTED)
        tab.pdf()
        folds = tab.locator("details.dlfs-source")
        assert tab.evaluate("printed") == [True] * folds.count()
        code = fold_of(tab, self.BLOCK).locator("pre")
        code.wait_for(state="hidden", timeout=5_000)


class TestProgress:
    BOX = ".dlfs-done input"
    TICKED = ".md-nav--primary a:has(> .dlfs-tick)"
    GO_ON = ".dlfs-go-on"

    def test_read_chapters_are_ticked_in_the_navigation(self, tab: Tab):
        home = tab.url
        for chapter in ("01-derivatives/", "03-tensors/"):
            tab.goto(home + chapter)
            tab.locator(self.BOX).check()
        tab.goto(home + "02-scalar-autograd/")
        assert not tab.locator(self.BOX).is_checked()
        ticked = tab.locator(self.TICKED)
        assert [
            link.evaluate("each => each.href") for link in ticked.all()
        ] == [
            home + "01-derivatives/",
            home + "03-tensors/",
        ]
        tab.goto(home + "03-tensors/")
        tab.locator(self.BOX).uncheck()
        assert ticked.count() == 1

    def test_the_home_page_goes_on_where_the_reader_was(self, tab: Tab):
        home = tab.url
        assert tab.locator(self.GO_ON).count() == 0  # a new reader
        tab.goto(home + "03-tensors/")
        section = tab.locator("article h2").nth(1)
        section.evaluate("each => each.scrollIntoView()")
        name = section.get_attribute("id")
        tab.goto(home)
        tab.locator(self.GO_ON).click()
        tab.wait_for_url(f"{home}03-tensors/#{name}", timeout=5_000)
        tab.locator(self.BOX).check()
        tab.goto(home)
        tab.locator(self.GO_ON).click()
        tab.wait_for_url(f"{home}04-elementwise/", timeout=5_000)

    def test_damaged_memory_is_no_memory(self, tab: Tab):
        tab.evaluate("""() => {
          localStorage.setItem("dlfs-read", "{}")
          localStorage.setItem("dlfs-place", "null")
        }""")
        errors = []
        tab.on("pageerror", lambda error: errors.append(error))
        tab.reload()
        tab.goto(tab.url + "03-tensors/")
        assert not tab.locator(self.BOX).is_checked()
        assert errors == []


class TestWorkshop:
    """Chapters that a reader of the path passes by."""

    PATH, WORKSHOP = "12-mnist/", "16-files-of-strangers/"
    NEXT = ".md-footer__link--next"

    def test_the_path_passes_it_by(self, tab: Tab):
        home = tab.url
        tab.goto(home + self.PATH)
        after = tab.locator(self.NEXT).evaluate("each => each.href")
        tab.goto(after)
        assert tab.locator(".dlfs-workshop").count() == 0
        back = tab.locator(".md-footer__link--prev")
        assert back.evaluate("each => each.href") == home + self.PATH
        tab.goto(home + self.WORKSHOP)
        goes_on = tab.locator(".dlfs-workshop a")
        assert goes_on.evaluate("each => each.href") == after
        assert tab.locator(self.NEXT).evaluate("each => each.href") == after

    def test_progress_counts_the_path(self, tab: Tab):
        home = tab.url
        for chapter in (self.PATH, self.WORKSHOP):
            tab.goto(home + chapter)
            tab.locator(TestProgress.BOX).check()
        after = tab.locator(".dlfs-workshop a").evaluate("each => each.href")
        tab.goto(home)
        go_on = tab.locator(TestProgress.GO_ON)
        assert go_on.get_attribute("title").startswith("1 of ")
        assert go_on.evaluate("each => each.href") == after


def test_the_button_makes_the_site_dark_and_that_is_remembered(tab: Tab):
    papers = []
    for scheme in ("slate", "default"):
        papers.append(tab.evaluate(PAPER))
        tab.locator("label.md-header__button[for^=__palette]:visible").click()
        tab.wait_for_function(f"{SCHEME} === '{scheme}'")
        tab.reload()
        assert tab.evaluate(SCHEME) == scheme
    assert papers[0] != papers[1]


@pytest.mark.parametrize("touch", [False, True])
def test_a_term_is_explained_where_it_stands(
    address: str, site: Site, touch: bool
):
    with chromium() as browser:
        tab = browser.new_page(has_touch=touch)
        tab.goto(f"{address}{site.base}03-tensors/")
        term = tab.locator("article a[href*='glossary/#']").first
        (term.tap if touch else term.hover)()
        tip = tab.get_by_role("tooltip")
        tip.wait_for(timeout=5_000)
        assert tip.text_content().startswith(term.text_content())
        tab.keyboard.press("Escape")
        tip.wait_for(state="detached", timeout=5_000)
        if touch:
            term.tap()  # once more: it is a link
            tab.wait_for_url("**/glossary/#*", timeout=5_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_printed(address: str, site: Site, scheme: str):
    failures = []
    with chromium() as browser:
        tab = browser.new_page(color_scheme=scheme)
        tab.set_viewport_size({"width": 700, "height": 1000})  # of paper
        for page in site.pages:
            if page.kind == "chapter":
                tab.goto(address + page.url)
                tab.wait_for_function(ALL_FIGURES, timeout=20_000)
                tab.emulate_media(media="print")
                tab.evaluate(BEFORE_PRINT)
                found = tab.evaluate(PRINTED)
                failures += [f"{page.name}: {each}" for each in found]
    complain(f"what is wrong on paper, of a {scheme} page", failures)


def test_the_phone_has_a_menu_that_opens(address: str, site: Site):
    with chromium() as browser:
        width, height = PHONE
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(address + site.base)
        tab.locator("label[for=__drawer].md-header__button").click()
        tab.locator(".md-sidebar--primary a").first.wait_for(timeout=5_000)
        tab.wait_for_function(
            "document.querySelector('.md-sidebar--primary')"
            ".getBoundingClientRect().left >= 0"
        )
