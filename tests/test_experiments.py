# Made from book/ by scripts/tangle.py: edit the chapters.
"""The experiments, as somebody at a terminal meets them."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dlfs.data import fingerprint, sha256_of
from dlfs.experiments import lenet_mnist
from dlfs.experiments.mlp_mnist import main, make_mlp, make_parser
from dlfs.trainer import load_checkpoint

# book/12-mnist.md#test-mlp-mnist
SMALL = ["--data", "mini", "--limit", "1000", "--hidden", "16", "--quiet"]
pytestmark = pytest.mark.usefixtures("no_curve")


class TestMLP:
    @pytest.mark.parametrize(
        "hidden, numbers",
        [([256, 128], 235_146), ([], 7_850), ([300], 238_510)],
    )
    def test_it_has_the_parameters_we_count_by_hand(self, hidden, numbers):
        model = make_mlp(hidden)
        assert sum(p.data.size for p in model.parameters()) == numbers

    def test_two_epochs_on_the_slice_read_nine_of_ten(self, tmp_path, capsys):
        options = ["--data", "mini", "--epochs", "2", "--seed", "0"]
        assert main([*options, "--save-dir", str(tmp_path)]) == 0
        first, *_, accuracy, curve, checkpoint = (
            capsys.readouterr().out.splitlines()
        )
        assert first.startswith("data: the MNIST slice in the package")
        assert float(accuracy.split()[-1].rstrip("%")) > 90
        assert str(tmp_path / "curve.png") in curve
        assert str(tmp_path / "last.npz") in checkpoint
        config = json.loads((tmp_path / "config.json").read_text())
        assert config["arguments"]["seed"] == 0
        assert config["numpy"] == np.__version__
        assert len(config["data"]["sha256"]) == 64


# book/12-mnist.md#test-mlp-mnist-errors
class TestArguments:
    @pytest.mark.parametrize(
        "arguments, message",
        [
            ("--epochs 0", "'0' is not a whole number of at least 1"),
            ("--epochs many", "'many' is not a whole number"),
            ("--lr -1", "'-1' is not a number greater than 0"),
            ("--lr nan", "'nan' is not a number greater than 0"),
            ("--weight-decay inf", "'inf' is not a number of at least 0"),
            ("--validation -1", "'-1' is not a whole number of at least 0"),
            (f"--seed {2**64}", "from 0 up to below 2**64"),
            ("--device cuda", "invalid choice: 'cuda' (choose from "),
            ("--threads 9999999", "is not a whole number from 1 to 1024"),
            ("--data cifar", "invalid choice: 'cifar'"),
            ("--hidden 64 0", "'0' is not a whole number of at least 1"),
            ("--learning 3", "unrecognized arguments: --learning"),
            ("--save-dir ~nobody-at-all/x", "the home folder ~ is not known"),
        ],
    )
    def test_a_wrong_one_is_named(self, capsys, arguments, message):
        with pytest.raises(SystemExit) as stop:
            main(arguments.split())
        assert stop.value.code == 2
        assert message in capsys.readouterr().err.splitlines()[-1]

    def test_a_tilde_is_the_home_folder(self, monkeypatch):
        monkeypatch.setenv("HOME", "somewhere")
        monkeypatch.setenv("USERPROFILE", "somewhere")
        args = make_parser().parse_args(["--save-dir", "~/x"])
        assert args.save_dir == Path("somewhere/x")

    def test_help_shows_every_default(self, capsys):
        with pytest.raises(SystemExit):
            main(["--help"])
        text = " ".join(capsys.readouterr().out.split())
        for default in 5, 128, 0.002, 42, "auto", "adam":
            assert f"(default: {default})" in text
        assert "(default: [256, 128])" in text

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ("--resume", "last.npz does not exist: nothing to resume"),
            ("--data full", "could not be downloaded"),
            ("--limit 10001", "--limit 10001: there are only 10000"),
            ("--validation 1000", "hold_out: 1000 of 1000 examples for va"),
            ("--lr 1e30 --optimizer sgd", "(1e+30 at first)"),
            ("--save-dir x/file/y", "a file is in its place"),
        ],
    )
    def test_what_cannot_be_done_is_one_sentence(
        self, capsys, tmp_path, monkeypatch, arguments, message
    ):
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "file").touch()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DLFS_DATA", str(tmp_path))
        monkeypatch.setattr("dlfs.data.download.urlopen", no_network)
        assert main([*SMALL, *arguments.split()]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error
        assert error.startswith("python -m dlfs.experiments.mlp_mnist: error:")


def no_network(*args, **options):
    """What urlopen does where there is no network."""
    raise OSError("Network is unreachable")


# book/12-mnist.md#test-mlp-mnist-resume
@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run of one epoch, to be copied."""
    folder = tmp_path_factory.mktemp("run")
    assert main([*SMALL, "--epochs", "1", "--save-dir", str(folder)]) == 0
    return folder


class TestRuns:
    def run(self, folder, *options):
        """Run the experiment in this process; return its last checkpoint."""
        assert main([*SMALL, "--save-dir", str(folder), *options]) == 0
        return load_checkpoint(folder / "last.npz")

    def test_resuming_gives_the_same_bits(self, tmp_path):
        straight = self.run(tmp_path / "a", "--epochs", "3")
        self.run(tmp_path / "b", "--epochs", "1")
        resumed = self.run(tmp_path / "b", "--epochs", "3", "--resume")
        for name, weight in straight["model"].items():
            assert np.array_equal(weight, resumed["model"][name])

    @pytest.mark.parametrize(
        "change, message",
        [
            ("--seed 7", "seed is 7 now, but 42 in it"),
            ("--batch-size 64", "batch_size is 64 now, but 128"),
            ("--hidden 8", r"hidden is \[8\] now, but \[16\]"),
            ("--lr 0.5", "lr is 0.5 now, but 0.002"),
            ("--limit 999", "limit is 999 now, but 1000"),
            ("--validation 99", "validation is 99 now, but 100"),
        ],
    )
    def test_a_changed_argument_is_refused(
        self, trained, tmp_path, capsys, change, message
    ):
        shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
        before = (tmp_path / "last.npz").read_bytes()
        options = ["--save-dir", str(tmp_path), "--resume", *change.split()]
        assert main([*SMALL, *options]) == 1
        assert re.search(message, capsys.readouterr().err)
        assert (tmp_path / "last.npz").read_bytes() == before

    def rows(self, folder):
        """Return the rows of `metrics.jsonl`."""
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def test_the_test_set_is_measured_once_at_the_end(self, tmp_path):
        self.run(tmp_path, "--epochs", "3")
        *epochs, final = self.rows(tmp_path)
        assert [row["epoch"] for row in epochs] == [1, 2, 3]
        assert all("validation_accuracy" in row for row in epochs)
        assert "test" not in json.dumps(epochs)
        assert final.keys() == {"epoch", "step", "test_loss", "test_accuracy"}

    @pytest.mark.parametrize(
        "options, held_out",
        [("", 100), ("--validation 30", 30), ("--validation 0", 0)],
    )
    def test_what_is_held_out_is_not_learnt_from(
        self, tmp_path, options, held_out
    ):
        state = self.run(tmp_path, "--epochs", "1", *options.split())
        config = json.loads((tmp_path / "config.json").read_text())
        assert config["arguments"]["validation"] == held_out
        assert state["config"]["validation"] == held_out
        assert state["loader"]["examples"] == 1000 - held_out
        assert ("validation_loss" in self.rows(tmp_path)[0]) == (held_out > 0)
        assert (tmp_path / "best.npz").exists() == (held_out > 0)

    def test_no_test_leaves_the_test_set_alone(self, tmp_path, capsys):
        self.run(tmp_path, "--epochs", "1", "--no-test")
        assert len(self.rows(tmp_path)) == 1
        assert "test accuracy" not in capsys.readouterr().out
        self.run(tmp_path, "--epochs", "1", "--resume")
        assert "test_accuracy" in self.rows(tmp_path)[-1]

    def test_a_new_run_keeps_the_earlier_one(self, tmp_path):
        self.run(tmp_path, "--epochs", "1")
        before = (tmp_path / "last.npz").read_bytes()
        self.run(tmp_path, "--epochs", "1", "--seed", "1")
        assert (tmp_path / "last.npz").read_bytes() != before
        assert (tmp_path / "previous" / "last.npz").read_bytes() == before
        self.run(tmp_path, "--epochs", "1", "--seed", "2")
        assert (tmp_path / "previous" / "last.npz").read_bytes() == before
        assert (tmp_path / "previous-2" / "best.npz").exists()

    def test_ctrl_c_exits_with_130_and_can_be_resumed(self, tmp_path):
        command = [sys.executable, "-m", "dlfs.experiments.mlp_mnist"]
        options = [*SMALL, "--save-dir", str(tmp_path), "--epochs", "1000"]
        with subprocess.Popen(
            command + options, stderr=subprocess.PIPE, text=True
        ) as process:
            while not (tmp_path / "metrics.jsonl").exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            error = process.stderr.read()
        assert process.returncode == 130
        assert "stopped in epoch" in error and "--resume" in error
        done = load_checkpoint(tmp_path / "last.npz")["epoch"]
        more = str(done + 1)
        assert self.run(tmp_path, "--resume", "--epochs", more)["epoch"] > done


# book/12-mnist.md#test-mlp-mnist-broken
BROKEN = {
    "nothing": lambda whole: b"",
    "half": lambda whole: whole[: len(whole) // 2],
    "a flipped bit": lambda whole: whole.replace(b"dlfs", b"dlfr"),
    "the wrong order": lambda whole: whole[::-1],
    "zeros at the end": lambda whole: whole[:-4096] + bytes(4096),
    "another file": lambda whole: b"<!DOCTYPE html>" + bytes(10**6),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_checkpoint_is_refused_and_kept(
    trained, tmp_path, capsys, what
):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "last.npz"
    path.write_bytes(BROKEN[what](path.read_bytes()))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main([*SMALL, "--save-dir", str(tmp_path), "--resume"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and len(error) < 600
    assert f"error: {path} is not a whole checkpoint" in error
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


# book/12-mnist.md#test-mlp-mnist-killed
KILLS = int(os.environ.get("DLFS_KILLS", "2"))
TO_KILL = f"""-m dlfs.experiments.mlp_mnist --data mini --limit 256 --quiet
    --batch-size 64 --hidden 256 --epochs {12 + 3 * KILLS}"""


def command(folder):
    """Return the command that starts a run, or goes on with it."""
    resume = ["--resume"] * (folder / "last.npz").exists()
    place = ["--save-dir", str(folder)]
    return [sys.executable, *TO_KILL.split(), *place, *resume]


def epochs_in(folder):
    """Return how many epochs a run has recorded."""
    path = folder / "metrics.jsonl"
    return path.read_text().count("train_loss") if path.exists() else 0


def run_and_kill(folder, chance):
    """Start a run or go on with it; kill it. Return whether it was alive."""
    before, starting = epochs_in(folder), chance.random() < 0.3
    with subprocess.Popen(
        command(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        if starting:
            time.sleep(chance.uniform(0, 0.4))
        while not starting and epochs_in(folder) == before:
            if process.poll() is not None:
                break
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.08))
        process.kill()
        said = process.stdout.read()
    assert "error" not in said, said
    assert epochs_in(folder) >= before  # what was reached is never lost
    assert before == 0 or (folder / "last.npz").exists()
    return process.returncode != 0


# book/12-mnist.md#test-mlp-mnist-killed-run
def without_seconds(tree):
    """Copy a tree without times, and with fingerprints for its arrays."""
    if isinstance(tree, dict):
        items = tree.items()
        return {k: without_seconds(v) for k, v in items if k != "seconds"}
    if isinstance(tree, list):
        return [without_seconds(item) for item in tree]
    return fingerprint(tree) if isinstance(tree, np.ndarray) else tree


def all_that_counts(folder):
    """Return what is in the files of a run, in a form to compare."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    config = json.loads((folder / "config.json").read_text())
    for name in "resume", "save_dir":
        del config["arguments"][name]
    return {
        "last": without_seconds(load_checkpoint(folder / "last.npz")),
        "best": without_seconds(load_checkpoint(folder / "best.npz")),
        "metrics": [without_seconds(json.loads(line)) for line in lines],
        "curve": sha256_of(folder / "curve.png"),
        "config": config,
        "temporary files": [path.name for path in folder.glob(".*")],
    }


def survive(folder, kills, chance):
    """Kill a run so many times, let it end, and return what came out."""
    survived = 0
    while survived < kills:
        if run_and_kill(folder, chance):
            survived += 1
        else:  # it was faster than we, so this folder is done with
            folder = folder.with_name(folder.name + "x")
    subprocess.run(command(folder), check=True)
    return all_that_counts(folder)


def test_kills_change_nothing(tmp_path):
    seed = int.from_bytes(os.urandom(4))
    print(f"the seed of the moments is {seed}")  # shown if the test fails
    with ThreadPoolExecutor(2) as pool:
        left_alone = pool.submit(survive, tmp_path / "straight", 0, None)
        killed = [
            pool.submit(survive, tmp_path / str(n), KILLS // 2, chance)
            for n, chance in enumerate(map(random.Random, (seed, seed + 1)))
        ]
        for run in killed:
            assert run.result() == left_alone.result()


# book/30-experiments.md#test-lenet-mnist
def test_lenet_reads_most_digits_after_few_examples(tmp_path, capsys):
    options = ["--data", "mini", "--limit", "4000", "--epochs", "1"]
    options += ["--batch-size", "8", "--seed", "0", "--quiet"]
    assert lenet_mnist.main([*options, "--save-dir", str(tmp_path)]) == 0
    accuracy = capsys.readouterr().out.splitlines()[1]
    assert accuracy.startswith("test accuracy ")
    assert float(accuracy.split()[-1].rstrip("%")) > 94
