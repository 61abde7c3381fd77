"""Write a chapter as a Jupyter notebook, with outputs if it has run."""

import re

from bookkit.read.chapters import Cell, Chapter

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
BRANCH = "notebooks"  # of the repository; the site's workflow writes it
COLAB = "https://colab.research.google.com/github/"
NEEDS = {  # of the package, each with the module that it brings
    **{
        name: name for name in ("matplotlib", "numpy", "threadpoolctl", "tqdm")
    },
    "pyyaml": "yaml",  # of the tangler
}
START_TEXT = """\
**Before you start:** this chapter builds on what the chapters before it have
made. The next cell makes that package, from a copy of the book's repository,
in a few seconds.{where}"""
WHERE_FETCHED = """ It looks for the copy around this notebook, and if there is
none, as on Colab, it fetches one."""
WHERE_FOUND = """ Keep this notebook in a folder of that copy."""
START = """\
def _start(repository="{repository}", last_chapter={last}):
    \"\"\"Make the package as it is after a chapter, to be imported.\"\"\"
    import subprocess
    import sys
    from importlib.util import find_spec
    from pathlib import Path

    def run(*command):
        subprocess.run(list(map(str, command)), check=True)

    here = Path.cwd().resolve()
    places = (here, here / "dlfs-book", *here.parents)
    copies = [x for x in places if (x / "scripts/tangle.py").exists()]
    book = copies[0] if copies else here / "dlfs-book"
    if not copies:
        if not repository:
            raise FileNotFoundError("no copy of the book's repository here")
        run("git", "clone", "--quiet", "--depth", 1, repository, book)
    needs = {needs}
    missing = [name for name in needs if not find_spec(needs[name])]
    if missing:
        run(sys.executable, "-m", "pip", "install", "--quiet", *missing)
    package = book / "build/snapshots/{last:02}"
    tangle = (sys.executable, book / "scripts/tangle.py")
    run(*tangle, "--until", last_chapter, "--out", package)
    sys.path.insert(0, str(package))


_start()"""
PAGE_LINK = re.compile(r"(\]\(\d\d-[a-z0-9-]+)\.md\b")
README_LINK = re.compile(r"\[([^\]]*)\]\(\.\./([^)]*)\)")


def make_notebook(
    chapter: Chapter,
    outputs: list[list[dict]],
    repository: str = "",
    before: Chapter | None = None,
) -> str:
    """The text of the notebook; `outputs` are those of its live cells.

    The ids of its cells are fixed, so that the same chapter makes the same
    notebook. `repository` is where links to files outside the book lead, and
    `before` the chapter whose package this one runs on.
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
            if not count and before:
                cells += start_cells(before, repository)
            count += 1
            made = code_cell(cell, next(found), count)
        cells.append({"id": cell.options.get("id", f"cell-{number}"), **made})
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    # Made of plain dictionaries, as nbformat checks each cell that it makes.
    form = {"nbformat": 4, "nbformat_minor": 5}
    notebook = nbformat.from_dict(
        form | {"cells": cells, "metadata": metadata}
    )
    nbformat.validate(notebook)
    return nbformat.v4.writes_json(notebook) + "\n"


def start_cells(before: Chapter, repository: str) -> list[dict]:
    """The cells that make the package as it is after the chapter before."""
    text = START_TEXT.format(
        where=WHERE_FETCHED if repository else WHERE_FOUND
    )
    code = START.format(repository=repository, last=before.number, needs=NEEDS)
    started = make_cell("code", code, execution_count=None, outputs=[])
    return [
        {"id": "before-you-start", **make_cell("markdown", text)},
        {"id": "start", **started},
    ]


def colab_link(repository: str, name: str) -> str:
    """Where Colab opens a notebook, if it can: it reads those on GitHub."""
    owner, found, path = repository.partition("https://github.com/")
    if owner or not found:
        return ""
    path = path.strip("/").removesuffix(".git")
    return f"{COLAB}{path}/blob/{BRANCH}/{name}.ipynb"


def make_cell(kind: str, source: str, **others) -> dict:
    """A cell of a notebook."""
    return {"cell_type": kind, "metadata": {}, "source": source} | others


def link_out(line: str, repository: str) -> str:
    """Turn links to files outside the book into ones that lead there."""
    target = rf"[\1]({repository}/blob/main/\2)" if repository else r"\1"
    return README_LINK.sub(target, line)


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
    tags = [*cell.options.get("tags", [])]
    tags += ["raises-exception"] * ("expect" in cell.options)
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
