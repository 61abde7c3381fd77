"""Time dlfs against PyTorch.

    make bench                                   all workloads
    python scripts/bench.py --only W1 W4 --rounds 60
    python scripts/bench.py --json FILE          not into build/bench.json

Each library has a process of its own for every workload, as what a process
did before changes how it gets memory. They take turns: in every round each has
one, in an order drawn from a fixed seed, so that whatever disturbs the machine
disturbs them all. Before a turn the garbage is collected and the threads of
the turn before get time to fall asleep; then some runs go untimed. Only W1b
leaves out that rest: it shows how much a library suffers when the other one's
threads still spin and wait for work. During a turn Python's garbage collector
works as it does for everybody. `ratio` is a library's time divided by
PyTorch's time in the same round, the median over the rounds: 0.5 is twice as
fast as PyTorch. `best` is the shortest turn. A GFLOP is 1e9 additions and
multiplications.

Before a workload is timed, the libraries have to agree about what it computes:
the losses of the first steps of training, value and gradient of the chain.
"""

import argparse
import contextlib
import functools
import gc
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterable
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
from bookkit.bench.workloads import WORKLOADS, Workload
from bookkit.run.machine import blas, machine
from bookkit.run.run_chapters import at_least_one

TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
MEMORY = {"W1": "memory", "W2": "memory_W2"}  # what the report calls it
STATUS = Path("/proc/self/status")  # ru_maxrss begins with our parent's
CNN_GFLOP = 19.4  # of the products of a step of W2
BUSY = 0.8  # load average of other processes before the start


# --- In the process of a library ---


@functools.cache
def load(name: str) -> Library:
    """The library of this process, which has no other one."""
    library = LIBRARIES[name]()
    threadpool_limits(THREADS)  # of all that are loaded by now
    return library


def describe(name: str) -> dict[str, str]:
    """What the report says about a library; raises `ImportError`."""
    return {"version": load(name).version, "blas": load(name).blas}


def try_out(name: str, workload: str) -> tuple[np.ndarray, dict[str, int]]:
    """What a library computes, and the memory for it in kB, if known.

    That is what it has before, by how much it grows, and its peak.
    """
    run = WORKLOADS[workload].start(load(name))
    before = resident("RSS")
    numbers = WORKLOADS[workload].numbers(run)
    peak = resident("HWM")
    if not peak:
        return numbers, {}
    return numbers, {"before": before, "growth": peak - before, "peak": peak}


def resident(name: str) -> int:
    """Memory of this process in kB: now (RSS) or at its peak (HWM).

    It is 0 where the system does not tell.
    """
    if not STATUS.exists():
        return 0
    return int(re.search(rf"Vm{name}:\s+(\d+)", STATUS.read_text("utf-8"))[1])


def turn(name: str, workload: str) -> float:
    """Seconds of one run."""
    asked = WORKLOADS[workload]
    run = asked.start(load(name))
    if asked.rest:
        gc.collect()
        time.sleep(asked.rest)
    for _ in range(asked.warm):
        run()
    began = time.perf_counter()
    for _ in range(asked.runs):
        run()
    return (time.perf_counter() - began) / asked.runs


# --- Asking the processes ---


def fresh_process() -> ProcessPoolExecutor:
    """A process of its own, which imports what it is asked for."""
    return ProcessPoolExecutor(1, get_context("spawn"))


def ask(process: ProcessPoolExecutor, function: Callable, *arguments: str):
    """What a function returns in another process."""
    return process.submit(function, *arguments).result()


def find_libraries(notes: list[str]) -> dict[str, dict[str, str]]:
    """The libraries that are installed; `notes` gets why one is not."""
    found = {}
    for name in LIBRARIES:
        try:
            with fresh_process() as process:
                found[name] = ask(process, describe, name)
        except ImportError as error:
            if name == "pytorch":  # the others are there or not
                notes.append(f"without {name} there are no ratios ({error})")
    return found


def compare(
    workload: str, libraries: Iterable[str], rounds: int
) -> tuple[dict[str, list[float]], dict[str, dict[str, int]]]:
    """{library: seconds in each round} at a workload, and {library: memory}.

    Raises `SystemExit` unless all of them compute the same.
    """
    numbers, memory, turns = {}, {}, {}
    with contextlib.ExitStack() as stack:
        for name in libraries:
            process = stack.enter_context(fresh_process())
            numbers[name], memory[name] = ask(process, try_out, name, workload)
            turns[name] = functools.partial(ask, process, turn, name, workload)
        check(workload, numbers)
        return take_turns(workload, turns, rounds), memory


def check(workload: str, numbers: dict[str, np.ndarray]) -> None:
    """Raise `SystemExit` unless all libraries computed the same numbers.

    They may differ by a part of the largest one.
    """
    expected, *_ = numbers.values()
    allowed = WORKLOADS[workload].tolerance
    for name, found in numbers.items():
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        if not difference <= allowed:  # NaN is no agreement
            raise SystemExit(
                f"bench.py: {workload} {name}: computes something else: "
                f"its numbers differ by {difference:.1g} from those of the "
                f"first library, allowed are {allowed:g}"
            )


def take_turns(
    workload: str, turns: dict[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """What each turn returns; the order in a round is drawn."""
    seconds = {name: [] for name in turns}
    rng = random.Random(0)
    rounds = range(0, rounds, WORKLOADS[workload].every)
    for _ in tqdm(rounds, f"{workload}, rounds", disable=None):
        for name in rng.sample([*turns], len(turns)):
            seconds[name].append(turns[name]())
    return seconds


# --- The report ---


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


def where() -> dict:
    """Where, when and with what something is measured."""
    from dlfs.trainer import environment  # the processes need it not

    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": now, "machine": machine(), **environment(), "blas": blas()}


def describe_setting(libraries: dict[str, dict[str, str]]) -> dict:
    """Where and with what the figures were made."""
    setting = where()
    others = {k: each["blas"] for k, each in libraries.items() if each["blas"]}
    return setting | {
        "libraries": {k: each["version"] for k, each in libraries.items()},
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


def print_table(title: str, heads: list[str], rows: dict, unit=1) -> None:
    """Print what is known of these figures of each library."""
    print(title)
    print(f"  {'':16}" + "".join(f"{head:>11}" for head in heads))
    for library, row in rows.items():
        figures = [row[head] for head in heads if row.get(head) is not None]
        print(
            f"  {library:16}" + "".join(f"{x / unit:11.3f}" for x in figures)
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
    """Measure and print; returns the report."""
    notes: list[str] = []
    libraries = find_libraries(notes)
    setting, found = describe_setting(libraries), {}
    report = {"rounds": rounds, "setting": setting, "workloads": found}
    print(json.dumps(setting, indent=1), flush=True)
    for name in only:
        those = [x for x in libraries if name in (LIBRARIES[x].only or [name])]
        seconds, memory = compare(name, those, rounds)
        found[name] = each = summarize(WORKLOADS[name], seconds)
        title = f"{name}: {each['title']}, in {each['unit']}"
        print_table(title, ["best", "median", "ratio"], each["libraries"])
        if name in MEMORY:
            report[MEMORY[name]] = memory
            title = f"memory of the first steps of {name}, in MB"
            print_table(title, ["before", "growth", "peak"], memory, 1024)
    if {"W2", "G2"} <= found.keys():
        notes += [
            f"W2: at the rate of its products (G2) {one} would need at least "
            f"{1e3 * CNN_GFLOP / row['best']:.0f} ms"
            for one, row in found["G2"]["libraries"].items()
        ]
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
