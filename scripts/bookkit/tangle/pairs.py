"""Write a chapter as a script (py:percent), and as a notebook.

The pair is made from the chapter, never the other way. The script begins with
a cell that puts the package as it is before the chapter first on the path, so
that `python book/py/03-tensors.py` runs as it stands. Blocks of tests/ are
only shown: they import what the chapter makes, and pytest runs them.
"""

import re
from pathlib import Path
from string import Template

from bookkit.read.chapters import Cell, Chapter
from bookkit.read.mistakes import raise_any
from bookkit.tangle.blocks import Block, Line
from bookkit.tangle.disk import keep_snapshot, snapshot_folder, write_files
from bookkit.tangle.methods import indent, move_lines
from bookkit.tangle.notebooks import make_notebook
from bookkit.tangle.output import Output, find_syntax_error

START = Path(__file__).with_name("script_start.txt")


def write_pair(
    root: Path,
    book: Path,
    chapter: Chapter,
    before: Output,
    notebook: bool = False,
) -> Path:
    """Write the pair of a chapter, and the snapshot it runs on.

    `before` is what the chapters before it make. Returns the path of the
    script.
    """
    keep_snapshot(root, before)
    script = f"{book.name}/py/{chapter.name}.py"
    lines = pair_lines(chapter, snapshot_folder(before.chapters))
    files = {script: "".join(f"{line.text}\n" for line in lines)}
    if notebook:
        last = before.chapters[-1] if before.chapters else None
        text = make_notebook(chapter, [], before=last)
        files[f"{book.name}/ipynb/{chapter.name}.ipynb"] = text
    write_files(book.parent, files)
    return book.parent / script


def pair_lines(chapter: Chapter, snapshot: str) -> list[Line]:
    """The lines of the script, with their origins in the chapter.

    Raises `BookError` if a cell has a syntax error.
    """
    start = Template(START.read_text(encoding="utf-8"))
    text = start.substitute(path=chapter.path, snapshot=snapshot)
    lines = [Line(each) for each in text.splitlines()]
    for cell in chapter.cells:
        if cell.kind == "code" and not cell.is_test:
            lines += [Line(""), Line("# %%"), *cell_lines(chapter, cell)]
        else:
            texts = [f"# {text}".rstrip() for text in cell.source.split("\n")]
            lines += map(Line, ["", "# %% [markdown]", *texts])
    raise_any(find_syntax_error(lines, f"{chapter.name}.py"))
    return lines


def cell_lines(chapter: Chapter, cell: Cell) -> list[Line]:
    """The lines of a cell as they are in the script."""
    lines = Block(chapter, cell).lines
    try:
        moved = move_lines(lines, indent)
    except SyntaxError:  # what only a notebook understands is left out
        return [
            line._replace(text=re.sub("^(?=[%!])", "# ", line.text))
            for line in lines
        ]
    if "expect" not in cell.options:
        return lines
    arguments = f'"{cell.options["expect"]}", "{chapter.path}:{cell.fence}"'
    return [Line(f"with __expect({arguments}):"), *moved]
