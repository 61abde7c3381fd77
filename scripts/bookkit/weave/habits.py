"""The page of the reference with PyTorch's names: ours, and none on purpose.

The package keeps the table, and is asked which of the names it has: so the
page is true of the package that the site is about, whatever chapter made it.
"""

import json
from pathlib import Path

from bookkit.read.chapters import BookError, Mistake
from bookkit.run.cache import cache_file, keep
from bookkit.run.kernels import package_hash
from bookkit.run.run_chapters import run_python
from bookkit.tangle.disk import keep_snapshot
from bookkit.tangle.output import Output
from bookkit.weave.reference import FOLDER, Entry, link_name
from bookkit.weave.render import render

PAGE = f"{FOLDER}/pytorch.md"
TABLE = "dlfs/autograd/names.py"
ASK = """\
import json
from dlfs.autograd.names import USUAL, names_of
print(json.dumps({place: names_of(place) for place in USUAL}))
"""
OURS = {"Tensor": "dlfs.Tensor", "Module": "dlfs.nn.Module"}
WRITE, NONE = "write ", "PyTorch has it"  # how advice begins
Names = dict[str, dict[str, str | None]]  # place -> name -> advice, if none


def ask_names(root: Path, output: Output) -> Names:
    """Ask the package for its table of names; empty if it has none.

    The answer is kept for as long as the package stays what it is.
    """
    if TABLE not in output.files:
        return {}

    def ask() -> Names:
        snapshot = keep_snapshot(root, output)
        answer = run_python(["-c", ASK], snapshot, snapshot)
        if answer.returncode:
            message = f"the package does not list its names\n{answer.stdout}"
            raise BookError([Mistake(TABLE, 1, message)])
        return json.loads(answer.stdout)

    cached = cache_file(root, "names", [ASK, package_hash(root, output)])
    return keep(cached, ask, True)[0]


def make_names(names: Names, entries: dict[str, Entry]) -> dict[str, str]:
    """The page, if there is a table to make it from."""
    known = {  # what is in `dlfs` is defined in `dlfs.autograd`
        path.replace("dlfs.autograd", "dlfs"): entry
        for path, entry in entries.items()
    }
    places = [sort_names(*each, known | entries) for each in names.items()]
    return {PAGE: render("names.md", places=places)} if names else {}


def sort_names(
    place: str, advice: dict[str, str | None], entries: dict[str, Entry]
) -> dict:
    """The names of one place, by what is said of them."""
    ours = OURS.get(place, place)
    theirs = ours.replace("dlfs", "torch").replace(".data", ".utils.data")
    homes = [ours, f"{ours}.Tensor"]
    here, write, other, absent = [], {}, {}, []
    for name, text in advice.items():
        if text is None:
            here.append(link_name(entries, name, homes, "../"))
        elif text.startswith(WRITE):
            text = text.removeprefix(WRITE)
            write[name] = text if "`" in text else f"`{text}`"
        elif text.startswith(NONE):
            absent.append(name)
        else:
            other[name] = text
    tables = {"write": write, "is not here": other}
    heads = {"theirs": theirs, "ours": ours}
    return {**heads, "here": here, "tables": tables, "absent": absent}
