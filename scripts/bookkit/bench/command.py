"""Time dlfs against PyTorch.

    make bench                                   all workloads
    python scripts/bench.py --only W1 W4 --rounds 60
    python scripts/bench.py --json FILE          not into build/bench.json

Both libraries run in this one process or, for the convolutional network (W2,
its layers and G2), each in one of its own for every workload, as what a
process did before changes how it gets memory. They take turns: in every round
each has a turn at each workload, in an order drawn from a fixed seed, so that
whatever disturbs the machine disturbs them all. Before a turn the garbage is
collected and the threads of the turn before get time to fall asleep; then some
runs go untimed. Only W1b leaves out that rest: it shows how much a library
suffers when the other one's threads still spin and wait for work. During a
turn Python's garbage collector works as it does for everybody. `ratio` is a
library's time divided by PyTorch's time in the same round, the median over
the rounds: 0.5 is twice as fast as PyTorch. `best` is the shortest turn. A
GFLOP is 1e9 additions and multiplications.

Before anything is timed, the libraries have to agree about the losses of the
first five steps of training and about value and gradient of the chain. Peak
memory is measured with one fresh process for each library.
"""

import argparse
import collections
import functools
import gc
import json
import os
import random
import re
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from bookkit import ROOT
from bookkit.bench.libraries import LIBRARIES, THREADS, Library
from bookkit.bench.workloads import WORKLOADS, Workload, digits
from bookkit.run.machine import blas, machine
from bookkit.run.run_chapters import at_least_one

TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
# What the report calls the memory of a workload, and after how many steps.
MEMORY = {"W1": ("memory", 100), "W2": ("memory_W2", 5)}
STATUS = Path("/proc/self/status")  # ru_maxrss begins with our parent's
CNN_GFLOP = 19.4  # of the products of a step of W2
BUSY = 0.8  # load average of other processes before the start


class BenchError(SystemExit):
    """What ends the run, in one sentence."""


# --- Who takes part ---


def load(notes: list[str]) -> list[Library]:
    """The libraries that run here; `notes` gets why one does not."""
    libraries = []
    for name, library in LIBRARIES.items():
        try:
            libraries.append(library())
        except ImportError as error:
            if name == "pytorch":  # the others are there or not
                notes.append(f"without {name} there are no ratios ({error})")
    return libraries


def taking_part(workload: str, libraries: list[Library]) -> list[Library]:
    """Those that have this workload."""
    return [one for one in libraries if workload in (one.only or [workload])]


def check(name: str, workload: Workload, libraries: list[Library]) -> None:
    """Raise `BenchError` unless all libraries compute the same numbers.

    They may differ by a part of the largest one.
    """
    expected = None
    for library in libraries:
        found = workload.numbers(workload.start(library))
        expected = found if expected is None else expected
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        if not difference <= workload.tolerance:  # NaN is no agreement
            raise BenchError(
                f"bench.py: {name} {library.name}: computes something else: "
                f"its numbers differ by {difference:.1g} from those of the "
                f"first library, allowed are {workload.tolerance:g}"
            )


# --- Taking turns ---


def turn(workload: Workload, library: Library) -> float:
    """Seconds of one run."""
    run = workload.start(library)
    if workload.pause:
        gc.collect()
        time.sleep(workload.pause)
    for _ in range(workload.warm):
        run()
    began = time.perf_counter()
    for _ in range(workload.runs):
        run()
    return (time.perf_counter() - began) / workload.runs


def fresh_process() -> ProcessPoolExecutor:
    """A process of its own, which imports what it is asked for."""
    return ProcessPoolExecutor(1, get_context("spawn"))


@functools.cache
def alone(name: str) -> Library:
    """A library in a process that has no other one."""
    library = LIBRARIES[name]()
    threadpool_limits(THREADS)  # of all that are loaded by now
    return library


def turn_apart(workload: str, name: str) -> float:
    """Seconds of one run, in a process that has only this library."""
    return turn(WORKLOADS[workload], alone(name))


def measure(
    parties: dict[str, list[Library]], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """{workload: {library: seconds in each round}}, of those taking part."""
    seconds = {
        name: {library.name: [] for library in those}
        for name, those in parties.items()
    }
    rng = random.Random(0)
    processes = collections.defaultdict(fresh_process)
    for number in tqdm(range(rounds), "rounds", disable=None):
        for name, those in parties.items():
            workload = WORKLOADS[name]
            if number % workload.every:
                continue
            for library in rng.sample(those, len(those)):
                if workload.apart:
                    process = processes[name, library.name]
                    asked = process.submit(turn_apart, name, library.name)
                    spent = asked.result()
                else:
                    spent = turn(workload, library)
                seconds[name][library.name].append(spent)
    for process in processes.values():
        process.shutdown()
    return seconds


def summarize(workload: Workload, seconds: dict[str, list[float]]) -> dict:
    """What the table and the JSON file say about a workload."""
    rows = {}
    theirs = seconds.get("pytorch")
    for name, ours in seconds.items():
        ratios = [a / b for a, b in zip(ours, theirs)] if theirs else []
        rows[name] = {
            "best": workload.show(min(ours)),
            "median": workload.show(median(ours)),
            "ratio": median(ratios) if ratios else None,
            "seconds": ours,
        }
    return {"title": workload.title, "unit": workload.unit, "libraries": rows}


# --- Memory ---


def resident(name: str) -> int:
    """Memory of this process in kB: now (RSS) or at its peak (HWM)."""
    return int(re.search(rf"Vm{name}:\s+(\d+)", STATUS.read_text("utf-8"))[1])


def train_alone(name: str, workload: str) -> dict[str, int]:
    """A workload in this process: before, growth and peak, if known."""
    run = WORKLOADS[workload].start(alone(name))
    if not STATUS.exists():
        return {}
    before = resident("RSS")
    for _ in range(MEMORY[workload][1]):
        run()
    peak = resident("HWM")
    return {"before": before, "growth": peak - before, "peak": peak}


def measure_memory(name: str, workload: str = "W1") -> dict[str, int]:
    """A workload in a process of its own, in kB."""
    with fresh_process() as process:
        return process.submit(train_alone, name, workload).result()


# --- The report ---


def where() -> dict:
    """Where, when and with what something is measured."""
    from dlfs.trainer import environment  # not into train_alone's memory

    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": now, "machine": machine(), **environment(), "blas": blas()}


def describe_setting(libraries: list[Library]) -> dict:
    """Where and with what the figures were made."""
    setting = where()
    others = {each.name: each.blas for each in libraries if each.blas}
    return setting | {
        "libraries": {library.name: library.version for library in libraries},
        "threads": THREADS,
        "blas": {"numpy": setting["blas"], **others},
        "environment": {k: os.environ[k] for k in TUNING if k in os.environ},
        "warnings": find_disturbances(),
    }


def find_disturbances() -> list[str]:
    """A warning for what makes the figures hard to compare with others."""
    warnings = []
    found = [f"{k}={os.environ[k]}" for k in TUNING if k in os.environ]
    if found:
        warnings.append(
            f"with {' and '.join(found)} NumPy can have half its speed: "
            "these figures are not comparable with others; `make bench` "
            "measures without"
        )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        warnings.append(
            f"the machine is busy (load average {load:.1f}): threads that "
            "have to share a core make everything slower, and some libraries "
            "more than others"
        )
    return warnings


def print_setting(setting: dict) -> None:
    """Print where and with what the figures are made."""
    for name, value in setting.items():
        if isinstance(value, dict):
            value = [f"{key} {text}" for key, text in value.items()]
        if isinstance(value, list):
            value = "; ".join(value)
        print(f"{name:12} {value}")
    print(flush=True)


def print_table(title: str, heads: list[str], rows: dict, unit=1) -> None:
    """Print what is known of these figures of each library."""
    print(title)
    print(f"  {'':16}" + "".join(f"{head:>10}" for head in heads))
    for library, row in rows.items():
        figures = [row[head] for head in heads if row.get(head) is not None]
        print(
            f"  {library:16}" + "".join(f"{x / unit:10.3f}" for x in figures)
        )
    print(flush=True)


# --- The command line ---


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, formatter_class=kind
    )
    add = parser.add_argument
    parser.epilog = "workloads:\n" + "\n".join(
        f"  {name:4} {w.title}" for name, w in WORKLOADS.items()
    )
    add("--rounds", type=at_least_one, default=30, help="(30; 2 do for a try)")
    add("--only", nargs="+", choices=WORKLOADS, default=[*WORKLOADS])
    add("--json", type=Path, default=ROOT / "build/bench.json", metavar="FILE")
    return parser


def bench(only: list[str], rounds: int) -> dict:
    """Load, check, measure and print; returns the report."""
    notes: list[str] = []
    libraries = load(notes)
    parties = {name: taking_part(name, libraries) for name in only}
    with threadpool_limits(THREADS):  # of all that are loaded by now
        setting = describe_setting(libraries)
        print_setting(setting)
        for name, those in parties.items():
            check(name, WORKLOADS[name], those)
        seconds = measure(parties, rounds)
    found = {name: summarize(WORKLOADS[name], seconds[name]) for name in only}
    report = {"rounds": rounds, "setting": setting, "workloads": found}
    for name, each in found.items():
        title = f"{name}: {each['title']}, in {each['unit']}"
        print_table(title, ["best", "median", "ratio"], each["libraries"])
    for name in (each for each in MEMORY if each in parties):
        key, steps = MEMORY[name]
        report[key] = {
            one.name: measure_memory(one.name, name) for one in parties[name]
        }
        title = f"memory of {name}, {steps} steps in a fresh process, in MB"
        print_table(title, ["before", "growth", "peak"], report[key], 1024)
    if {"W2", "G2"} <= parties.keys():
        notes += [
            f"W2: at the rate of its products (G2) {one} would need at least "
            f"{1e3 * CNN_GFLOP / row['best']:.0f} ms"
            for one, row in found["G2"]["libraries"].items()
        ]
    if "W1e" in parties:
        source = digits()[2].partition(":")[0]
        notes.append(f"W1e: the images are those of {source}")
    for note in notes:
        print(f"note: {note}")
    return report | {"notes": notes}


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    args = make_parser().parse_args(argv)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    report = bench(args.only, args.rounds)
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {args.json}")
    return 0
