"""The reference of the package: what is in it, and where it is explained.

An entry is a public name with a docstring. On the site mkdocstrings writes the
signatures and docstrings; the pages here tell it which module to show, and
list the names with the sections of the book that explain them. For other
generators the pages hold everything themselves, in plain Markdown.
"""

import ast
import functools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from bookkit.tangle.assemble import module_name
from bookkit.tangle.blocks import DEFINITIONS, Block, Line, first_line
from bookkit.tangle.output import Output
from bookkit.weave.listing import listing_page
from bookkit.weave.prose import mark_lines

FOLDER = "api"
ENTRIES: dict[str, "Entry"] = {}  # those of mkdocstrings, by home
HEADING = re.compile(r"#{1,6} +(.*?)(?: +#+)? *")
INTRODUCTION = """\
---
description: Every public class and function of the package.
---

# API reference

The package, module by module. Each entry says which section of the book
explains it, and leads to its code."""


@dataclass(frozen=True)
class Entry:
    """A public name of the package, and the block that defines it."""

    path: str
    docstring: str
    signature: str
    module: str
    block: Block

    @property
    def summary(self) -> str:
        """The first line of its docstring, for a cell of a table."""
        return self.docstring.split("\n")[0].replace("|", "\\|")

    @property
    def page(self) -> str:
        """The page it stands on: "api/nn.md"."""
        return f"{FOLDER}/{self.module.removeprefix('dlfs.')}.md"

    @property
    def home(self) -> str:
        """Its full name in the room it is in: "dlfs.nn.dense.Linear"."""
        return f"{module_name(self.block.file)}.{self.name}"

    @property
    def link(self) -> str:
        """Its place: "api/nn.md#dlfs.nn.Linear"."""
        return f"{self.page}#{self.path}"

    @property
    def name(self) -> str:
        """Its name in its module: "Linear.forward"."""
        return self.path.removeprefix(f"{self.module}.")


# --- Entries ---


def find_entries(output: Output) -> dict[str, Entry]:
    """The entries of all modules, by full name: "dlfs.nn.Linear"."""
    blocks = {block.id: block for block in output.blocks}
    entries = {}
    for file, lines in output.files.items():
        if not file.startswith("dlfs/"):
            continue
        module = output.public_module(file)
        tree = ast.parse(output.text(file))
        for name, node in documented(tree.body):
            origin = lines[node.lineno - 1].origin
            entries[f"{module}.{name}"] = Entry(
                f"{module}.{name}",
                ast.get_docstring(node),
                signature(node, lines),
                module,
                blocks[origin.block],
            )
    return entries


def documented(
    body: list[ast.stmt], within: str = ""
) -> Iterator[tuple[str, ast.stmt]]:
    """The public definitions with a docstring, those in classes too."""
    for node in body:
        if not isinstance(node, DEFINITIONS) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node):
            yield within + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, f"{within}{node.name}.")


def signature(node: ast.stmt, lines: list[Line]) -> str:
    """The head of a definition as it stands in its file.

    Under the head of a class stands that of its `__init__`.
    """
    head = lines[first_line(node) - 1 : node.body[0].lineno - 1]
    head = textwrap.dedent("\n".join(line.text for line in head))
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, DEFINITIONS) and each.name == "__init__":
                start = textwrap.indent(signature(each, lines), " " * 4)
                return f"{head}\n{start}"
    return head


# --- Sections ---


@functools.cache
def section_of(block: Block) -> tuple[str, str]:
    """The heading above a block, and its anchor on the page."""
    from pymdownx.slugs import slugify

    cells = block.chapter.cells
    titles = [
        match[1]
        for cell in cells[: cells.index(block.cell)]
        if cell.kind == "markdown"
        for _, line, fence in mark_lines(cell.source)
        if not fence and (match := HEADING.fullmatch(line))
    ]
    if not titles:
        return "", ""
    make = slugify(case="lower")  # as the table of contents does
    *before, slug = (make(re.sub(r"[`*$\\]", "", t), "-") for t in titles)
    count = before.count(slug)
    return titles[-1], f"{slug}_{count}" if count else slug


def explain(entry: Entry) -> str:
    """A link to the section that explains an entry."""
    title, anchor = section_of(entry.block)
    chapter = entry.block.chapter
    words = f"chapter {chapter.number}" if chapter.number else "the preface"
    if not title:
        return f"[{words}](../{chapter.name}.md)"
    return f"[{words}, {title}](../{chapter.name}.md#{anchor})"


def origin(entry: Entry) -> str:
    """What an entry says of itself: where it is explained, and its code."""
    page = listing_page(entry.block.file)
    source = f"[source](../{page}#{entry.block.id})"
    return f"Explained in {explain(entry)} · {source}"


# --- Pages ---


def make_reference(
    entries: dict[str, Entry], is_plain: bool = False
) -> dict[str, str]:
    """The pages of the modules, and the one that lists them.

    Those that are not plain need mkdocstrings, and these `ENTRIES`.
    """
    ENTRIES.clear()
    ENTRIES.update({each.home: each for each in entries.values()})
    modules: dict[str, list[Entry]] = {}
    for entry in entries.values():
        modules.setdefault(entry.module, []).append(entry)
    pages = {f"{FOLDER}/index.md": make_index(modules)}
    for module, found in modules.items():
        pages[found[0].page] = make_module(module, found, is_plain)
    return pages


def make_index(modules: dict[str, list[Entry]]) -> str:
    """The page that lists the modules, each with its names."""
    parts = [INTRODUCTION]
    for module, entries in modules.items():
        page = entries[0].page.removeprefix(f"{FOLDER}/")
        names = ", ".join(
            f"[`{each.name}`]({page}#{each.path})"
            for each in sorted(entries, key=lambda each: each.name.lower())
            if "." not in each.name
        )
        parts.append(f"## [`{module}`]({page})\n\n{names}")
    return "\n\n".join(parts) + "\n"


def make_module(module: str, entries: list[Entry], is_plain: bool) -> str:
    """The page of a module."""
    shown = [each for each in entries if "." not in each.name]
    rows = "\n".join(
        f"| [`{each.name}`](#{each.path}) | {each.summary} | {explain(each)} |"
        for each in shown
    )
    members = ", ".join(each.name for each in shown)
    details = f"::: {module}\n    options:\n      members: [{members}]\n"
    if is_plain:
        details = "\n".join(map(make_entry, entries))
    return f"""\
# `{module}`

| name | what it is | explained in |
|---|---|---|
{rows}

{details}"""


def make_entry(entry: Entry) -> str:
    """An entry in plain Markdown."""
    level = "#" * (2 + entry.name.count("."))
    summary, _, rest = entry.docstring.partition("\n\n")
    parts = [
        f'<a id="{entry.path}"></a>',
        f"{level} `{entry.name}`",
        f"```python\n{entry.signature}\n```",
        summary,
        origin(entry),
    ]
    parts += [list_items(part) for part in rest.split("\n\n") if part]
    return "\n\n".join(parts) + "\n"


def list_items(paragraph: str) -> str:
    """A paragraph of a docstring; "Args:" and the like become a list."""
    title, _, items = paragraph.partition("\n")
    if not (title.endswith(":") and items.startswith(" ")):
        return paragraph
    lines = [
        f"  {line.strip()}" if line.startswith(" ") else f"* {line}"
        for line in textwrap.dedent(items).split("\n")
    ]
    return f"**{title}**\n\n" + "\n".join(lines)
