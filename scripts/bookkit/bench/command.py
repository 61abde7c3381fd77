"""Time dlfs against PyTorch.

    make bench                                   everything that is installed
    python scripts/bench.py --only W1,W4 --rounds 60
    python scripts/bench.py --json FILE          not into build/bench.json
    python scripts/bench.py --bars               exit 1 if a bar is missed

Both libraries run in this one process and take turns: in every round each has
a turn at each workload, in an order drawn from a fixed seed, so that whatever
disturbs the machine disturbs them all. Before a turn the garbage is collected
and the threads of the turn before get time to fall asleep; then some runs go
untimed. Only W1b leaves out that rest: it shows how much a library suffers
when the other one's threads still spin and wait for work. During a turn
Python's garbage collector works as it does for everybody. `ratio` is a
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
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from statistics import median

from bookkit import ROOT, SCRIPTS

try:
    import numpy as np
    from threadpoolctl import threadpool_limits

    from bookkit.bench.libraries import LIBRARIES, Library
    from bookkit.bench.workloads import Workload, digits, make_workloads
    from bookkit.run.machine import blas, machine
except ModuleNotFoundError as error:
    sys.exit(f"bench.py: there is no {error.name} here: run `make bench`")

BARS = {"W1": 0.40, "W1e": 0.45, "W4": 0.55}  # largest ratios to PyTorch
SLOWEST = {"W4": 2.2}  # largest medians, in the workload's unit
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
MEMORY_STEPS = 100
BUSY = 0.8  # load average of other processes before the start


class BenchError(Exception):
    """What ends the run, in one sentence."""


# --- Who takes part ---


def in_one_line(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"


def load(names: list[str], threads: int, notes: list[str]) -> list[Library]:
    """The libraries that run here; `notes` gets why the others do not."""
    libraries = []
    for name in names:
        try:
            libraries.append(LIBRARIES[name](threads))
        except PackageNotFoundError:
            notes.append(f"{name}: not installed")
        except Exception as error:
            notes.append(f"{name}: does not run here: {in_one_line(error)}")
    loaded = {library.name for library in libraries}
    if "dlfs" not in loaded:
        raise BenchError(f"{notes[-1]}; `make bench` installs it")
    if "pytorch" not in loaded:
        notes.append("without PyTorch there are no ratios, only times")
    return libraries


def check(
    name: str, workload: Workload, libraries: list[Library], notes: list[str]
) -> list[Library]:
    """The libraries that compute what the first of them computes.

    Raises:
        BenchError: if dlfs is not among them.
    """
    agreeing, expected = [], None
    for library in libraries:
        try:
            found = workload.check(library)
            expected = found if expected is None else expected
            compare(found, expected, workload.tolerance)
        except Exception as error:
            sentence = f"{name} {library.name}: {in_one_line(error)}"
            if library.name == "dlfs":
                raise BenchError(sentence) from error
            notes.append(f"{sentence}; it is not timed")
            continue
        if found.dtype != np.float32:
            notes.append(
                f"{name} {library.name}: it computes in {found.dtype}"
            )
        agreeing.append(library)
    return agreeing


def compare(found: np.ndarray, expected: np.ndarray, most: float) -> None:
    """Raise unless numbers differ by `most` of the largest one, or less."""
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    if not difference <= most:  # NaN is no agreement
        raise ValueError(
            f"computes something else: its numbers differ by {difference:.1g} "
            f"from those of the first library, allowed are {most:g}"
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


Seconds = dict[str, dict[str, list[float]]]


def measure(
    workloads: dict[str, Workload],
    taking_part: dict[str, list[Library]],
    rounds: int,
) -> Seconds:
    """{workload: {library: seconds in each round}}."""
    seconds = {
        name: {library.name: [] for library in taking_part[name]}
        for name in workloads
    }
    rng = random.Random(0)
    for number in range(rounds):
        if sys.stderr.isatty():
            end = "\r" if number + 1 < rounds else "\n"
            print(f"round {number + 1}/{rounds}", end=end, file=sys.stderr)
        for name, workload in workloads.items():
            if number % workload.every:
                continue
            order = taking_part[name]
            for library in rng.sample(order, len(order)):
                try:
                    spent = turn(workload, library)
                except Exception as error:
                    text = f"{name} {library.name}: {in_one_line(error)}"
                    raise BenchError(text) from error
                seconds[name][library.name].append(spent)
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


def resident() -> list[int] | None:
    """Memory of this process in kB, now and at its peak, if it is known."""
    status = Path("/proc/self/status")  # ru_maxrss begins with our parent's
    if not status.exists():
        return None
    found = re.findall(r"Vm(HWM|RSS):\s+(\d+)", status.read_text("utf-8"))
    return [int(dict(found)[key]) for key in ("RSS", "HWM")]


def train_alone(name: str, threads: int) -> dict | None:
    """W1 in this process: {"before", "growth", "peak"} in kB."""
    library = LIBRARIES[name](threads)
    run = make_workloads()["W1"].start(library)
    before = resident()
    with threadpool_limits(threads):
        for _ in range(MEMORY_STEPS):
            run()
    if before is None:
        return None
    now, peak = before[0], resident()[1]
    return {"before": now, "growth": peak - now, "peak": peak}


def measure_memory(names: list[str], threads: int) -> dict[str, dict | None]:
    """W1 in a process of its own for each library."""
    found = {}
    for name in names:
        options = ["--memory-of", name, "--threads", str(threads)]
        command = [sys.executable, str(SCRIPTS / "bench.py"), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        found[name] = json.loads(done.stdout) if not done.returncode else None
    return found


# --- The report ---


def describe_torch(torch) -> str:
    """The BLAS library behind PyTorch, its kernels and its threads."""
    text = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", text)
    number = re.search(r"Kernel Library Version (\S+)", text)
    words = [match[1] for match in (name, number) if match]
    vectors = torch.backends.cpu.get_cpu_capability()
    threads = torch.get_num_threads()
    return (
        f"{' '.join(words)}, which does not tell its kernel, {threads} "
        f"threads; its own loops use {vectors}"
    )


def describe_setting(libraries: list[Library], threads: int) -> dict:
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
        "threads": threads,
        "blas": names,
        "environment": {k: os.environ[k] for k in TUNING if k in os.environ},
        "warnings": find_disturbances(),
    }


def find_disturbances() -> list[str]:
    """A warning for what makes the figures hard to compare with others."""
    warnings = []
    found = [f"{k}={os.environ[k]}" for k in TUNING if k in os.environ]
    if found:
        unset = " ".join(f"-u {name}" for name in TUNING)
        warnings.append(
            f"with {' and '.join(found)} NumPy can have half its speed: "
            f"these figures are not comparable with others; env {unset} "
            "python scripts/bench.py measures without"
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


def print_workload(name: str, summary: dict) -> None:
    """Print the rows of a workload."""
    print(f"{name}: {summary['title']}, in {summary['unit']}")
    print(f"  {'':16}{'best':>10}{'median':>10}{'ratio':>8}")
    for library, row in summary["libraries"].items():
        ratio = f"{row['ratio']:8.2f}" if row["ratio"] else ""
        figures = f"{row['best']:10.3f}{row['median']:10.3f}"
        print(f"  {library:16}{figures}{ratio}")
    print()


def print_memory(memory: dict[str, dict | None]) -> None:
    """Print the memory of W1."""
    print(f"memory of W1, {MEMORY_STEPS} steps in a fresh process, in MB:")
    print("before (imports, data, weights), growth to the peak, and the peak")
    print(f"  {'':16}{'before':>10}{'growth':>10}{'peak':>8}")
    for library, row in memory.items():
        if row is None:
            print(f"  {library:16}  not measured")
            continue
        before, growth, peak = (kilobytes / 1024 for kilobytes in row.values())
        print(f"  {library:16}{before:10.1f}{growth:10.1f}{peak:8.1f}")
    print()


def find_missed_bars(report: dict) -> list[str]:
    """A sentence for every bar that dlfs misses."""
    missed = []
    for name, summary in report["workloads"].items():
        row = summary["libraries"]["dlfs"]
        for key, bars in ("ratio", BARS), ("median", SLOWEST):
            if name in bars and row[key] > bars[name]:
                missed.append(f"{name}: {key} {row[key]:.3f} > {bars[name]}")
    ours, theirs = map(report["memory"].get, ("dlfs", "pytorch"))
    if ours and theirs:
        for key in "growth", "peak":
            if ours[key] > theirs[key]:
                missed.append(f"memory: {key} is larger than PyTorch's")
    return missed


# --- The command line ---


def names_of(known) -> Callable[[str], list[str]]:
    """A type for argparse: names out of `known`, with commas."""

    def convert(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"{name!r} is not one of {', '.join(known)}"
                )
        return [name for name in known if name in names]

    return convert


def whole_number(text: str) -> int:
    """A type for argparse: 1 to 1024."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from 1 to 1024"
        )
    return int(text)


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
    add("--rounds", type=whole_number, default=30, help="(default: 30)")
    add("--quick", action="store_true", help="2 rounds: to see that it works")
    for option, known in ("--only", workloads), ("--libraries", LIBRARIES):
        text = f"some of {','.join(known)}; dlfs is always there"
        add(option, type=names_of(known), default=list(known), help=text)
    add("--threads", type=whole_number, default=2, help="of each library (2)")
    add("--json", type=Path, default=ROOT / "build/bench.json")
    bars = ", ".join(f"{name} {bar:g}" for name, bar in BARS.items())
    add(
        "--bars",
        action="store_true",
        help=f"exit 1 if a ratio is above its bar ({bars}), W4 takes more "
        f"than {SLOWEST['W4']} us, or W1 more memory than PyTorch",
    )
    add("--memory-of", choices=LIBRARIES, help=argparse.SUPPRESS)
    return parser


def bench(args: argparse.Namespace) -> dict:
    """Load, check, measure and print; returns the report."""
    notes = []
    names = [n for n in LIBRARIES if n in args.libraries or n == "dlfs"]
    libraries = load(names, args.threads, notes)
    loaded = [library.name for library in libraries]
    if args.bars and "pytorch" not in loaded:
        raise BenchError("--bars needs PyTorch: pip install torch")
    workloads = make_workloads(6_400 if args.quick else 60_000)
    workloads = {name: workloads[name] for name in args.only}
    with threadpool_limits(args.threads):  # of all that are loaded by now
        setting = describe_setting(libraries, args.threads)
        print_setting(setting)
        report = {"setting": setting} | compete(
            workloads, libraries, 2 if args.quick else args.rounds, notes
        )
    if "W1" in workloads:
        able = list(report["workloads"]["W1"]["libraries"])
        report["memory"] = measure_memory(able, args.threads)
        print_memory(report["memory"])
    if "W1e" in workloads:
        notes.append(f"W1e: the images are {digits()[2]}")
    notes += [f"{each.name}: {each.note}" for each in libraries if each.note]
    for note in notes:
        print(f"note: {note}")
    return report | {"notes": notes}


def compete(
    workloads: dict[str, Workload],
    libraries: list[Library],
    rounds: int,
    notes: list[str],
) -> dict:
    """Check and time all libraries, and print a table for each workload."""
    taking_part = {
        name: check(name, workload, libraries, notes)
        for name, workload in workloads.items()
    }
    seconds = measure(workloads, taking_part, rounds)
    summaries = {
        name: summarize(workload, seconds[name])
        for name, workload in workloads.items()
    }
    for name, summary in summaries.items():
        print_workload(name, summary)
    return {"rounds": rounds, "workloads": summaries, "memory": {}}


def check_writable(path: Path) -> None:
    """Say now, and not after the measurement, that a file has no place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("a").close()
    except OSError as error:
        raise BenchError(f"--json {path}: {error.strerror}") from None
    if is_new:
        path.unlink()


def run(args: argparse.Namespace) -> int:
    """Measure, write the JSON file, and judge if asked to."""
    check_writable(args.json)
    report = bench(args)
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {args.json}")
    if not args.bars:
        return 0
    missed = find_missed_bars(report)
    print("\n".join(f"MISSED {each}" for each in missed) or "all bars reached")
    return 1 if missed else 0


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    args = make_parser().parse_args(argv)
    try:
        if args.memory_of:
            print(json.dumps(train_alone(args.memory_of, args.threads)))
            return 0
        return run(args)
    except BenchError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench.py: stopped; nothing was written", file=sys.stderr)
        return 130
