"""Time dlfs against PyTorch.

    make bench                                   all workloads
    python scripts/bench.py --only W1 W4 --rounds 60
    python scripts/bench.py --json FILE          not into build/bench.json

Both libraries run in this one process or, for the convolutional network (W2,
its layers and G2), each in one of its own. They take turns: in every round
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
import gc
import json
import os
import random
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bookkit import ROOT, SCRIPTS

try:
    import numpy as np
    from threadpoolctl import threadpool_limits

    from bookkit.bench.libraries import LIBRARIES, THREADS, Library
    from bookkit.bench.workloads import Workload, digits, make_workloads
    from bookkit.run.machine import blas, machine
    from bookkit.run.run_chapters import at_least_one
except ModuleNotFoundError as error:
    sys.exit(f"bench.py: there is no {error.name} here: run `make bench`")

TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
MEMORY_STEPS = {"W1": 100, "W2": 5}
CNN_GFLOP = 19.4  # of the products of a step of W2
BUSY = 0.8  # load average of other processes before the start


class BenchError(Exception):
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
    for library in taking_part(name, libraries):
        found = workload.numbers(workload.start(library))
        expected = found if expected is None else expected
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        if not difference <= workload.tolerance:  # NaN is no agreement
            raise BenchError(
                f"{name} {library.name}: computes something else: its numbers "
                f"differ by {difference:.1g} from those of the first library, "
                f"allowed are {workload.tolerance:g}"
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


class Apart:
    """A library in a process of its own, which takes a turn when asked."""

    def __init__(self, name: str):
        self.name = name
        command = [sys.executable, SCRIPTS / "bench.py", "--serve", name]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def turn(self, workload: str) -> float:
        """Seconds of one run."""
        print(workload, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def serve(name: str) -> None:
    """Take a turn at each workload that a line of the input names."""
    library, workloads = LIBRARIES[name](), make_workloads()
    with threadpool_limits(THREADS):
        for line in sys.stdin:
            print(turn(workloads[line.strip()], library), flush=True)


def measure(
    workloads: dict[str, Workload], libraries: list[Library], rounds: int
) -> dict[str, dict[str, list[float]]]:
    """{workload: {library: seconds in each round}}."""
    seconds = {
        name: {library.name: [] for library in taking_part(name, libraries)}
        for name in workloads
    }
    rng = random.Random(0)
    apart = {}
    if any(workload.apart for workload in workloads.values()):
        apart = {library.name: Apart(library.name) for library in libraries}
    for number in range(rounds):
        if sys.stderr.isatty():
            end = "\r" if number + 1 < rounds else "\n"
            print(f"round {number + 1}/{rounds}", end=end, file=sys.stderr)
        for name, workload in workloads.items():
            if number % workload.every:
                continue
            those = taking_part(name, libraries)
            for library in rng.sample(those, len(those)):
                if workload.apart:
                    spent = apart[library.name].turn(name)
                else:
                    spent = turn(workload, library)
                seconds[name][library.name].append(spent)
    for library in apart.values():
        library.close()
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


def resident() -> dict[str, int]:
    """Memory of this process in kB, now and at its peak, if it is known."""
    status = Path("/proc/self/status")  # ru_maxrss begins with our parent's
    text = status.read_text("utf-8") if status.exists() else ""
    found = dict(re.findall(r"Vm(HWM|RSS):\s+(\d+)", text))
    return {name: int(number) for name, number in found.items()}


def train_alone(name: str, workload: str) -> dict | None:
    """A workload in this process: {"before", "growth", "peak"} in kB."""
    run = make_workloads()[workload].start(LIBRARIES[name]())
    before = resident()
    with threadpool_limits(THREADS):
        for _ in range(MEMORY_STEPS[workload]):
            run()
    if not before:
        return None
    now, peak = before["RSS"], resident()["HWM"]
    return {"before": now, "growth": peak - now, "peak": peak}


def measure_memory(name: str, workload: str = "W1") -> dict | None:
    """A workload in a process of its own; None if it is not known."""
    command = [sys.executable, SCRIPTS / "bench.py"]
    command += ["--memory-of", name, workload]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


# --- The report ---


def describe_torch(torch) -> str:
    """The BLAS library behind PyTorch, its kernels and its threads."""
    text = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", text)
    number = re.search(r"Kernel Library Version (\S+)", text)
    words = [match[1] for match in (name, number) if match]
    vectors = torch.backends.cpu.get_cpu_capability()
    return f"{' '.join(words)}; its own loops use {vectors}"


def describe_setting(libraries: list[Library]) -> dict:
    """Where and with what the figures were made."""
    from dlfs.trainer import environment  # not into train_alone's memory

    names = {"numpy": blas()}
    for library in libraries:
        if library.name == "pytorch":
            names["pytorch"] = describe_torch(library.torch)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        **environment(),
        "libraries": {library.name: library.version for library in libraries},
        "threads": THREADS,
        "blas": names,
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
    print(f"machine  {setting['machine']}, {setting['system']}")
    print(f"python   {setting['python']}, NumPy {setting['numpy']}")
    libraries = ", ".join(map(" ".join, setting["libraries"].items()))
    print(f"with     {libraries}; git {setting['git']}")
    for name, library in setting["blas"].items():
        print(f"BLAS     of {name}: {library}")
    print(f"date     {setting['date']}")
    for warning in setting["warnings"]:
        print(f"warning: {warning}")
    print(flush=True)


def print_table(title: str, heads: list[str], rows: dict) -> None:
    """Print a row of figures for each library."""
    print(title)
    print(f"  {'':16}" + "".join(f"{head:>10}" for head in heads))
    for library, figures in rows.items():
        texts = [f"{x:10.3f}" for x in figures if x is not None]
        print(f"  {library:16}{''.join(texts)}")
    print(flush=True)


# --- The command line ---


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, formatter_class=kind
    )
    add = parser.add_argument
    workloads = make_workloads()
    parser.epilog = "workloads:\n" + "\n".join(
        f"  {name:4} {w.title}" for name, w in workloads.items()
    )
    add("--rounds", type=at_least_one, default=30, help="(default: 30)")
    add("--quick", action="store_true", help="2 rounds: to see that it works")
    add("--only", nargs="+", choices=workloads, default=[*workloads])
    add("--json", type=Path, default=ROOT / "build/bench.json", metavar="FILE")
    add("--memory-of", nargs=2, help=argparse.SUPPRESS)
    add("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    return parser


def bench(args: argparse.Namespace) -> dict:
    """Load, check, measure and print; returns the report."""
    notes: list[str] = []
    libraries = load(notes)
    workloads = make_workloads(6_400 if args.quick else 60_000)
    workloads = {name: workloads[name] for name in args.only}
    rounds = 2 if args.quick else args.rounds
    summaries, memory = {}, {}
    with threadpool_limits(THREADS):  # of all that are loaded by now
        setting = describe_setting(libraries)
        print_setting(setting)
        for name, workload in workloads.items():
            check(name, workload, libraries)
        seconds = measure(workloads, libraries, rounds)
    for name, workload in workloads.items():
        found = summaries[name] = summarize(workload, seconds[name])
        heads = ["best", "median", "ratio"]
        rows = found["libraries"].items()
        rows = {one: [row[head] for head in heads] for one, row in rows}
        title = f"{name}: {workload.title}, in {workload.unit}"
        print_table(title, heads, rows)
    for name in workloads.keys() & MEMORY_STEPS.keys():
        memory[name] = {
            one.name: measure_memory(one.name, name)
            for one in taking_part(name, libraries)
        }
        rows = {
            one: [kilobytes / 1024 for kilobytes in (row or {}).values()]
            for one, row in memory[name].items()
        }
        steps = f"{MEMORY_STEPS[name]} steps in a fresh process"
        print_table(
            f"memory of {name}, {steps}, in MB",
            ["before", "growth", "peak"],
            rows,
        )
    if {"W2", "G2"} <= summaries.keys():
        rows = summaries["G2"]["libraries"]
        notes += [
            f"W2: at the rate of its products (G2) {one} would need at least "
            f"{1e3 * CNN_GFLOP / row['best']:.0f} ms"
            for one, row in rows.items()
        ]
    if "W1e" in workloads:
        notes.append(f"W1e: the images are {digits()[2]}")
    for note in notes:
        print(f"note: {note}")
    report = {"rounds": rounds, "workloads": summaries}
    report |= {
        "memory": memory.get("W1", {}),
        "memory_W2": memory.get("W2", {}),
    }
    return {"setting": setting, **report, "notes": notes}


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    args = make_parser().parse_args(argv)
    if args.memory_of:
        print(json.dumps(train_alone(*args.memory_of)))
        return 0
    if args.serve:
        serve(args.serve)
        return 0
    args.json.parent.mkdir(parents=True, exist_ok=True)
    try:
        report = bench(args)
    except BenchError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {args.json}")
    return 0
