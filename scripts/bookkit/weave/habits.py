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
    places = []
    for place, advice in names.items():
        ours = OURS.get(place, place)
        theirs = ours.replace("dlfs", "torch").replace(".data", ".utils.data")
        # What is in `dlfs` is defined in `dlfs.autograd`, or for tensors.
        inside = ours.replace("dlfs", "dlfs.autograd")
        homes = [ours, inside, f"{inside}.Tensor"]
        here = [name for name in advice if advice[name] is None]
        links = [link_name(entries, name, homes, "../") for name in here]
        others = {name: advice[name] for name in advice if name not in here}
        places.append((theirs, ours, links, others))
    return {PAGE: render("names.md", places=places)} if names else {}
