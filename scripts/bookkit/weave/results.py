"""Put measured numbers and pieces of the book into the pages beside it.

    {{ full.mean }}       from the runs recorded in book/runs/*_*.jsonl
    {{ book.chapters }}   counted in the book
    {{ code add-mul }}    the block of a chapter with that id

`full`, `constant` and `mini` are the runs on all of MNIST, those with a
constant learning rate, and those on the slice in the package; `full-haswell`
are those on all of MNIST with OpenBLAS' products for processors with AVX2.
`lenet` are runs of LeNet on all of MNIST; `small` and `resnet` those on
photographs, by their model.
Numbers are never typed: a name that is not known stops the build.
"""

import json
import re
from pathlib import Path
from statistics import mean, median

from bookkit.read.mistakes import Mistake, raise_any
from bookkit.tangle.output import Output

RECORDS = ("mlp_mnist", "lenet_mnist", "cnn_cifar10")  # experiments
ASKED = re.compile(r"\{\{ ((?:code )?[a-z0-9.-]+) \}\}")
SEED = re.compile(r"--seed \d+")
SAME = ("data", "machine", "python", "numpy", "blas")  # for runs of a command
MODEL = re.compile(r"--model (\w+)")


def find_facts(folder: Path, book: Output) -> dict[str, str]:
    """What can be asked for: "full.mean", "code add-mul".

    It is read in the records in the folder of the book, and counted.
    """
    facts = count_book(book)
    for experiment in RECORDS:
        runs = read_runs(folder / "runs" / f"{experiment}.jsonl")
        for group, found in runs.items():
            for name, text in describe_runs(found).items():
                facts[f"{group}.{name}"] = text
    blocks = {f"code {each.id}": each.cell.source for each in book.blocks}
    return facts | blocks


def read_runs(path: Path) -> dict[str, list[dict]]:
    """The recorded runs in groups."""
    groups: dict[str, list[dict]] = {}
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.splitlines():
        run = json.loads(line)
        groups.setdefault(group_of(run), []).append(run)
    return groups


def group_of(run: dict) -> str:
    """The group of a run: what it trains on, how, and with which kernel."""
    command = run["command"]
    if "lenet_mnist" in command:
        return "lenet"
    if "cnn_cifar10" in command:
        model = MODEL.search(command)
        return model[1] if model else "small"
    if "--data mini" in command:
        name = "mini"
    else:
        name = "constant" if "--half-life 0 " in command else "full"
    return name + "-haswell" * run["blas"].endswith("Haswell")


def describe_runs(runs: list[dict]) -> dict[str, str]:
    """What runs of one command have in common, and how they differ."""
    accuracies = [run["test_accuracy"] for run in runs]
    seconds = median(run["seconds"] for run in runs)
    return {
        "mean": f"{mean(accuracies):.2%}",
        "lowest": f"{min(accuracies):.2%}",
        "highest": f"{max(accuracies):.2%}",
        "count": str(len(runs)),
        "seeds": ", ".join(str(run["seed"]) for run in runs),
        "seconds": f"{seconds:.1f}",
        "minutes": f"{seconds / 60:.0f}",
        "command": SEED.sub("--seed SEED", runs[0]["command"]),
        **{name: runs[0][name] for name in SAME},
    }


def count_book(book: Output) -> dict[str, str]:
    """How much there is of the book and of what it makes."""
    package, tests = (
        "".join(book.text(file) for file in book.files if file[:5] == folder)
        for folder in ("dlfs/", "tests")
    )
    # The chapters are those of the path, not counting the preface.
    chapters = sum(not each.is_workshop for each in book.chapters) - 1
    functions = len(re.findall(r"^ *def test_", tests, re.MULTILINE))
    return {
        "book.chapters": str(chapters),
        "book.blocks": str(len(book.blocks)),
        "package.lines": f"{sum(map(bool, package.splitlines())):,}",
        "tests.functions": f"{functions:,}",
    }


def fill(text: str, path: str, facts: dict[str, str]) -> str:
    """Put the facts into a text; raises `BookError` at an unknown name."""
    mistakes = []
    for match in ASKED.finditer(text):
        name, is_code = match[1], match[1].startswith("code ")
        if name not in facts:
            line = text.count("\n", 0, match.start()) + 1
            known = [x for x in facts if x.startswith("code ") == is_code]
            message = f"there is no {name}; known: {', '.join(known)}"
            mistakes.append(Mistake(path, line, message))
    raise_any(mistakes)
    return ASKED.sub(lambda match: facts[match[1]], text)
