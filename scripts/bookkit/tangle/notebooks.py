"""Write a chapter as a Jupyter notebook, with outputs if it has run."""

import re
from pathlib import Path
from string import Template

from bookkit.read.chapters import Cell, Chapter

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
BRANCH = "notebooks"  # of the repository; the site's workflow writes it
COLAB = "https://colab.research.google.com/github/"
NEEDS = {  # of the package, and of the tangler; each with its module
    **{x: x for x in ("matplotlib", "numpy", "threadpoolctl", "tqdm")},
    "pyyaml": "yaml",
}
START = Path(__file__).with_name("notebook_start.md")
PAGE_LINK = re.compile(r"(\]\(\d\d-[a-z0-9-]+)\.md\b")
README_LINK = re.compile(r"\[([^\]]*)\]\(\.\./([^)]*)\)")


def make_notebook(
    chapter: Chapter,
    outputs: list[list[dict]],
    repository: str = "",
    before: Chapter | None = None,
) -> str:
    """The text of the notebook; `outputs` are those of its live cells, if any.

    The ids of its cells are fixed, so that the same chapter makes the same
    notebook. `repository` is where links to files outside the book lead, and
    `before` the chapter whose package this one runs on.
    """
    import nbformat

    found = iter(outputs)
    count, cells = 0, []
    for number, cell in enumerate(chapter.cells, 1):
        if cell.kind == "markdown" or cell.is_test:
            made = make_cell("markdown", text_of(cell, repository))
        else:
            if not count and before:
                cells += start_cells(before, repository)
            count += 1
            made = code_cell(cell, next(found, []), count)
        cells.append({"id": cell.options.get("id", f"cell-{number}"), **made})
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    # Made of plain dictionaries, as nbformat checks each cell that it makes.
    form = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata}
    notebook = nbformat.from_dict(form | {"cells": cells})
    nbformat.validate(notebook)
    return nbformat.v4.writes_json(notebook) + "\n"


def start_cells(before: Chapter, repository: str) -> list[dict]:
    """The cells that make the package as it is after the chapter before."""
    where = "Keep this notebook in a folder of that copy."
    if repository:
        where = "It looks for the copy around this notebook, and if there is\n"
        where += "none, as on Colab, it fetches one."
    start = Template(START.read_text(encoding="utf-8"))
    values = {"where": where, "repository": repository, "needs": NEEDS}
    text = start.substitute(values, last=before.number)
    text, _, code = text.removesuffix("\n```\n").partition("\n\n```python\n")
    started = make_cell("code", code, execution_count=None, outputs=[])
    return [
        {"id": "before-you-start", **make_cell("markdown", text)},
        {"id": "start", **started},
    ]


def colab_link(repository: str, name: str) -> str:
    """Where Colab opens a notebook, if it can: it reads those on GitHub."""
    path = repository.removeprefix("https://github.com/")
    path = path.strip("/").removesuffix(".git")
    link = f"{COLAB}{path}/blob/{BRANCH}/{name}.ipynb"
    return link if repository.startswith("https://github.com/") else ""


def make_cell(kind: str, source: str, **others) -> dict:
    """A cell of a notebook."""
    return {"cell_type": kind, "metadata": {}, "source": source} | others


def link_out(text: str, repository: str) -> str:
    """Turn links to files outside the book into ones that lead there."""
    target = rf"[\1]({repository}/blob/main/\2)" if repository else r"\1"
    return README_LINK.sub(target, text)


def text_of(cell: Cell, repository: str) -> str:
    """A text, or a block of tests/, as a cell of Markdown.

    Links to other chapters lead to their notebooks.
    """
    if cell.kind == "code":
        return f"```python\n{cell.source}\n```"
    return PAGE_LINK.sub(r"\1.ipynb", link_out(cell.source, repository))


def code_cell(cell: Cell, outputs: list[dict], count: int) -> dict:
    """A code cell with its outputs, the one that ran as number `count`.

    A figure has the text that describes it.
    """
    tags = [*cell.options.get("tags", [])]
    tags += ["raises-exception"] * ("expect" in cell.options)
    made = [dict(output) for output in outputs]
    for output in made:
        if output["output_type"] == "execute_result":
            output["execution_count"] = count
        if output["output_type"] == "error":
            output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
        if "alt" in cell.options and "data" in output:
            output["metadata"] = {"alt": cell.options["alt"]}
    others = {"execution_count": count, "outputs": made}
    return make_cell("code", cell.source, metadata={"tags": tags}, **others)
