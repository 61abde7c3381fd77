# Made from book/ by scripts/tangle.py: edit the chapters.
"""The experiment with photographs, from the command line."""

import json
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from test_experiments import epochs_in, without_seconds

from dlfs import data, optim
from dlfs.data import CIFAR10, CIFAR10_FILES, CIFAR10_FOLDER
from dlfs.experiments.cnn_cifar10 import main, make_parser, make_transform
from dlfs.nn import Parameter
from dlfs.trainer import load_checkpoint, make_scheduler

# book/30-experiments.md#test-cnn-cifar10-runs
COUNT = 12  # photographs in a file, instead of 10,000
SMALL = ["--quiet", "--batch-size", "16", "--validation", "6"]
SMALL += ["--epochs", "2"]
ALL = ["--augment", "--dropout", "0.2", "--label-smoothing", "0.1"]
ALL += ["--shards", "2", "--threads", "2", "--optimizer", "sgd"]
ALL += ["--schedule", "one-cycle", "--warmup", "0.5"]
pytestmark = pytest.mark.usefixtures("no_curve")


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Make a small CIFAR-10 of random pixels, the default data of a run."""
    rng = np.random.default_rng(0)
    folder = tmp_path / CIFAR10_FOLDER
    folder.mkdir()
    for name in CIFAR10_FILES:
        labels = [bytes([n % 10]) + rng.bytes(3072) for n in range(COUNT)]
        (folder / name).write_bytes(b"".join(labels))
    monkeypatch.setattr(CIFAR10, "records", COUNT)
    monkeypatch.setenv("DLFS_DATA", str(tmp_path))
    return tmp_path


def run(folder, *options):
    """Run the experiment; return its last checkpoint, without its times."""
    assert main([*SMALL, "--save-dir", str(folder), *options]) == 0
    return without_seconds(load_checkpoint(folder / "last.npz"))


class TestCNNOnCIFAR10:
    def test_a_run_says_what_it_used_and_what_came_out(self, cifar, capsys):
        row = run(cifar / "run", *ALL)
        first, *_, accuracy, _, _ = capsys.readouterr().out.splitlines()
        assert first.startswith("data: CIFAR-10 (60 + 12) from ")
        assert accuracy.startswith("test accuracy ")
        assert row["epoch"] == 2 and row["step"] == 2 * 4
        config = json.loads((cifar / "run" / "config.json").read_text())
        assert config["arguments"]["schedule"] == "one-cycle"
        assert config["arguments"]["model"] == "small"

    def test_resuming_gives_the_same_bits(self, cifar, monkeypatch):
        straight = run(cifar / "a", *ALL)
        stop_after(monkeypatch, 5)
        assert main([*SMALL, *ALL, "--save-dir", str(cifar / "b")]) == 130
        monkeypatch.undo()
        monkeypatch.setattr(CIFAR10, "records", COUNT)
        monkeypatch.setenv("DLFS_DATA", str(cifar))
        again = run(cifar / "b", *ALL, "--resume", "--threads", "1")
        assert again == straight

    def test_a_run_that_ends_elsewhere_is_not_resumed(self, cifar, capsys):
        run(cifar / "run", "--schedule", "cosine")
        where = ["--save-dir", str(cifar / "run"), "--resume"]
        more = ["--schedule", "cosine", "--epochs", "3"]
        assert main([*SMALL, *more, *where]) == 1
        assert "epochs is 3 now, but 2 in it" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ("--data mini", "--data mini: the package has no photographs"),
            ("--limit 61", "--limit 61: there are only 60 images"),
            ("--warmup 2", "--warmup 2: expected less than --epochs, which"),
            ("--shards 17", "--shards 17: a batch has only 16 examples"),
        ],
    )
    def test_what_cannot_be_done_is_one_sentence(
        self, cifar, capsys, arguments, message
    ):
        options = [*SMALL, "--save-dir", str(cifar / "x")]
        assert main([*options, *arguments.split()]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error

    def test_without_data_and_network_it_says_how_to_get_them(
        self, tmp_path, capsys, monkeypatch
    ):
        def no_network(*args, **options):
            raise OSError("Network is unreachable")

        monkeypatch.setattr("dlfs.data.download.urlopen", no_network)
        monkeypatch.setenv("DLFS_DATA", str(tmp_path))
        assert main([*SMALL, "--save-dir", str(tmp_path / "x")]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and data.CIFAR10_MIRRORS[0] in error
        assert str(tmp_path) in error


def stop_after(monkeypatch, steps):
    """Let Ctrl-C come after so many steps."""
    from dlfs.trainer import Trainer

    plain = Trainer.train_step

    def train_step(self, inputs, targets):
        loss = plain(self, inputs, targets)
        if self.step == steps:
            self._stop = 2  # SIGINT
        return loss

    monkeypatch.setattr(Trainer, "train_step", train_step)


# book/30-experiments.md#test-cnn-cifar10-killed
PROGRAM = """
from dlfs.data import CIFAR10
from dlfs.experiments.cnn_cifar10 import main
from dlfs.trainer import Trainer
CIFAR10.records = {count}
Trainer._draw_curve = lambda trainer: None  # as in no_curve
raise SystemExit(main({arguments}))
"""


def start(folder, epochs):
    """Start a run in a process of its own, or go on with it."""
    arguments = [*SMALL, *ALL, "--no-test", "--save-dir", str(folder)]
    arguments += ["--epochs", str(epochs)]
    if (folder / "last.npz").exists():
        arguments.append("--resume")
    program = PROGRAM.format(count=COUNT, arguments=arguments)
    return subprocess.Popen([sys.executable, "-c", program])


def test_kills_change_nothing(cifar):
    straight, killed, epochs = cifar / "straight", cifar / "killed", 3
    left_alone = start(straight, epochs)
    chance, kills = random.Random(), 0
    for goal in range(1, epochs):
        process = start(killed, epochs)
        while process.poll() is None and epochs_in(killed) < goal:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        kills += process.wait() != 0
    assert kills > 0
    assert start(killed, epochs).wait() == left_alone.wait() == 0
    one, other = (load_checkpoint(f / "last.npz") for f in (straight, killed))
    assert without_seconds(one) == without_seconds(other)


# book/30-experiments.md#test-cnn-cifar10-schedule
def rates(*options, steps_per_epoch=10):
    """Return the learning rate of every step of a run."""
    args = make_parser().parse_args([*options, "--lr", "1"])
    optimizer = optim.SGD([Parameter(np.zeros(1))], lr=args.lr, momentum=0.9)
    scheduler = make_scheduler(args, optimizer, steps_per_epoch)
    found = []
    for _ in range(args.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        if scheduler is not None:
            scheduler.step()
    return np.array(found)


class TestSchedules:
    def test_the_default_leaves_the_rate_alone(self):
        assert (rates() == 1).all()

    def test_a_half_life_counts_steps(self):
        found = rates("--half-life", "5")[[5, 10]]
        np.testing.assert_allclose(found, [0.5, 0.25])

    def test_cosine_ends_at_nothing(self):
        found = rates("--schedule", "cosine", "--epochs", "2")
        wanted = (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
        np.testing.assert_allclose(found, wanted, atol=1e-12)

    def test_the_warmup_rises_evenly_and_comes_first(self):
        found = rates("--schedule", "cosine", "--warmup", "1", "--epochs", "3")
        np.testing.assert_allclose(found[:10], np.arange(1, 11) / 11)
        wanted = (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
        np.testing.assert_allclose(found[10:], wanted, atol=1e-12)

    def test_a_warmup_alone_stays_at_the_rate(self):
        found = rates("--warmup", "0.5", "--epochs", "2")
        np.testing.assert_allclose(found[:5], np.arange(1, 6) / 6)
        assert np.allclose(found[5:], 1)

    def test_steps_divide_by_ten_twice(self):
        found = rates("--schedule", "step", "--epochs", "3")
        np.testing.assert_allclose(found, np.repeat([1, 0.1, 0.01], 10))

    @pytest.mark.parametrize("warmup, top", [("0", 8), ("1", 9)])
    def test_one_cycle_is_highest_at_the_end_of_its_warmup(self, warmup, top):
        options = f"--schedule one-cycle --epochs 3 --warmup {warmup}"
        found = rates(*options.split())
        assert found.argmax() == top and np.isclose(found.max(), 1)
        assert found[-1] < 1e-4


# book/30-experiments.md#test-transform
class TestTransform:
    def test_the_same_seed_changes_photographs_in_the_same_way(self):
        images = np.random.default_rng(0).integers(
            0, 256, (20, 3, 32, 32), np.uint8
        )
        one, same = (make_transform(images, True, 7)(images) for _ in "ab")
        other = make_transform(images, True, 8)(images)
        assert np.array_equal(one, same) and not np.array_equal(one, other)

    def test_without_augmentation_they_are_normalised_only(self):
        images = np.random.default_rng(0).integers(
            0, 256, (20, 3, 32, 32), np.uint8
        )
        found = make_transform(images, False, 0)(images)
        assert np.allclose(found.mean((0, 2, 3)), 0, atol=1e-4)
        assert np.allclose(found.std((0, 2, 3)), 1, atol=1e-4)
