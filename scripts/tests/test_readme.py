"""The README says what was recorded, and its translation says the same."""

import json
import re
from pathlib import Path
from statistics import mean

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "book" / "runs" / "mlp_mnist.jsonl"
ROW = re.compile(
    r"\| (?P<data>.*) \| (?P<seeds>[\d, ]+) \| \*\*(?P<mean>\S+)%\*\* "
    r"\| (?P<lowest>\S+)% \| (?P<highest>\S+)% \| `(?P<command>.*)` \|"
)
BENCH = ROOT / "book" / "runs" / "bench.json"
SPEED = re.compile(
    r"^\| (?P<name>\w+): .* \| (?P<ours>[\d.]+) \S+ \| (?P<theirs>[\d.]+) \S+ "
    r"\| \*\*(?P<ratio>[\d.]+)\*\* \|$",
    re.MULTILINE,
)
READMES = ["README.md", "README.ko.md"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def parts(text, pattern):
    return re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_results_are_those_of_the_recorded_runs(name):
    records = map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines())
    accuracy = {
        (r["command"], r["blas"].endswith("Haswell")): r["test_accuracy"]
        for r in records
    }
    rows = list(ROW.finditer(read(name)))
    assert len(rows) == 4
    introduction = read(name).partition("![")[0]
    assert f"**{rows[0]['mean']}%**" in introduction
    for row in rows:
        haswell = "Haswell" in row["data"]
        values = [
            accuracy[row["command"].replace("SEED", seed), haswell]
            for seed in row["seeds"].split(", ")
        ]
        assert row["mean"] + "%" == f"{mean(values):.2%}"
        assert row["lowest"] + "%" == f"{min(values):.2%}"
        assert row["highest"] + "%" == f"{max(values):.2%}"


@pytest.mark.parametrize("name", READMES)
def test_speed_is_that_of_the_recorded_benchmark(name):
    workloads = json.loads(BENCH.read_text(encoding="utf-8"))["workloads"]
    rows = list(SPEED.finditer(read(name)))
    assert [row["name"] for row in rows] == ["W1", "W1e", "W4"]
    for row in rows:
        recorded = workloads[row["name"]]["libraries"]
        for key, library in ("ours", "dlfs"), ("theirs", "pytorch"):
            decimals = len(row[key].partition(".")[2])
            median = recorded[library]["median"]
            assert row[key] == f"{median:.{decimals}f}"
        assert row["ratio"] == f"{recorded['dlfs']['ratio']:.2f}"


@pytest.mark.parametrize("name", READMES)
def test_steps_of_the_cnn_are_those_of_the_recorded_benchmark(name):
    file = "book/runs/bench_cnn.json"
    workloads = json.loads(read(file))["workloads"]
    (text,) = [line for line in read(name).splitlines() if file in line]
    for workload, unit in ("W2", 1), ("W2w", 1), ("W2e", 1000):
        for row in workloads[workload]["libraries"].values():
            number = f"{row['median'] / unit:,.0f}"
            assert re.search(rf"(?<![\d,]){number}(?!,?\d)", text), number


def test_the_translation_has_the_same_parts():
    english, korean = map(read, READMES)
    code = r"^```python\n(.*?)^```"
    assert parts(korean, code) == parts(english, code)
    commands = r"^\$ (.*?)(?:\s+#.*?)?$"
    assert parts(korean, commands) == parts(english, commands)
    links = r"\]\(((?!#|README)[^)]*)\)"
    assert parts(korean, links) == parts(english, links)
    headings = r"^#+ "
    assert parts(korean, headings) == parts(english, headings)


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md"])
def test_every_file_that_is_linked_exists(name):
    for target in parts(read(name), r"\]\(([^)#:]+)(?:#[^)]*)?\)"):
        assert (ROOT / target).exists(), target


PHOTOGRAPHS = re.compile(
    r"^\| \S.* \| \*\*(?P<accuracy>\S+)%\*\* \| (?P<minutes>\d+) "
    r"\| `(?P<command>.*)` \|$",
    re.MULTILINE,
)


@pytest.mark.parametrize("name", READMES)
def test_photographs_were_read_as_recorded(name):
    lines = [
        line
        for experiment in ("cnn_cifar10", "lenet_mnist")
        for line in (ROOT / "book" / "runs" / f"{experiment}.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    ]
    runs = {run["command"]: run for run in map(json.loads, lines)}
    rows = list(PHOTOGRAPHS.finditer(read(name)))
    assert len(rows) == len(runs) == 4
    for row in rows:
        run = runs[row["command"]]
        assert row["accuracy"] == f"{100 * run['test_accuracy']:.2f}"
        assert row["minutes"] == f"{run['seconds'] / 60:.0f}"
