"""Write a chapter as a script (py:percent) and as a notebook.

The pair is made from the chapter, never the other way. It begins with a cell
that puts the package as it is before the chapter first on the path, so that
`python book/py/03-tensors.py` runs as it stands. Blocks of tests/ are only
shown: they import what the chapter makes, and pytest runs them.
"""

from pathlib import Path

from bookkit.read.chapters import (
    JUPYTEXT_FORMAT,
    BookError,
    Cell,
    Chapter,
    read_text,
)
from bookkit.read.source import parse
from bookkit.tangle.blocks import Line, Origin
from bookkit.tangle.disk import (
    read_generated,
    snapshot_folder,
    write_files,
    write_snapshot,
)
from bookkit.tangle.methods import indent, lines_inside_strings
from bookkit.tangle.output import Output, find_syntax_error

SCRIPT_START = '''\
# Made from {path} by scripts/chapters.py: edit the chapter, not this file.
def _start():
    """Find the package as it is before this chapter."""
    import sys
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(root / "{snapshot}"))
    sys.path.append(str(root / "scripts"))
    try:
        from bookkit.tangle.tracebacks import install_traceback_hook
    except ImportError:
        return
    install_traceback_hook(root)


_start()
del _start'''

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

NOTEBOOK_START = '''\
# Made from {path} by scripts/chapters.py: edit the chapter, not this file.
def _start():
    """Find the package as it is before this chapter."""
    import sys
    from pathlib import Path

    root = Path.cwd().resolve().parents[1]
    sys.path.insert(0, str(root / "{snapshot}"))


_start()
del _start'''


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
    snapshot = snapshot_folder(before.chapters)
    write_snapshot(root, before, root / snapshot)
    script = book / "py" / f"{chapter.name}.py"
    lines = pair_lines(book, chapter, snapshot)
    write_if_changed(book, script, "".join(f"{x.text}\n" for x in lines))
    if notebook:
        text = notebook_text(book, chapter, snapshot)
        path = book / "ipynb" / f"{chapter.name}.ipynb"
        write_if_changed(book, path, text)
    return script


def write_if_changed(book: Path, path: Path, text: str) -> None:
    """Write a file of the book unless it has this text already."""
    if read_generated(path) != text:
        file = path.relative_to(book.parent).as_posix()
        write_files(book.parent, {file: text})


def pair_lines(book: Path, chapter: Chapter, snapshot: str) -> list[Line]:
    """The lines of the script, with their origins in the chapter.

    Raises `BookError` if a cell has a syntax error.
    """
    import jupytext

    cells = [cell_lines(chapter, cell) for cell in chapter.live_cells]
    notebook = read_notebook(book, chapter)
    sources = iter(cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = "\n".join(line.text for line in next(sources))
    start = SCRIPT_START.format(path=chapter.path, snapshot=snapshot)
    add_start(notebook, start)
    text = jupytext.writes(notebook, fmt="py:percent")
    lines = add_origins(
        text, [[Line(each) for each in start.split("\n")], *cells]
    )
    mistakes = find_syntax_error(lines, f"{chapter.name}.py")
    if mistakes:
        raise BookError(mistakes)
    return lines


def notebook_text(book: Path, chapter: Chapter, snapshot: str) -> str:
    """The text of the notebook."""
    import jupytext

    notebook = read_notebook(book, chapter)
    for cell in notebook.cells:
        if "expect" in cell.metadata:
            tags = cell.metadata.get("tags", [])
            cell.metadata["tags"] = [*tags, "raises-exception"]
    start = NOTEBOOK_START.format(path=chapter.path, snapshot=snapshot)
    add_start(notebook, start)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    notebook.metadata = {"kernelspec": KERNEL}
    return jupytext.writes(notebook, fmt="ipynb") + "\n"


def read_notebook(book: Path, chapter: Chapter):
    """Read a chapter as a notebook whose code cells are its live cells.

    Blocks of tests/ become text. jupytext's version stays out of the header.
    """
    import jupytext

    text = read_text(book / f"{chapter.name}.md")
    notebook = jupytext.reads(text, fmt=JUPYTEXT_FORMAT)
    notebook.cells = [show_if_test(cell) for cell in notebook.cells]
    notebook.metadata = {
        "jupytext": {
            "cell_metadata_filter": "all",
            "notebook_metadata_filter": "-all",
        }
    }
    return notebook


def show_if_test(cell):
    """Turn a block of tests/ into text that shows it."""
    from nbformat.v4 import new_markdown_cell

    if not cell.metadata.get("file", "").startswith("tests/"):
        return cell
    return new_markdown_cell(f"~~~python\n{cell.source}\n~~~")


def add_start(notebook, source: str) -> None:
    """Put a cell before the first one, but below the front matter."""
    from nbformat.v4 import new_code_cell

    has_front_matter = [x.cell_type for x in notebook.cells[:1]] == ["raw"]
    cell = new_code_cell(source, metadata={"tags": ["remove-cell"]})
    notebook.cells.insert(int(has_front_matter), cell)


def cell_lines(chapter: Chapter, cell: Cell) -> list[Line]:
    """The lines of a cell as they are in the script."""
    name = cell.options.get("id", "")
    lines = [
        Line(text, Origin(chapter.path, number, name))
        for number, text in enumerate(cell.source.split("\n"), cell.line)
    ]
    if "expect" in cell.options:
        return expect_error(lines, cell, f"{chapter.path}:{cell.fence}")
    return lines


def expect_error(lines: list[Line], cell: Cell, place: str) -> list[Line]:
    """Put the lines of a cell into a `try` that wants one exception."""
    try:
        tree = parse(cell.source)
    except SyntaxError:
        return lines
    inside = lines_inside_strings(tree, cell.source)
    name = cell.options["expect"]
    after = f"""\
except (Exception, SystemExit) as _error:
    if type(_error).__name__ != "{name}":
        raise AssertionError(
            "{place}: expected {name}, but "
            f"{{type(_error).__name__}} was raised: {{_error}}"
        ) from _error
    print(f"{name}: {{_error}}")
else:
    raise AssertionError("{place}: expected {name}, but nothing was raised")"""
    return [
        Line("try:"),
        *(
            line if number in inside else indent(line)
            for number, line in enumerate(lines, 1)
        ),
        *map(Line, after.split("\n")),
    ]


def add_origins(text: str, cells: list[list[Line]]) -> list[Line]:
    """Give the lines of a script the origins of its code cells.

    A code cell follows a line `# %%` that does not go on with [markdown]. Its
    lines are passed over, so that a `# %%` among them does not count.
    """
    texts = text.splitlines()
    lines: list[Line] = []
    waiting = iter(cells)
    while len(lines) < len(texts):
        marker = texts[len(lines)]
        lines.append(Line(marker))
        is_text = marker.startswith("# %% [markdown]")
        if marker.startswith("# %%") and not is_text:
            body = next(waiting)
            rest = texts[len(lines) : len(lines) + len(body)]
            lines += [
                Line(copy, line.origin)
                for copy, line in zip(rest, body, strict=False)
            ]
    return lines
