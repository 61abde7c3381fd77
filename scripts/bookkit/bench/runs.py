"""Run an experiment with several seeds and record what came out.

    python scripts/record_runs.py                     full MNIST, seeds 0 to 4
    python scripts/record_runs.py --more="--half-life 0"
    python scripts/record_runs.py --data mini --seeds 0 1 2

Every run is a process of its own, started with the printed command. It adds
one line of JSON to book/runs/EXPERIMENT.jsonl: the command, the seed, the
checksum of the data, the versions, the machine, the accuracy and the seconds.
The chapters and the README take their figures from these lines. Set
DLFS_DATA to the folder that holds the data.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bookkit import ROOT
from bookkit.run.machine import blas, machine

ARGUMENTS = ("seed", "threads", "validation")  # that a record names


def run(experiment: str, arguments: list[str], keep: Path | None) -> dict:
    """Run the experiment in a folder of its own; return its record."""
    module = ["-m", f"dlfs.experiments.{experiment}", *arguments]
    print("python " + shlex.join(module), flush=True)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        folder = keep or Path(folder)
        began = time.perf_counter()
        if not (folder / "curve.png").exists():
            subprocess.run(
                [sys.executable, *module, "--save-dir", str(folder)],
                env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
                check=True,
            )
        seconds = time.perf_counter() - began
        config = json.loads((folder / "config.json").read_text("utf-8"))
        lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    epochs = [row for row in rows if "train_loss" in row]
    tested = {name: rows[-1][name] for name in rows[-1] if "test_a" in name}
    said = {name: config["arguments"][name] for name in ARGUMENTS}
    known = {name: config[name] for name in ("python", "numpy", "git")}
    return {
        "command": "python " + shlex.join(module),
        **said,
        "data": config["data"]["source"].partition(" from ")[0],
        "data_sha256": config["data"]["sha256"],
        **known,
        "machine": machine(),
        "blas": blas(),
        "validation_by_epoch": [
            row.get("validation_accuracy") for row in epochs
        ],
        **tested,
        "seconds_by_epoch": [row["seconds"] for row in epochs],
        "seconds": round(
            max(seconds, sum(row["seconds"] for row in epochs)), 2
        ),
    }


def main() -> None:
    """Read the command line and record the runs, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--experiment", default="mlp_mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    parser.add_argument("--data", choices=["full", "mini"], default="full")
    parser.add_argument(
        "--arguments",
        default="--epochs 5 --batch-size 128 --lr 2e-3",
        help="what else the command says (default: %(default)s)",
    )
    parser.add_argument(
        "--more", default="", help="further arguments, as '--half-life 0'"
    )
    parser.add_argument("--out", type=Path, help="file of records")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder for the run's files; if it holds a run that ended, that "
        "is recorded (with one seed)",
    )
    args = parser.parse_args()
    out = args.out or ROOT / "book" / "runs" / f"{args.experiment}.jsonl"
    for seed in args.seeds:
        arguments = [*shlex.split(args.arguments), "--seed", str(seed)]
        arguments += [*shlex.split(args.more), "--data", args.data]
        record = run(args.experiment, arguments, args.keep)
        with open(out, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
