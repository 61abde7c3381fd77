# Made from book/ by scripts/tangle.py: edit the chapters.
"""Training: what is measured, saved, resumed and refused."""

import contextlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tqdm import tqdm

import dlfs
from dlfs import manual_seed, nn, optim
from dlfs.data import DataLoader, TensorDataset
from dlfs.optim.lr_scheduler import ExponentialLR
from dlfs.trainer import (
    CheckpointError,
    Diverged,
    Interrupted,
    Meter,
    Trainer,
    argument_parser,
    evaluate,
    learning_curve,
    load_checkpoint,
    lock_folder,
    run_command,
    run_training,
    save_checkpoint,
    split_training,
)

# book/11-training.md#test-trainer-evaluate
GENERATOR = np.random.default_rng(7)
INPUTS = GENERATOR.standard_normal((44, 6), dtype=np.float32)
TARGETS = GENERATOR.integers(0, 3, 44)


class TestMeasuring:
    def test_a_meter_weighs_batches_by_their_size(self):
        meter = Meter()
        logits = np.array([[2.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
        meter.add(1.0, logits, np.array([0, 0, 0]))
        meter.add(5.0, logits[:1], np.array([1]))
        assert meter.means() == {"loss": 2.0, "accuracy": 0.5}

    def test_a_model_that_knows_nothing_has_loss_log_of_classes(self):
        model = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5))
        for parameter in model.parameters():
            parameter.data[...] = 0
        loader = DataLoader(TensorDataset(INPUTS, TARGETS), 10)
        means = evaluate(model, loader)
        assert means["loss"] == pytest.approx(np.log(3), rel=1e-6)
        assert means["accuracy"] == (TARGETS == 0).mean()

    def test_evaluating_is_repeatable_and_restores_the_mode(self):
        model = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5))
        loader = DataLoader(TensorDataset(INPUTS, TARGETS), 10)
        assert evaluate(model, loader) == evaluate(model, loader)
        assert all(module.training for module in model.modules())
        evaluate(model.eval(), loader)
        assert not any(module.training for module in model.modules())


# book/11-training.md#test-trainer-scheduler
class TestExponentialLR:
    def rates(self, lib, scheduler, parameter, gamma=0.97):
        groups = [{"params": parameter()}, {"params": parameter(), "lr": 7.0}]
        optimizer = lib.optim.SGD(groups, lr=0.5)
        scheduler = scheduler(optimizer, gamma)
        for _ in range(100):
            optimizer.step()
            scheduler.step()
            yield [group["lr"] for group in optimizer.param_groups]

    def ours(self):
        return list(
            self.rates(dlfs, ExponentialLR, lambda: nn.Parameter([1.0]))
        )

    def test_after_n_steps_the_rate_has_the_factor_gamma_to_the_n(self):
        for n, (first, second) in enumerate(self.ours(), 1):
            assert first == pytest.approx(0.5 * 0.97**n, rel=1e-13)
            assert second == pytest.approx(7.0 * 0.97**n, rel=1e-13)

    @pytest.mark.parametrize("gamma", [-1, np.inf, np.nan])
    def test_a_senseless_factor_is_not_loaded(self, gamma):
        optimizer = dlfs.optim.SGD([nn.Parameter([1.0])], lr=0.5)
        scheduler = ExponentialLR(optimizer, 0.9)
        state = scheduler.state_dict()
        with pytest.raises(ValueError, match="gamma"):
            scheduler.load_state_dict(state | {"gamma": gamma})
        assert scheduler.state_dict() == state

    def test_pytorch_has_the_same_rates(self):
        torch = pytest.importorskip("torch")
        scheduler = torch.optim.lr_scheduler.ExponentialLR
        theirs = self.rates(torch, scheduler, lambda: torch.ones(1))
        assert self.ours() == list(theirs)


# book/11-training.md#test-trainer-checkpoint
TREE = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "betas": [0.9, 0.999],
    "state": {"0": {"step": 3, "m": np.zeros(2)}, "none": None},
}


def npz(compress=zipfile.ZIP_STORED, shape=b"(7,), }", **arrays):
    """An archive with some arrays, as hostile as wanted."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array)
            raw = member.getvalue().replace(b"(7,), }", shape)
            archive.writestr(f"{name}.npy", raw)
    return buffer.getvalue()


def bad_files():
    """Contents that are no checkpoints, and what the error must say."""
    good = npz(metadata=np.frombuffer(b"{}", np.uint8))
    huge = npz(shape=b"(7777777777,)}", a=np.zeros(7))
    return {
        "empty": (b"", "not a zip file"),
        "text": (b"epoch 1\n", "not a zip file"),
        "array": (b"\x93NUMPY\x01\x00v\x00", "not a zip file"),
        "no metadata": (npz(a=np.zeros(3)), "metadata"),
        "not JSON": (npz(metadata=np.frombuffer(b"x", np.uint8)), "Expect"),
        "no format": (good, "format"),
        "bomb": (npz(zipfile.ZIP_DEFLATED, a=np.zeros(10**6)), "compressed"),
        "pickle": (npz(a=np.array([print], dtype=object)), "object"),
        "huge": (huge, "7777777777"),
    }


# book/11-training.md#test-trainer-checkpoint-file
def same(a, b):
    """Whether two trees are equal, arrays bit for bit, times aside."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(
            same(a[key], b[key]) for key in a if key != "seconds"
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b


class TestCheckpointFile:
    def test_a_tree_comes_back_as_it_was(self, tmp_path):
        save_checkpoint(tmp_path / "x.npz", TREE)
        assert same(load_checkpoint(tmp_path / "x.npz"), TREE)

    def test_the_same_tree_gives_the_same_bytes(self, tmp_path):
        for name in "ab":
            save_checkpoint(tmp_path / name, TREE)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    @pytest.mark.parametrize("fault", bad_files())
    def test_other_files_are_refused_by_name(self, tmp_path, fault):
        content, message = bad_files()[fault]
        path = tmp_path / "x.npz"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as caught:
            load_checkpoint(path)
        assert str(path) in str(caught.value)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"x\.npz does not exist"):
            load_checkpoint(tmp_path / "x.npz")

    def test_damage_is_noticed_or_harmless(self, tmp_path):
        path = tmp_path / "x.npz"
        save_checkpoint(path, TREE)
        whole = path.read_bytes()
        for place in range(0, len(whole), 7):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << place % 8
            for damaged in whole[:place], flipped:
                path.write_bytes(damaged)
                try:
                    assert same(load_checkpoint(path), TREE)
                except CheckpointError:
                    continue


# book/11-training.md#test-trainer-hostile-files
def archive(state, *members):
    """An archive with a state in JSON and further members: name, bytes."""
    text = f'{{"format": "dlfs checkpoint 1", "state": {state}}}'
    buffer, metadata = io.BytesIO(), io.BytesIO()
    np.save(metadata, np.frombuffer(text.encode(), np.uint8))
    with zipfile.ZipFile(buffer, "w") as file:
        for name, raw in ("metadata.npy", metadata.getvalue()), *members:
            file.writestr(name, raw)
    return bytearray(buffer.getvalue())


def member(shape="(3,)", dtype="'|u1'", body=b"abc"):
    """A member called a, with a header that says whatever is wanted."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}"
    length = struct.pack("<H", len(header))
    return "a.npy", b"\x93NUMPY\1\0" + length + header.encode() + body


def lying_archive(number, *offsets):
    """An archive whose list of members has a wrong number in places."""
    content = archive(A, member())
    for offset in offsets:
        at = content.rindex(b"PK\1\2") + offset
        content[at : at + 4] = struct.pack("<I", number)
    return content


# book/11-training.md#test-trainer-hostile
A = '{"a": {"$array": "a"}}'
HOSTILE = {
    "a state that is no dict": (archive("[]"), "no state"),
    "deep lists": (archive("[" * 10**5 + "]" * 10**5), "recursion"),
    "deep dicts": (archive('{"a":' * 10**5 + "1" + "}" * 10**5), "recursion"),
    "a NaN": (archive('{"step": NaN}'), "a number in it is NaN"),
    "long": (archive('{"a": ' + 400 * "9" + "}"), "number in it has 400"),
    "no array": (archive(A), "the array a is missing"),
    "no name": (archive('{"a": {"$array": []}}'), "is missing"),
    "huge": (archive(A, member("(10000000000000,)")), "can't have 3 bytes"),
    "negative": (archive(A, member("(-3,)")), "can't have 3 bytes"),
    "formula": (archive(A, member("(9**9**9,)")), "malformed"),
    "nothing": (archive(A, member("(9999999,)", "'|V0'")), "the type .V0"),
    "records": (archive(A, member(dtype="[('x', 'u1')]")), "has the type"),
    "objects": (archive(A, member("(0,)", "'|O'", b"")), "has the type obj"),
    "dates": (archive(A, member(dtype="'<M8[s]'")), "has the type datetime"),
    "brackets": (archive(A, member("(" * 9000)), "whole checkpoint"),
    "signs": (archive(A, member("-" * 9000 + "1")), "whole checkpoint"),
    "long header": (archive(A, member(" " * 60_000)), "Header info length"),
    "axes": (archive(A, member("(" + 999 * "1," + ")")), "can't have"),
    "packed size": (lying_archive(2**31 - 1, 20), "compressed"),
    "size": (lying_archive(2**31 - 1, 24), "compressed"),
    "both": (lying_archive(2**31 - 1, 20, 24), "more bytes than it has"),
    "place": (lying_archive(2**31 - 1, 42), "header"),
    "method": (lying_archive(12, 10), "compressed"),
}


@contextlib.contextmanager
def memory_below(limit):
    """Fail if what happens inside takes more bytes at any moment."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


class TestHostileCheckpoints:
    @pytest.mark.parametrize("kind", HOSTILE)
    def test_are_refused_in_one_line_and_little_memory(self, tmp_path, kind):
        content, message = HOSTILE[kind]
        path = tmp_path / "x.npz"
        path.write_bytes(content)
        limit = 5_000_000 + 5 * len(content)
        refused = pytest.raises(CheckpointError, match=message)
        with memory_below(limit), refused as caught:
            load_checkpoint(path)
        text = str(caught.value)
        assert str(path) in text and text.isprintable() and len(text) < 500

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_names_are_used_once_and_only_as_names(self, tmp_path):
        path, (_, raw) = tmp_path / "in" / "x.npz", member()
        path.parent.mkdir()
        path.write_bytes(archive(A, member(), ("../b.npy", raw)))
        assert load_checkpoint(path)["a"].tolist() == [*b"abc"]
        assert list(tmp_path.rglob("*")) == [path.parent, path]
        path.write_bytes(archive(A, member(), member()))
        with pytest.raises(CheckpointError, match="twice"):
            load_checkpoint(path)


# book/11-training.md#test-trainer-damage
OFTEN = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
EDITS = st.tuples(
    st.integers(0, 2000), st.integers(0, 40), st.binary(max_size=40)
)


class TestDamage:
    @OFTEN
    @given(edits=st.lists(EDITS, min_size=1, max_size=3))
    def test_in_up_to_three_places(self, tmp_path, edits):
        path = tmp_path / "x.npz"
        save_checkpoint(path, TREE)
        content = bytearray(path.read_bytes())
        for at, removed, inserted in edits:
            content[at : at + removed] = inserted
        path.write_bytes(content)
        try:
            assert same(load_checkpoint(path), TREE)
        except CheckpointError as error:
            assert str(path) in str(error) and str(error).isprintable()


# book/11-training.md#test-trainer-faults
class Dead(BaseException):
    """The program has been killed."""


class Faults:
    """Lets system call number `fatal` fail, or kills the program there."""

    def __init__(self, monkeypatch, fatal, kill):
        self.calls, self.fatal, self.kill = 0, fatal, kill
        for owner, name in (os, "fsync"), (os, "replace"), (Path, "unlink"):
            monkeypatch.setattr(owner, name, self.after(getattr(owner, name)))
        opener = self.after(lambda *arguments: HalfFile(self, *arguments))
        place = "dlfs.trainer.checkpoint.open"
        monkeypatch.setattr(place, opener, raising=False)

    def count(self):
        self.calls += 1
        if self.kill and self.calls >= self.fatal:
            raise Dead
        if self.calls == self.fatal:
            raise OSError("No space left on device")

    def after(self, function):
        def call(*arguments, **options):
            self.count()
            return function(*arguments, **options)

        return call


class HalfFile(io.FileIO):
    """A file that may fail when half of the bytes are written."""

    def __init__(self, faults, *arguments):
        self.faults = faults
        super().__init__(*arguments)

    def write(self, data):
        super().write(data[: len(data) // 2])
        self.faults.count()
        return super().write(data[len(data) // 2 :])


# book/11-training.md#test-trainer-faults-saving
@pytest.mark.parametrize("kill", [False, True])
def test_the_old_file_or_the_new_is_there_whatever_fails(
    tmp_path, monkeypatch, kill
):
    path, states = tmp_path / "x.npz", [TREE, {"new": 1}]
    for fatal in range(1, 6):  # open, write, fsync, replace, unlink
        save_checkpoint(path, TREE)
        with monkeypatch.context() as patch, pytest.raises((OSError, Dead)):
            faults = Faults(patch, fatal, kill)
            save_checkpoint(path, {"new": 1})
        assert same(load_checkpoint(path), states[fatal == 5])
        assert kill or list(tmp_path.iterdir()) == [path]
    with monkeypatch.context() as patch:
        faults = Faults(patch, 6, kill)
        save_checkpoint(path, {"new": 1})  # there is no sixth call
        assert faults.calls == 5


# book/11-training.md#test-trainer-make
def make_trainer(
    folder=None, kind="adam", hidden=8, batch=8, validate=True, **options
):
    """A small trainer that has everything that must be resumed."""
    manual_seed(3)
    model = nn.Sequential(
        nn.Linear(6, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 3)
    )
    make = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}[kind]
    momentum = {"momentum": 0.9} if kind == "sgd" else {}
    dataset = TensorDataset(INPUTS, TARGETS)
    return Trainer(
        model,
        make(model.parameters(), lr=0.05, **momentum),
        DataLoader(dataset, batch, True, generator=np.random.default_rng(5)),
        DataLoader(dataset, 20) if validate else None,
        save_dir=folder,
        quiet=options.pop("quiet", True),
        **options,
    )


# book/11-training.md#test-trainer-fit
class TestFit:
    def test_it_learns(self):
        history = make_trainer().fit(10)
        assert [row["epoch"] for row in history] == list(range(1, 11))
        assert history[-1]["step"] == 10 * 6
        assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.1

    def test_every_step_is_in_training_mode(self):
        trainer, modes = make_trainer(), []
        step = trainer.train_step

        def watched(*batch):
            modes.append(trainer.model.training)
            return step(*batch)

        trainer.train_step = watched
        trainer.fit(2)  # between the epochs comes an evaluation
        assert modes == [True] * 12

    def test_a_log_file_gets_one_plain_line_an_epoch(self, capsys):
        make_trainer(quiet=False).fit(3)
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert err == "" and "\r" not in out and "\x1b" not in out
        assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]

    def test_clipping_bounds_the_first_step(self):
        trainer = make_trainer(kind="sgd", grad_clip=1e-3)
        before = trainer.model.state_dict()
        trainer.train_step(INPUTS, TARGETS)
        after = trainer.model.state_dict()
        moved = sum(((after[n] - before[n]) ** 2).sum() for n in before)
        assert np.sqrt(moved) == pytest.approx(0.05 * 1e-3, rel=0.01)

    def test_the_learning_rate_halves_in_its_half_life(self):
        trainer = make_trainer()
        trainer.scheduler = ExponentialLR(trainer.optimizer, 0.5 ** (1 / 12))
        rates = [row["lr"] for row in trainer.fit(4)]  # of 6 steps each
        assert rates[1::2] == pytest.approx([0.025, 0.0125], rel=1e-12)

    def test_divergence_names_step_and_rate_and_keeps_the_last(self, tmp_path):
        trainer = make_trainer(tmp_path, kind="sgd")
        trainer.fit(1)
        saved = (tmp_path / "last.npz").read_bytes()
        trainer.optimizer.param_groups[0]["lr"] = 1e30
        message = r"became .* step 8 .*epoch 2.* 1e\+30 .*after step 6 is"
        with pytest.raises(Diverged, match=message):
            trainer.fit(3)
        assert (tmp_path / "last.npz").read_bytes() == saved


# book/11-training.md#test-trainer-resume
def with_scheduler(trainer):
    """Give a trainer a scheduler that has to be resumed as well."""
    trainer.scheduler = ExponentialLR(trainer.optimizer, 0.9)
    return trainer


def stop_after(trainer, steps):
    """Let the trainer get a Ctrl-C during its step number `steps`."""
    step = trainer.train_step

    def interrupted_step(*batch):
        if trainer.step + 1 == steps:
            signal.raise_signal(signal.SIGINT)
        return step(*batch)

    trainer.train_step = interrupted_step
    return trainer


# book/11-training.md#test-trainer-bit-for-bit
@pytest.mark.usefixtures("no_curve")
class TestResume:
    @pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
    def test_two_and_two_epochs_are_four_bit_for_bit(self, tmp_path, kind):
        straight = with_scheduler(make_trainer(tmp_path / "a", kind))
        straight.fit(4)
        with_scheduler(make_trainer(tmp_path / "b", kind)).fit(2)
        resumed = with_scheduler(make_trainer(tmp_path / "b", kind))
        manual_seed(1234)
        resumed.resume()
        resumed.fit(4)
        assert same(resumed.state_dict(), straight.state_dict())

    def test_ctrl_c_while_measuring_is_heard_too(self, tmp_path):
        trainer = make_trainer(tmp_path)

        def loss(*batch):
            if not (trainer.model.training or trainer._stop):
                signal.raise_signal(signal.SIGINT)
            return nn.cross_entropy(*batch)

        trainer.loss_function = loss
        with pytest.raises(Interrupted, match="after step 6;"):
            trainer.fit(1)

    def test_a_broken_batch_leaves_the_model_in_its_mode(self):
        trainer = make_trainer()
        with pytest.raises(ZeroDivisionError):
            evaluate(trainer.model, trainer.train_loader, lambda *b: 1 / 0)
        assert trainer.model.training

    @pytest.mark.parametrize("steps", [1, 5, 6, 7, 12, 20, 24])
    def test_ctrl_c_anywhere_changes_nothing(self, tmp_path, steps):
        straight = make_trainer(tmp_path / "a")
        straight.fit(4)
        before = signal.getsignal(signal.SIGINT)
        where = f"in epoch {(steps + 5) // 6} after step {steps};"
        with pytest.raises(Interrupted, match=where):
            stop_after(make_trainer(tmp_path / "b"), steps).fit(4)
        assert signal.getsignal(signal.SIGINT) is before
        resumed = make_trainer(tmp_path / "b")
        resumed.resume()
        assert resumed.step == steps
        resumed.fit(4)
        assert same(resumed.state_dict(), straight.state_dict())
        lines = [
            (tmp_path / run / "metrics.jsonl").read_text().splitlines()
            for run in "ab"
        ]
        assert len(lines[0]) == len(lines[1]) == 4

    def test_the_same_trainer_can_go_on_too(self):
        straight = make_trainer()
        straight.fit(3)
        stopped = stop_after(make_trainer(), 8)
        with pytest.raises(Interrupted):
            stopped.fit(3)
        stopped.fit(3)
        assert same(stopped.state_dict(), straight.state_dict())

    def test_the_bar_goes_on_where_it_stopped(self, monkeypatch):
        bars = []

        def watched(loader, **options):
            bars.append((options["initial"], options["total"]))
            return tqdm(loader, **options)

        monkeypatch.setattr("dlfs.trainer.loop.tqdm", watched)
        trainer = stop_after(make_trainer(), 8)  # an epoch has 6 steps
        with pytest.raises(Interrupted):
            trainer.fit(3)
        trainer.fit(3)
        assert bars == [(0, 6), (0, 6), (2, 6), (0, 6)]

    def test_a_second_ctrl_c_stops_at_once(self):
        trainer = stop_after(stop_after(make_trainer(), 2), 2)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(1)

    def test_fewer_epochs_than_done_do_nothing(self, tmp_path):
        make_trainer(tmp_path).fit(2)
        trainer = make_trainer(tmp_path)
        trainer.resume()
        assert len(trainer.fit(1)) == 2

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"hidden": 9}, r"0\.weight has shape \(8, 6\), expected \(9, 6"),
            ({"batch": 4}, "batch_size is 4, but 8"),
            ({"validate": False, "config": {"lr": 2, "n": 0}}, "n is 0 now"),
            ({"kind": "sgd", "config": {"lr": 1}}, "lr is 1 now, but 2"),
        ],
    )
    def test_another_run_is_refused(self, tmp_path, change, message):
        make_trainer(tmp_path, config={"lr": 2}).fit(1)
        trainer = make_trainer(tmp_path, **{"config": {"lr": 2}} | change)
        with pytest.raises(CheckpointError, match=message):
            trainer.resume()


# book/11-training.md#test-trainer-folder
class TestRunFolder:
    def test_it_holds_checkpoints_measurements_and_a_curve(self, tmp_path):
        trainer = make_trainer(tmp_path)
        trainer.fit(3)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"last.npz", "best.npz", "metrics.jsonl", "curve.png"}
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == trainer.history
        picture = (tmp_path / "curve.png").read_bytes()
        assert picture.startswith(b"\x89PNG")

    def test_the_curve_has_both_sets_and_names_its_axes(self):
        history = make_trainer().fit(2)
        axes = learning_curve(history).axes
        for place, name in zip(axes, ("loss", "accuracy"), strict=True):
            assert (place.get_xlabel(), place.get_ylabel()) == ("epoch", name)
            for line in place.lines:
                key = f"{line.get_label()}_{name}"
                assert list(line.get_xdata()) == [1, 2]
                assert list(line.get_ydata()) == [r[key] for r in history]
            labels = [text.get_text() for text in place.get_legend().texts]
            assert labels == ["train", "validation"]

    def test_what_is_written_on_the_curve_has_room(self):
        figure = learning_curve(make_trainer().fit(2))
        figure.draw_without_rendering()
        left, right = (axes.get_tightbbox() for axes in figure.axes)
        assert left.x1 < right.x0  # neither is on the other
        for place in left, right:
            assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= place.y0 and place.y1 <= figure.bbox.y1

    def test_of_two_epochs_as_good_the_first_is_the_best(self, tmp_path):
        trainer = make_trainer(tmp_path)
        trainer.optimizer.param_groups[0]["lr"] = 1e-12  # nothing changes
        history = trainer.fit(3)
        assert len({row["validation_accuracy"] for row in history}) == 1
        assert load_checkpoint(tmp_path / "best.npz")["epoch"] == 1

    def test_best_is_the_highest_validation_accuracy(self, tmp_path):
        trainer = make_trainer(tmp_path)
        history = trainer.fit(6)
        best = load_checkpoint(tmp_path / "best.npz")
        highest = max(row["validation_accuracy"] for row in history)
        assert best["history"][-1]["validation_accuracy"] == highest

    def test_without_validation_there_is_no_best(self, tmp_path, capsys):
        trainer = make_trainer(tmp_path, validate=False, quiet=False)
        history = trainer.fit(2)
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"last.npz", "metrics.jsonl", "curve.png"}
        said = capsys.readouterr().out + json.dumps(history)
        assert "validation" not in said

    def test_the_test_is_the_last_line_and_in_no_checkpoint(self, tmp_path):
        trainer = make_trainer(tmp_path)
        trainer.fit(2)
        before = (tmp_path / "last.npz").read_bytes()
        row = trainer.test(trainer.validation_loader)
        means = evaluate(trainer.model, trainer.validation_loader)
        assert row["test_loss"] == means["loss"]
        assert row["test_accuracy"] == means["accuracy"]
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        assert [*map(json.loads, lines)] == [*trainer.history, row]
        assert (tmp_path / "last.npz").read_bytes() == before
        trainer.resume()
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        assert [*map(json.loads, lines)] == trainer.history

    def test_a_record_survives_a_crash_between_two_files(
        self, tmp_path, monkeypatch
    ):
        saved = []
        monkeypatch.setattr(
            "dlfs.trainer.loop.save_checkpoint",
            lambda path, state: saved.append(path.name),
        )
        make_trainer(tmp_path).fit(1)
        assert saved == ["best.npz", "last.npz"]

    def test_it_trains_without_stderr(self, monkeypatch):
        monkeypatch.setattr("sys.stderr", None)
        assert len(make_trainer(quiet=False).fit(1)) == 1

    @pytest.mark.parametrize(
        "path, value",
        [
            (["epoch"], "x"),
            (["epoch"], 10**30),
            (["step"], None),
            (["sums"], {}),
            (["sums", "loss"], "x"),
            (["history"], 5),
            (["history"], []),
            (["history", 0], {}),
            (["history", 0, "validation_accuracy"], None),
            (["history", 0, "seconds"], np.zeros(3)),
            (["loader", "position"], 10**9),
            (["scheduler", "gamma"], -1),
            (["optimizer", "state", "0", "step"], -1),
        ],
    )
    @pytest.mark.usefixtures("no_curve")
    def test_a_senseless_checkpoint_is_refused(self, tmp_path, path, value):
        trainer = with_scheduler(make_trainer(tmp_path))
        trainer.fit(1)
        state = load_checkpoint(tmp_path / "last.npz")
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        save_checkpoint(tmp_path / "last.npz", state)
        with pytest.raises(CheckpointError, match=r"last\.npz does not fit"):
            with_scheduler(make_trainer(tmp_path)).resume()


# book/11-training.md#test-trainer-killed
def files_of(folder):
    """Return what a run's files say, names of files included."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return {
        "names": sorted(path.name for path in folder.iterdir()),
        "metrics": [json.loads(line) for line in lines],
        "last": load_checkpoint(folder / "last.npz"),
        "best": load_checkpoint(folder / "best.npz"),
    }


def go_on(folder):
    """Train for two epochs, going on where an earlier run stopped."""
    trainer = make_trainer(folder)
    if (folder / "last.npz").exists():
        trainer.resume()
    trainer.fit(2)


@pytest.mark.usefixtures("no_curve")
def test_a_run_survives_death_at_every_call(tmp_path, monkeypatch):
    go_on(tmp_path / "0")
    expected, fatal, killed = files_of(tmp_path / "0"), 0, True
    while killed:
        fatal, killed = fatal + 1, False
        folder = tmp_path / str(fatal)
        for call in fatal, fatal % 13 + 1:
            reached = (folder / "last.npz").exists()
            with monkeypatch.context() as patch, contextlib.suppress(Dead):
                faults = Faults(patch, call, kill=True)
                go_on(folder)
            killed = killed or faults.calls >= fatal
            assert (folder / "last.npz").exists() or not reached
        go_on(folder)
        assert same(files_of(folder), expected)
    assert fatal > 2 * 2 * 5  # two files an epoch or three, five calls each


# book/11-training.md#test-trainer-any-state
def places(tree, *path):
    """Yield the path to everything in a tree of dicts and lists."""
    inside = tree if isinstance(tree, (dict, list)) else ()
    for key in inside if isinstance(tree, dict) else range(len(inside)):
        yield (*path, key)
        yield from places(tree[key], *path, key)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
LEAVES |= st.floats(allow_nan=False, allow_infinity=False)
LEAVES |= st.sampled_from([np.zeros(3), np.array(np.nan), np.ones((8, 6))])
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


class TestAnyState:
    @OFTEN
    @given(number=st.integers(0, 10**6), value=ANYTHING)
    def test_is_refused_or_goes_on(self, tmp_path, number, value):
        trainer = with_scheduler(make_trainer(tmp_path))
        trainer.train_step(INPUTS, TARGETS)
        inner = state = trainer.state_dict()
        paths = list(places(state))
        *path, last = paths[number % len(paths)]
        for key in path:
            inner = inner[key]
        inner[last] = value
        save_checkpoint(tmp_path / "last.npz", state)
        resumed = with_scheduler(make_trainer(tmp_path))
        try:
            resumed.resume()
            resumed.train_step(INPUTS, TARGETS)
        except (CheckpointError, Diverged) as error:
            assert str(error).isprintable()


# book/11-training.md#test-trainer-command-line
def command(folder, *options):
    """Run a tiny experiment from a command line; return its exit code."""

    def experiment(args):
        examples = TensorDataset(INPUTS, TARGETS)
        about = {"source": "noise", "sha256": "0"}
        sets = [examples] * 3  # to learn from, to choose by, to test on
        run_training(args, make_trainer().model, *sets, about)

    argv = ["--epochs", "1", "--quiet", "--save-dir", str(folder), *options]
    return run_command(argument_parser("tiny", "Tiny."), experiment, argv)


class TestCommandLine:
    def test_the_test_is_said_unless_it_is_not_wanted(self, tmp_path, capsys):
        command(tmp_path / "a")
        assert "test accuracy " in capsys.readouterr().out
        command(tmp_path / "b", "--no-test")
        assert "test accuracy" not in capsys.readouterr().out

    def test_something_is_left_to_learn_from(self, tmp_path):
        examples = TensorDataset(INPUTS, TARGETS)
        parser = argument_parser("tiny", "Tiny.")
        words = ["--validation", str(len(examples) - 1)]
        train, _ = split_training(parser.parse_args(words), examples)
        assert len(train) == 1
        words = ["--validation", str(len(examples))]
        with pytest.raises(ValueError, match="44 of 44 examples for v"):
            split_training(parser.parse_args(words), examples)

    @pytest.mark.parametrize(
        "options, gamma",
        [([], 0.5 ** (1 / 900)), (["--half-life", "3"], 0.5 ** (1 / 3))],
    )
    def test_the_half_life_becomes_a_factor(self, tmp_path, options, gamma):
        command(tmp_path, *options)
        scheduler = load_checkpoint(tmp_path / "last.npz")["scheduler"]
        assert scheduler["gamma"] == pytest.approx(gamma, rel=1e-15)

    def test_threads_go_to_1024(self, capsys):
        parser = argument_parser("tiny", "Tiny.")
        assert parser.parse_args(["--threads", "1024"]).threads == 1024
        with pytest.raises(SystemExit):
            parser.parse_args(["--threads", "1025"])
        assert "whole number from 1 to 1024" in capsys.readouterr().err

    def test_it_says_where_curve_and_checkpoint_are(self, tmp_path, capsys):
        command(tmp_path)
        said = capsys.readouterr().out.splitlines()
        assert said[-2:] == [
            f"curve {tmp_path / 'curve.png'}",
            f"checkpoint {tmp_path / 'last.npz'}",
        ]

    def test_a_second_run_in_the_folder_is_refused(self, tmp_path, capsys):
        with lock_folder(tmp_path):
            assert command(tmp_path) == 1
        assert "another run is using it" in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
        assert command(tmp_path) == 0

    def test_a_killed_run_leaves_no_lock(self, tmp_path):
        code = (
            "import os, pathlib, sys\n"
            "from dlfs.trainer import lock_folder\n"
            "with lock_folder(pathlib.Path(sys.argv[1])):\n"
            "    os._exit(9)\n"
        )
        call = [sys.executable, "-c", code, str(tmp_path)]
        assert subprocess.run(call).returncode == 9
        assert (tmp_path / ".lock").exists() and command(tmp_path) == 0

    def test_a_file_is_no_folder(self, tmp_path, capsys):
        (tmp_path / "file").write_text("mine")
        for folder in tmp_path / "file", tmp_path / "file" / "run":
            assert command(folder) == 1
            assert "a file is in its place" in capsys.readouterr().err

    def test_an_earlier_run_is_moved_with_a_word(self, tmp_path, capsys):
        command(tmp_path)
        assert "was moved" not in capsys.readouterr().out
        command(tmp_path)
        previous = tmp_path / "previous"
        assert f"moved to {previous}\n" in capsys.readouterr().out

    def test_nothing_left_to_train_is_said(self, tmp_path, capsys):
        command(tmp_path)
        assert command(tmp_path, "--resume") == 0
        said = capsys.readouterr().out
        assert "nothing left to train: 1 of 1 epochs" in said

    def test_resuming_makes_no_folder(self, tmp_path, capsys):
        assert command(tmp_path / "typo", "--resume") == 1
        assert "last.npz" in capsys.readouterr().err
        assert not (tmp_path / "typo").exists()

    @pytest.mark.parametrize(
        "option, text, message",
        [
            ("--save-dir", "", "'' is not the name of a folder"),
            ("--data-dir", "", "'' is not the name of a folder"),
            ("--data-dir", "no/such", "'no/such' is not a folder that exists"),
        ],
    )
    def test_a_senseless_folder_is_refused(
        self, option, text, message, capsys
    ):
        with pytest.raises(SystemExit):
            argument_parser("tiny", "Tiny.").parse_args([option, text])
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize(
        "name", ["grad_clip", "limit", "data_dir", "validation"]
    )
    def test_none_is_what_help_calls_it(self, name):
        option = "--" + name.replace("_", "-")
        args = argument_parser("tiny", "").parse_args([option, "None"])
        assert getattr(args, name) is None

    def test_home_is_expanded(self, monkeypatch, tmp_path):
        for variable in "HOME", "USERPROFILE":
            monkeypatch.setenv(variable, str(tmp_path))
        argv = ["--save-dir", "~/x", "--data-dir", "~"]
        args = argument_parser("tiny", "").parse_args(argv)
        assert (args.save_dir, args.data_dir) == (tmp_path / "x", tmp_path)

    def test_a_full_disk_names_the_file(self, tmp_path, monkeypatch):
        def full(number):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"No space left.*last\.npz"):
            save_checkpoint(tmp_path / "last.npz", {})
