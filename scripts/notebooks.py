"""Write a chapter that has run as a Jupyter notebook with its outputs."""

import re

from chapters import Cell, Chapter

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
PAGE_LINK = re.compile(r"(\]\(\d\d-[a-z0-9-]+)\.md\b")


def make_notebook(chapter: Chapter, outputs: list[list[dict]]) -> str:
    """The text of the notebook; `outputs` are those of its live cells.

    The ids of its cells are fixed, so that the same chapter makes the same
    notebook.
    """
    import nbformat

    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    found = iter(outputs)
    count = 0
    for number, cell in enumerate(chapter.cells):
        if cell.kind == "raw":
            continue
        if cell.kind == "markdown" or cell.is_test:
            made = nbformat.v4.new_markdown_cell(text_of(cell))
        else:
            count += 1
            made = code_cell(cell, next(found), count)
        made["id"] = cell.options.get("id", f"cell-{number}")
        notebook.cells.append(made)
    return nbformat.writes(notebook) + "\n"


def text_of(cell: Cell) -> str:
    """A text, or a block of tests/, as a cell of Markdown.

    Links to other chapters lead to their notebooks.
    """
    if cell.kind == "code":
        return f"```python\n{cell.source}\n```"
    return PAGE_LINK.sub(r"\1.ipynb", cell.source)


def code_cell(cell: Cell, outputs: list[dict], count: int):
    """A code cell with its outputs, the one that ran as number `count`."""
    import nbformat

    tags = ["raises-exception"] if "expect" in cell.options else []
    made = nbformat.v4.new_code_cell(
        cell.source, execution_count=count, metadata={"tags": tags}
    )
    for output in outputs:
        output = nbformat.from_dict(output)
        if output.output_type == "execute_result":
            output["execution_count"] = count
        if output.output_type == "error":
            output["traceback"] = [f"{output.ename}: {output.evalue}"]
        made.outputs.append(output)
    return made
