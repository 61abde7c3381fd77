"""Write a chapter that has run as a page: Markdown with outputs in place.

The page is what any generator can build: fenced code under plain languages,
HTML for what Markdown lacks (title bars, outputs, captions) and links between
the Markdown files. `markdown="1"` tells Python-Markdown to look inside an
element, as others do by themselves.
"""

import ast
import difflib
import functools
import html
import itertools
import json
import re
from dataclasses import dataclass, field

from bookkit.read.chapters import BookError, Cell, Chapter, Mistake
from bookkit.read.source import parse
from bookkit.run.kernels import ESCAPES
from bookkit.run.recorded import is_timing
from bookkit.run.testruns import BlockTests, ChapterTests
from bookkit.tangle.blocks import (
    IMPORTS,
    Block,
    assigned_names,
    changed_names,
    is_string,
)
from bookkit.tangle.methods import find_extend
from bookkit.tangle.notebooks import link_out
from bookkit.tangle.output import Output
from bookkit.weave.listing import listing_page
from bookkit.weave.prose import mark_lines
from bookkit.weave.reference import Entry, find_entries, link_name
from bookkit.weave.render import render
from bookkit.weave.terms import Linker, Term

FIGURE = "image/svg+xml"
MANY = 4  # names in a title bar
ANSWER = re.compile(r"<details\b.*?</details\b", re.DOTALL)
WORDS_OF_LINE = 10  # a line of code takes as long to read as these
LONG = 88  # characters; a longer line of output does not fit on any screen


@dataclass(frozen=True)
class Site:
    """What all pages need: what the chapters make, and where links lead.

    `repository` is where links to files outside the book lead, `terms` are
    those of the glossary.
    """

    book: Output
    repository: str = ""
    terms: list[Term] = field(default_factory=list)

    @functools.cached_property
    def entries(self) -> dict[str, Entry]:
        """The entries of the API reference."""
        return find_entries(self.book)

    @functools.cached_property
    def placed(self) -> set[str]:
        """The ids of the blocks that have a line of their own in a file."""
        lines = itertools.chain(*self.book.files.values())
        return {line.origin.block for line in lines if line.origin}


@dataclass
class Page:
    """A page under way: its parts, and its figures by file name."""

    chapter: Chapter
    site: Site
    conditions: dict[str, str]
    tests: ChapterTests
    parts: list[str] = field(default_factory=list)
    figures: dict[str, bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The Markdown of the page."""
        return "\n\n".join(part.rstrip() for part in self.parts) + "\n"


def make_page(
    chapter: Chapter,
    outputs: list[list[dict]],
    conditions: dict[str, str],
    site: Site,
    tests: ChapterTests,
) -> Page:
    """Make the page of a chapter.

    `outputs` are those of its live cells, `conditions` say where its timings
    were measured, `tests` are what came of its tests.
    """
    page = Page(chapter, site, conditions, tests)
    page.parts.append(front_matter(chapter, tests))
    blocks = {id(block.cell): block for block in site.book.blocks}
    linker = Linker(chapter, site.terms, site.entries)
    found = iter(outputs)
    for cell in chapter.cells:
        if cell.kind == "markdown":
            text = linker.link(cell.source)
            page.parts.append(make_text(text, site.repository))
        elif cell.kind == "code":
            page.parts.append(make_code(page, cell, blocks.get(id(cell))))
            if not cell.is_test:
                add_outputs(page, cell, next(found))
    if tests.conditions:
        page.parts.append(measured("Tests timed", tests.conditions))
    return page


# --- Text ---


def front_matter(chapter: Chapter, tests: ChapterTests) -> str:
    """The front matter, the number of the chapter in its title."""
    known = chapter.front_matter
    title = known.get("title", chapter.slug.replace("-", " ").capitalize())
    number = f"{chapter.number}. " if chapter.number else ""  # the preface
    options = {"title": number + title}
    options |= {k: known[k] for k in ("description", "kind") if k in known}
    options["minutes"] = reading_minutes(chapter, tests)
    lines = [f"{key}: {json.dumps(text)}" for key, text in options.items()]
    return "\n".join(["---", *lines, "---"])


def make_text(text: str, repository: str = "") -> str:
    """Text for the site, from text for GitHub.

    Folded answers say that they hold Markdown, fences lose what is only for
    jupytext, and links out of the book go to the repository.
    """
    lines = []
    for number, line, fence in mark_lines(text):
        if not fence:
            line = line.replace("<details>", '<details markdown="1">')
            line = link_out(line, repository)
        elif number == fence.line:
            line = line.replace(" .noeval", "")
        lines.append(line)
    return "\n".join(lines)


def reading_minutes(chapter: Chapter, tests: ChapterTests) -> int:
    """How long it takes to read a chapter, in steps of five minutes.

    Text at 200 words a minute, code at 20 lines. Only what is shown counts:
    of tests their names, of answers nothing. Exercises do not count either.
    """
    parts = [
        result.sentence
        for block in tests.blocks.values()
        for result in block.results
    ]
    for cell in chapter.cells:
        if cell.kind == "markdown":
            parts.append(cell.source)
        elif "exercise" not in cell.options and not is_folded(cell):
            lines = [line for line in cell.source.split("\n") if line.strip()]
            parts.append("word " * WORDS_OF_LINE * len(lines))
    words = len(ANSWER.sub("", "\n".join(parts)).split())
    return max(5, 5 * round(words / 1000))


# --- Code ---


def make_code(page: Page, cell: Cell, block: Block | None) -> str:
    """The code of a cell, with a title bar if it goes into a file."""
    return render(
        "code.md",
        cell=cell,
        code=fenced(cell.source, "python"),
        imports=imported_modules(cell),
        block=block,
        **(about_block(page, block) if block else {}),
    )


def about_block(page: Page, block: Block) -> dict:
    """What its page says about a block: file, tests, what it replaces."""
    site, tests = page.site, page.tests.blocks.get(block.id, BlockTests())
    blocks = site.book.blocks
    replaced = [each for each in blocks if each.id in block.replaces]
    return {
        "file": file_link(site, block),
        "about": describe(site, block),
        "changes": {old: make_diff(old, block) for old in replaced},
        "newer": [each for each in blocks if block.id in each.replaces],
        "tests": tests,
        "duration": duration(tests.seconds),
        # What is in no class comes first, where no class seems to hold it.
        "results": sorted(tests.results, key=lambda each: each.group != ""),
    }


def duration(seconds: float | None) -> str:
    """How long tests took, if the page can say: " in 30 ms"."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f" in {max(1000 * seconds, 1):.0f} ms"
    return f" in {seconds:.1f} s"


def fenced(text: str, language: str) -> str:
    """A fenced block, with more backticks than there are in the text."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    marker = "`" * max(3, longest + 1)
    return f"{marker}{language}\n{text}\n{marker}"


def file_link(site: Site, block: Block) -> str:
    """The file of a block, a link to its place there if it has one."""
    link = f"[`{block.file}`]({listing_page(block.file)}#{block.id})"
    return link if block.id in site.placed else f"`{block.file}`"


def describe(site: Site, block: Block) -> str:
    """What a block adds to its file: "adds `exp`, `log`".

    Its tests are listed below, so that only their classes are named here.
    """
    body, names = block.tree.body, defined_names(block)
    shown = names
    if block.cell.is_test:
        shown = [n for n in names if not n.startswith("test_")]
        shown = [name.partition(".test_")[0] for name in shown]
    if shown:
        homes = [site.book.public_module(block.file)]
        links = [link_name(site.entries, name, homes) for name in shown]
        return some_of("adds", links)
    grown = [name for node in body for name in changed_names(node)]
    if grown and not names:
        return some_of("adds to", [f"`{name}`" for name in grown])
    is_import = any(isinstance(node, IMPORTS) for node in body)
    return "imports" if is_import and not names else ""


def some_of(verb: str, names: list[str]) -> str:
    """The first of many names, and how many more there are."""
    names = list(dict.fromkeys(names))
    if len(names) > MANY:
        names = [*names[: MANY - 1], f"{len(names) - MANY + 1} more"]
    return f"{verb} {', '.join(names)}"


def defined_names(block: Block) -> list[str]:
    """The names a block defines; of methods with their class."""
    names = []
    for node in block.tree.body:
        extend = find_extend(node)
        if extend is None:
            names += assigned_names(node)
        else:
            names.append(f"{ast.unparse(extend.args[0])}.{node.name}")
    return names


def is_folded(cell: Cell) -> bool:
    """Whether the source of a cell is shown on a click only."""
    return cell.is_test or bool(imported_modules(cell))


def imported_modules(cell: Cell) -> list[str]:
    """The modules that a cell imports, if it does nothing else."""
    try:
        body = parse(cell.source).body
    except SyntaxError:  # a magic of the notebook
        return []
    names: list[str] = []
    for node in body:
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
        elif not is_string(node):
            return []
    return list(dict.fromkeys(names))


def make_diff(old: Block, new: Block) -> str:
    """What changed from a block to the one that replaces it."""
    sources = (each.cell.source.split("\n") for each in (old, new))
    lines = list(difflib.unified_diff(*sources, n=2, lineterm=""))
    return fenced("\n".join(lines[2:]), "diff")


# --- Outputs ---


def add_outputs(page: Page, cell: Cell, outputs: list[dict]) -> None:
    """Add what a cell printed, raised and drew."""
    for output in outputs:
        data = output.get("data", {"text/plain": ""})
        if FIGURE in data:
            add_figure(page, cell, data[FIGURE])
        elif "text/plain" in data:
            page.parts.append(make_output(output))
        else:
            message = f"shows {', '.join(data)}; pages hold text and SVG"
            raise BookError([Mistake(page.chapter.path, cell.fence, message)])
    if is_timing(cell) and outputs:
        page.parts.append(measured("Measured", page.conditions))


def measured(what: str, conditions: dict[str, str]) -> str:
    """A line that says where and with what something was measured."""
    text = "{} on {machine}, with Python {python}, NumPy {numpy} and {blas}."
    text = html.escape(text.format(what, **conditions))
    return f'<p class="dlfs-measured">{text}</p>'


def make_output(output: dict) -> str:
    """A box with text that was printed, or that of an error."""
    kind, text = "", output.get("text", "")
    if output["output_type"] == "error":
        kind = " dlfs-error"
        text = f"{output['ename']}: {output['evalue']}"
    elif output["output_type"] == "stream" and output["name"] == "stderr":
        kind = " dlfs-stderr"
    elif "data" in output:
        text = output["data"].get("text/plain", "")
    text = ESCAPES.sub("", text).rstrip("\n")
    if not kind and max(map(len, text.split("\n"))) > LONG:
        kind = " dlfs-long"
    # A line of backticks would be taken for a fence.
    text = html.escape(text, quote=False).replace("`", "&#96;")
    return f'<pre class="dlfs-output{kind}" tabindex="0">{text}</pre>'


def add_figure(page: Page, cell: Cell, data: str) -> None:
    """Add a figure: a file of its own, named by chapter and number."""
    if "alt" not in cell.options:
        message = 'draws a figure; describe it for the blind: alt="..."'
        raise BookError([Mistake(page.chapter.path, cell.fence, message)])
    name = f"figures/{page.chapter.name}-{len(page.figures) + 1}.svg"
    page.figures[name] = data.encode()
    page.parts.append(
        render(
            "figure.md",
            name=name,
            alt=re.sub(r"([\\\[\]_*`$<&])", r"\\\1", cell.options["alt"]),
            caption=cell.options.get("caption"),
            is_photograph="photographs" in cell.options.get("tags", []),
        )
    )
