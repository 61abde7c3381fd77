"""Run an experiment with several seeds and record what came out.

    python scripts/record_runs.py                     full MNIST, seeds 0 to 4
    python scripts/record_runs.py --data mini --seeds 0 1 2
    python scripts/record_runs.py --more="--half-life 0"

Every run is a process of its own, started with the printed command. It adds
one line of JSON to book/runs/EXPERIMENT.jsonl: the command, the seed, the
checksum of the data, the versions, the machine, the accuracy and the seconds.
The chapters and the README take their figures from these lines. Set
DLFS_DATA to the folder that holds the data.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bookkit import ROOT
from bookkit.run.machine import blas, machine


def run(experiment: str, arguments: list[str], keep: Path | None) -> dict:
    """Run the experiment in a folder of its own; return its record."""
    module = ["-m", f"dlfs.experiments.{experiment}", *arguments]
    print("python " + shlex.join(module), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(keep or temporary).resolve()
        began = time.perf_counter()
        if not (folder / "curve.png").exists():
            command = [sys.executable, *module, "--save-dir", str(folder)]
            subprocess.run(command, cwd=ROOT, check=True)
        seconds = time.perf_counter() - began
        config = json.loads((folder / "config.json").read_text("utf-8"))
        lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    epochs = [row for row in rows if "train_loss" in row]
    by_epoch = [row["seconds"] for row in epochs]
    asked = config["arguments"]
    return {
        "command": "python " + shlex.join(module),
        **{name: asked[name] for name in ("seed", "threads", "validation")},
        "data": config["data"]["source"].partition(" from ")[0],
        "data_sha256": config["data"]["sha256"],
        **{name: config[name] for name in ("python", "numpy", "git")},
        "machine": machine(),
        "blas": blas(),
        "validation_by_epoch": [e.get("validation_accuracy") for e in epochs],
        **{name: rows[-1][name] for name in rows[-1] if "test_a" in name},
        "seconds_by_epoch": by_epoch,
        "seconds": round(max(seconds, sum(by_epoch)), 2),
    }


def main() -> None:
    """Read the command line and record the runs, one after the other."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=kind)
    add = parser.add_argument
    usual = "--epochs 5 --batch-size 128 --lr 2e-3"
    kept = "folder of the run (one seed); if it ended there, that is recorded"
    add("--experiment", default="mlp_mnist")
    add("--seeds", type=int, nargs="+", default=range(5))
    add("--data", choices=["full", "mini"], default="full")
    add("--arguments", default=usual, help="(default: %(default)s)")
    add("--more", default="", help="as '--half-life 0'")
    add("--out", type=Path, help="file of records")
    add("--keep", type=Path, help=kept)
    args = parser.parse_args()
    out = args.out or ROOT / "book" / "runs" / f"{args.experiment}.jsonl"
    for seed in args.seeds:
        arguments = [*shlex.split(args.arguments), "--seed", str(seed)]
        arguments += [*shlex.split(args.more), "--data", args.data]
        record = run(args.experiment, arguments, args.keep)
        with open(out, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
