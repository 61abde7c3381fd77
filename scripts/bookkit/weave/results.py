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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from bookkit.read.chapters import BookError, Mistake
from bookkit.tangle.output import Output

RECORDS = ("mlp_mnist", "lenet_mnist", "cnn_cifar10")  # experiments
ASKED = re.compile(r"\{\{ (?:(code) )?([a-z0-9.-]+) \}\}")
SEED = re.compile(r"--seed \d+")
MODEL = re.compile(r"--model (\w+)")


@dataclass(frozen=True)
class Facts:
    """What can be asked for: numbers as text by name, and code by id."""

    values: dict[str, str]
    code: dict[str, str]


def find_facts(folder: Path, book: Output) -> Facts:
    """Read the records in the folder of the book, and count the book."""
    values = {
        f"{group}.{name}": text
        for experiment in RECORDS
        for group, runs in read_runs(
            folder / "runs" / f"{experiment}.jsonl"
        ).items()
        for name, text in describe_runs(runs).items()
    }
    values |= count_book(book)
    return Facts(values, {each.id: each.cell.source for each in book.blocks})


def read_runs(path: Path) -> dict[str, list[dict]]:
    """The recorded runs in groups."""
    groups: dict[str, list[dict]] = {}
    if not path.exists():
        return groups
    for line in path.read_text(encoding="utf-8").splitlines():
        run = json.loads(line)
        groups.setdefault(group_of(run), []).append(run)
    return groups


def group_of(run: dict) -> str:
    """The group of a run: what it trains on, how, and with which kernel."""
    if "lenet_mnist" in run["command"]:
        return "lenet"
    if "cnn_cifar10" in run["command"]:
        model = MODEL.search(run["command"])
        return model[1] if model else "small"
    name = "constant" if "--half-life 0 " in run["command"] else "full"
    if "--data mini" in run["command"]:
        name = "mini"
    return name + "-haswell" * run["blas"].endswith("Haswell")


def describe_runs(runs: list[dict]) -> dict[str, str]:
    """What runs of one command have in common, and how they differ."""
    accuracies = [run["test_accuracy"] for run in runs]
    first = runs[0]
    return {
        "mean": f"{mean(accuracies):.2%}",
        "lowest": f"{min(accuracies):.2%}",
        "highest": f"{max(accuracies):.2%}",
        "count": str(len(runs)),
        "seeds": ", ".join(str(run["seed"]) for run in runs),
        "seconds": f"{median(run['seconds'] for run in runs):.1f}",
        "minutes": f"{median(run['seconds'] for run in runs) / 60:.0f}",
        "command": SEED.sub("--seed SEED", first["command"]),
        "data": first["data"],
        "machine": first["machine"],
        "python": first["python"],
        "numpy": first["numpy"],
        "blas": first["blas"],
    }


def count_book(book: Output) -> dict[str, str]:
    """How much there is of the book and of what it makes."""

    def lines(folder: str) -> int:
        texts = [
            book.text(file) for file in book.files if file.startswith(folder)
        ]
        return sum(1 for text in texts for line in text.split("\n") if line)

    return {
        # Those of the path, not counting the preface.
        "book.chapters": str(
            sum(not each.is_workshop for each in book.chapters) - 1
        ),
        "book.blocks": str(len(book.blocks)),
        "package.lines": f"{lines('dlfs/'):,}",
        "tests.functions": f"{count_tests(book):,}",
    }


def count_tests(book: Output) -> int:
    """How many test functions the book makes."""
    tests = [book.text(file) for file in book.files if "test" in file]
    return sum(len(re.findall(r"^ *def test_", text, re.M)) for text in tests)


def fill(text: str, path: str, find: Callable[[], Facts]) -> str:
    """Put the facts into a text; raises `BookError` at an unknown name."""
    if not ASKED.search(text):
        return text
    facts = find()
    mistakes = []

    def answer(match: re.Match) -> str:
        is_code, name = match.groups()
        known = facts.code if is_code else facts.values
        if name in known:
            return known[name]
        line = text.count("\n", 0, match.start()) + 1
        what = "block" if is_code else "number"
        message = f"there is no {what} {name!r}; known: {', '.join(known)}"
        mistakes.append(Mistake(path, line, message))
        return match[0]

    filled = ASKED.sub(answer, text)
    if mistakes:
        raise BookError(mistakes)
    return filled
