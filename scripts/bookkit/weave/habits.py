"""The page of the reference with PyTorch's names: ours, and none on purpose.

The package keeps the table, and is asked which of the names it has: so the
page is true of the package that the site is about, whatever chapter made it.
"""

import json
from pathlib import Path

from bookkit.read.chapters import BookError, Mistake
from bookkit.run.cache import cache_file, read_cache, write_cache
from bookkit.run.kernels import package_hash
from bookkit.run.run_chapters import run_python
from bookkit.tangle.disk import snapshot_folder, write_snapshot
from bookkit.tangle.output import Output
from bookkit.weave.reference import FOLDER, Entry

PAGE = f"{FOLDER}/pytorch.md"
TABLE = "dlfs/autograd/names.py"
ASK = """\
import json
from dlfs.autograd.names import USUAL, names_of
print(json.dumps({place: names_of(place) for place in USUAL}))
"""
INTRODUCTION = """\
---
title: Names of PyTorch
description: Which names of PyTorch the package has, and what to write instead.
---

# Names of PyTorch

Whoever comes from PyTorch finds here what a name is called in this package,
and what is left out on purpose. `import dlfs as torch` is a good beginning.
A name that is not here raises an `AttributeError` with the same advice.

Some names mean a little else. The `data` of a tensor and the values of a
`state_dict` are NumPy arrays, a `dtype` is NumPy's, `grad_fn` is the name of
an operation. Random numbers are NumPy's, too: a seed gives others than in
PyTorch. A file that `save` writes holds arrays and no pickle."""
TENSOR = "dlfs.autograd.Tensor"
PLACES = {  # what PyTorch calls it, what we do, where our entries may be
    "dlfs": ("torch", "dlfs", ("dlfs", "dlfs.autograd", TENSOR)),
    "Tensor": ("torch.Tensor", "dlfs.Tensor", (TENSOR,)),
    "dlfs.autograd": ("torch.autograd", "dlfs.autograd", ("dlfs.autograd",)),
    "Module": ("torch.nn.Module", "dlfs.nn.Module", ("dlfs.nn.Module",)),
    "dlfs.nn": ("torch.nn", "dlfs.nn", ("dlfs.nn",)),
    "dlfs.optim": ("torch.optim", "dlfs.optim", ("dlfs.optim",)),
    "dlfs.data": ("torch.utils.data", "dlfs.data", ("dlfs.data",)),
}
WRITE, NONE = "write ", "PyTorch has it"  # how advice begins
Names = dict[str, dict[str, str | None]]  # place -> name -> advice, if none


def ask_names(root: Path, output: Output) -> Names:
    """Ask the package for its table of names; empty if it has none.

    The answer is kept for as long as the package stays what it is.
    """
    if TABLE not in output.files:
        return {}
    cached = cache_file(root, "names", [ASK, package_hash(root, output)])
    names = read_cache(cached)
    if names is None:
        snapshot = root / snapshot_folder(output.chapters)
        write_snapshot(root, output, snapshot)
        answer = run_python(["-c", ASK], snapshot, snapshot)
        if answer.returncode:
            message = f"the package does not list its names\n{answer.stdout}"
            raise BookError([Mistake(TABLE, 1, message)])
        names = json.loads(answer.stdout)
        write_cache(cached, names)
    return names


def make_names(names: Names, entries: dict[str, Entry]) -> dict[str, str]:
    """The page, if there is a table to make it from."""
    parts = [INTRODUCTION]
    for place, advice in names.items():
        theirs, ours, homes = PLACES[place]
        here = [link(n, homes, entries) for n in advice if advice[n] is None]
        advice = {name: text for name, text in advice.items() if text}
        parts += [
            f"## `{theirs}` is `{ours}`",
            f"The same name: {', '.join(here)}",
            *table(f"| `{theirs}` | write |", advice, [WRITE]),
            *table(f"| `{theirs}` | is not here |", advice, []),
        ]
        absent = [f"`{n}`" for n in advice if advice[n].startswith(NONE)]
        if absent:
            parts.append(f"Not in this package: {', '.join(absent)}")
    return {PAGE: "\n\n".join([*parts, ""])} if names else {}


def link(name: str, homes: tuple[str, ...], entries: dict[str, Entry]) -> str:
    """A name, with a link to its entry if it has one."""
    for home in homes:
        if entry := entries.get(f"{home}.{name}"):
            return f"[`{name}`]({entry.link.removeprefix(f'{FOLDER}/')})"
    return f"`{name}`"


def table(head: str, advice: dict[str, str], begins: list[str]) -> list[str]:
    """The names whose advice begins so, or in no known way; as a table."""
    rows = []
    for name, text in advice.items():
        if [b for b in (WRITE, NONE) if text.startswith(b)] == begins:
            text = text.removeprefix(WRITE)
            is_code = begins and "`" not in text
            rows.append(f"| `{name}` | {f'`{text}`' if is_code else text} |")
    return ["\n".join([head, "|---|---|", *rows])] if rows else []
