"""Write a chapter that has run as a Jupyter notebook with its outputs."""

import re

from chapters import Cell, Chapter
from pages import link_out

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
PAGE_LINK = re.compile(r"(\]\(\d\d-[a-z0-9-]+)\.md\b")


def make_notebook(
    chapter: Chapter, outputs: list[list[dict]], repository: str = ""
) -> str:
    """The text of the notebook; `outputs` are those of its live cells.

    The ids of its cells are fixed, so that the same chapter makes the same
    notebook. `repository` is where links to files outside the book lead.
    """
    import nbformat

    found = iter(outputs)
    count, cells = 0, []
    for number, cell in enumerate(chapter.cells):
        if cell.kind == "raw":
            continue
        if cell.kind == "markdown" or cell.is_test:
            made = make_cell("markdown", text_of(cell, repository))
        else:
            count += 1
            made = code_cell(cell, next(found), count)
        cells.append({"id": cell.options.get("id", f"cell-{number}"), **made})
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    # Made of plain dictionaries, as nbformat checks each cell that it makes.
    notebook = nbformat.from_dict(
        {
            "cells": cells,
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )
    nbformat.validate(notebook)
    return nbformat.v4.writes_json(notebook) + "\n"


def make_cell(kind: str, source: str, **others) -> dict:
    """A cell of a notebook."""
    return {"cell_type": kind, "metadata": {}, "source": source} | others


def text_of(cell: Cell, repository: str) -> str:
    """A text, or a block of tests/, as a cell of Markdown.

    Links to other chapters lead to their notebooks.
    """
    if cell.kind == "code":
        return f"```python\n{cell.source}\n```"
    lines = cell.source.split("\n")
    text = "\n".join(link_out(line, repository) for line in lines)
    return PAGE_LINK.sub(r"\1.ipynb", text)


def code_cell(cell: Cell, outputs: list[dict], count: int) -> dict:
    """A code cell with its outputs, the one that ran as number `count`.

    A figure has the text that describes it.
    """
    tags = ["raises-exception"] if "expect" in cell.options else []
    made = []
    for output in outputs:
        output = dict(output)
        if output["output_type"] == "execute_result":
            output["execution_count"] = count
        if output["output_type"] == "error":
            output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
        if "alt" in cell.options and "data" in output:
            output["metadata"] = {"alt": cell.options["alt"]}
        made.append(output)
    return make_cell(
        "code",
        cell.source,
        execution_count=count,
        metadata={"tags": tags},
        outputs=made,
    )
