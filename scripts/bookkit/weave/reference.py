"""The reference of the package: what is in it, and where it is explained.

An entry is a public name with a docstring. The pages list the names with the
sections of the book that explain them. Below, on the site, mkdocstrings writes
the signatures and docstrings; for other generators they stand on the pages as
they stand in the code.
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
from bookkit.weave.render import render

FOLDER = "api"
HEADING = re.compile(r"#{1,6} +(.*?)(?: +#+)? *")


@dataclass(frozen=True)
class Entry:
    """A public name of the package, and the block that defines it.

    `head` is the start of its definition, down to the docstring.
    """

    path: str
    summary: str
    head: str
    module: str
    block: Block

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

    @property
    def origin(self) -> str:
        """What it says of itself: where it is explained, and its code."""
        source = f"../{listing_page(self.block.file)}#{self.block.id}"
        return f"Explained in {explain(self.block)} · [source]({source})"


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
                ast.get_docstring(node).partition("\n")[0],
                head_of(node, lines),
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


def head_of(node: ast.stmt, lines: list[Line]) -> str:
    """The start of a definition as it stands in its file.

    Below the docstring of a class comes the start of its `__init__`.
    """
    first, has_docstring = node.body[0], ast.get_docstring(node) is not None
    stop = first.end_lineno if has_docstring else first.lineno - 1
    texts = [line.text for line in lines[first_line(node) - 1 : stop]]
    parts = [textwrap.dedent("\n".join(texts))]
    for each in node.body:
        if getattr(each, "name", "") == "__init__":
            parts.append(textwrap.indent(head_of(each, lines), " " * 4))
    return "\n\n".join(parts)


@functools.cache
def explain(block: Block) -> str:
    """A link to the section of the book that holds a block."""
    from pymdownx.slugs import slugify

    chapter, cells = block.chapter, block.chapter.cells
    place = f"../{chapter.name}.md"
    words = f"chapter {chapter.number}" if chapter.number else "the preface"
    titles = [
        match[1]
        for cell in cells[: cells.index(block.cell)]
        if cell.kind == "markdown"
        for _, line, fence in mark_lines(cell.source)
        if not fence and (match := HEADING.fullmatch(line))
    ]
    if not titles:
        return f"[{words}]({place})"
    make = slugify(case="lower")  # as the table of contents does
    *before, slug = (make(re.sub(r"[`*$\\]", "", t), "-") for t in titles)
    count = before.count(slug)
    anchor = f"{slug}_{count}" if count else slug
    return f"[{words}, {titles[-1]}]({place}#{anchor})"


def link_name(
    entries: dict[str, Entry], name: str, homes: list[str], root: str = ""
) -> str:
    """A name, a link to its entry if it has one in one of these places."""
    for home in homes:
        if entry := entries.get(f"{home}.{name}"):
            return f"[`{name}`]({root}{entry.link})"
    return f"`{name}`"


# --- Pages ---


def make_reference(
    entries: dict[str, Entry], is_plain: bool = False
) -> dict[str, str]:
    """The pages of the modules, and the one that lists them.

    Those that are not plain need mkdocstrings.
    """
    modules: dict[str, list[Entry]] = {}
    for entry in entries.values():
        modules.setdefault(entry.module, []).append(entry)
    pages = {f"{FOLDER}/index.md": render("api_index.md", modules=modules)}
    for module, found in modules.items():
        values = {"entries": found, "explain": explain, "is_plain": is_plain}
        page = render("api_module.md", module=module, **values)
        pages[found[0].page] = page
    return pages
