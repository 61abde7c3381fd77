"""Run the code cells of a chapter in a Jupyter kernel and keep the outputs.

A chapter runs on the package as the chapters before it left it, in an empty
folder, on one BLAS thread. Its outputs are kept in `.cache/weave` under a key
made of all that they follow from, so they cannot be stale: the code of the
cells, the package they run on, the versions of Python and its libraries, and
this program.
"""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookkit import ROOT
from bookkit.read.chapters import BookError, Cell, Chapter, Mistake
from bookkit.run.cache import cache_file, hash_of, keep
from bookkit.tangle.disk import keep_snapshot, read_data
from bookkit.tangle.output import Output
from bookkit.tangle.tracebacks import ChapterLines

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
STYLE = ROOT / "theme/figures.mplstyle"
SETUP = """\
import matplotlib.pyplot
from matplotlib_inline.backend_inline import set_matplotlib_formats

matplotlib.pyplot.style.use({style!r})
set_matplotlib_formats("svg", metadata={{"Date": None, "Creator": None}})
get_ipython().InteractiveTB.set_mode("Plain")
del matplotlib, set_matplotlib_formats
"""
IN_CELL = re.compile(r"Cell In\[(\d+)\], line (\d+)")
IN_FILE = re.compile(r"^ *File (.+?):(\d+)(?:, in .*| in .*|$)", re.MULTILINE)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Run:
    """The outputs of a chapter, a list of them for each of its live cells.

    They are in the form of nbformat. `keys` say what the outputs of each cell
    follow from: the package and all code up to there. `is_fresh` says that
    the outputs were not in the cache.
    """

    chapter: Chapter
    outputs: list[list[dict]]
    keys: list[str]
    is_fresh: bool

    @property
    def cells(self) -> Iterator[tuple[Cell, list[dict], str]]:
        """Each live cell with its outputs and its key."""
        return zip(self.chapter.live_cells, self.outputs, self.keys)


def run_chapter(
    root: Path, chapter: Chapter, before: Output, use_cache: bool = True
) -> Run:
    """Run a chapter on the package `before` it, unless the cache has it.

    Raises `BookError` at the line of the chapter where a cell fails.
    """
    keys = cell_keys(chapter, package_hash(root, before))
    program = Path(__file__).read_text("utf-8") + STYLE.read_text("utf-8")
    outputs, is_fresh = keep(
        cache_file(root, chapter.name, [*keys, program]),
        lambda: execute(root, chapter, keep_snapshot(root, before)),
        use_cache,
    )
    return Run(chapter, outputs, keys, is_fresh)


# --- The cache ---


def cell_keys(chapter: Chapter, package: str) -> list[str]:
    """For each live cell the hash of the package and all code up to it."""
    keys = [package]
    for cell in chapter.live_cells:
        expected = cell.options.get("expect", "")
        keys.append(hash_of([keys[-1], cell.source, expected]))
    return keys[1:]


def package_hash(root: Path, package: Output) -> str:
    """The hash of the package that the chapters make so far."""
    parts = texts_in("dlfs/", package)
    for file, content in read_data(root).items():
        parts += [file, hashlib.sha256(content).hexdigest()]
    return hash_of(parts)


def texts_in(folder: str, output: Output) -> list[str]:
    """The names and the texts of all files in a folder."""
    files = [file for file in output.files if file.startswith(folder)]
    return [text for file in files for text in (file, output.text(file))]


# --- Running ---


def execute(root: Path, chapter: Chapter, snapshot: Path) -> list[list[dict]]:
    """Run the cells and return their outputs; raises `BookError`."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbformat.v4 import new_notebook

    setup = SETUP.format(style=str(STYLE))
    notebook = new_notebook()
    notebook.cells = [make_cell(Cell("code", setup, 0))]
    notebook.cells += map(make_cell, chapter.live_cells)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": folder}},
        )
        # An error is found in the outputs, as what a cell should have raised.
        with contextlib.suppress(CellExecutionError):
            client.execute(env=kernel_environment(snapshot, folder))
    outputs = [cell.outputs for cell in notebook.cells[1:]]
    if notebook.cells[0].outputs:
        raise RuntimeError(f"the kernel is not set up: {notebook.cells[0]}")
    for cell, found in zip(chapter.live_cells, outputs):
        check_error(root, chapter, cell, found)
    return [[clean(each) for each in found] for found in outputs]


def make_cell(cell: Cell):
    """A cell for nbclient."""
    from nbformat.v4 import new_code_cell

    tags = ["raises-exception"] if "expect" in cell.options else []
    return new_code_cell(cell.source, metadata={"tags": tags})


def kernel_environment(snapshot: Path, folder: str) -> dict[str, str]:
    """The environment of the kernel: nothing of the user's gets in."""
    return environment(
        snapshot,
        PYTHONHASHSEED="0",
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        IPYTHONDIR=f"{folder}/.ipython",
        DLFS_DATA=f"{folder}/.data",  # so the slice is used
    )


def environment(*path: Path, **others: str) -> dict[str, str]:
    """That of a process with one BLAS thread, and this path for imports."""
    return {
        **os.environ,
        **ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(str(each.resolve()) for each in path),
        "PYTHONIOENCODING": "utf-8",
        **others,
    }


def clean(output: dict) -> dict:
    """An output without what changes from run to run and nobody sees."""
    output = dict(output)
    output.pop("execution_count", None)
    if output["output_type"] == "error":
        output["traceback"] = []
    data = output.get("data", {})
    rich = {kind: data[kind] for kind in data if kind != "text/plain"}
    if rich:
        output["data"] = rich
    return output


# --- Errors ---


def check_error(
    root: Path, chapter: Chapter, cell: Cell, outputs: list[dict]
) -> None:
    """Raise `BookError` unless a cell raised what it should, or nothing."""
    errors = [each for each in outputs if each["output_type"] == "error"]
    raised = errors[0]["ename"] if errors else None
    wanted = cell.options.get("expect")
    if raised == wanted:
        return
    if raised is None:
        message = f"expected {wanted}, but nothing was raised"
        raise BookError([Mistake(chapter.path, cell.fence, message)])
    trace = ESCAPES.sub("", "\n".join(errors[0]["traceback"]))
    trace = add_chapter_lines(root, chapter, trace)
    lines = re.findall(rf"^ *{re.escape(chapter.path)}:(\d+)", trace, re.M)
    number = int(lines[-1]) if lines else cell.fence
    message = f"{raised}: {errors[0]['evalue']}"
    if wanted:
        message = f"expected {wanted}, but there was {message}"
    raise BookError([Mistake(chapter.path, number, f"{message}\n{trace}")])


def add_chapter_lines(root: Path, chapter: Chapter, trace: str) -> str:
    """A traceback of IPython with the lines of the chapters."""
    chapter_lines = ChapterLines(root)

    def in_cell(match: re.Match) -> str:
        cell = chapter.live_cells[int(match[1]) - 2]  # 1 is the set-up
        return f"{chapter.path}:{cell.line + int(match[2]) - 1}"

    def in_file(match: re.Match) -> str:
        path = os.path.expanduser(match[1])
        arrow = chapter_lines.arrow(path, int(match[2]))
        return f"{match[0]}\n{arrow}" if arrow else match[0]

    return IN_FILE.sub(in_file, IN_CELL.sub(in_cell, trace))
