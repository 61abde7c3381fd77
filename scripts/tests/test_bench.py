"""The benchmark measures what it says, and says what it cannot measure."""

import itertools
import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bookkit.bench import command as bench
from bookkit.bench import libraries, workloads
from bookkit.bench.libraries import DLFS, SIZES
from bookkit.bench.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]


class WrongRate(DLFS):
    """dlfs, if its Adam took the learning rate for another one."""

    def mlp(self):
        adam = self.optim.Adam
        try:
            self.optim.Adam = lambda params, lr: adam(params, 2 * lr)
            return super().mlp()
        finally:
            self.optim.Adam = adam


def run_bench(file):
    """Run bench.py in this process; return its report."""
    options = ["--json", str(file), "--rounds", "2", "--only", "W4"]
    assert bench.main(options) == 0
    return json.loads(file.read_text(encoding="utf-8"))


class TestRun:
    def test_dlfs_alone_is_timed_without_ratios(
        self, tmp_path, monkeypatch, capsys
    ):
        (tmp_path / "torch.py").write_text("raise ImportError('torch')")
        monkeypatch.syspath_prepend(tmp_path)  # of all new processes, too
        variables = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        report = run_bench(tmp_path / "new" / "bench.json")
        out = capsys.readouterr().out
        assert report["workloads"]["W4"]["unit"] == "us/operation"
        assert list(report["workloads"]["W4"]["libraries"]) == ["dlfs"]
        row = report["workloads"]["W4"]["libraries"]["dlfs"]
        assert row["ratio"] is None
        assert len(row["seconds"]) == report["rounds"] == 2
        assert 1e-4 < min(row["seconds"]) == pytest.approx(row["best"] / 1e3)
        assert report["setting"]["environment"] == variables
        assert "without pytorch there are no ratios" in out
        both = " and ".join(map("=".join, variables.items()))
        assert f"with {both} NumPy can have half its speed" in out

    def test_ratios_are_those_to_pytorch(self, tmp_path):
        pytest.importorskip("torch")
        report = run_bench(tmp_path / "bench.json")
        rows = report["workloads"]["W4"]["libraries"]
        assert rows["pytorch"]["ratio"] == 1
        seconds = [rows[name]["seconds"] for name in ("dlfs", "pytorch")]
        assert rows["dlfs"]["ratio"] == np.mean(np.divide(*seconds))
        assert set(report["setting"]["blas"]) == {"numpy", "pytorch"}

    def test_every_round_has_one_turn_for_each_in_changing_order(self):
        names = ["dlfs", "pytorch"]
        took = []
        turns = {name: partial(took.append, name) for name in names}
        bench.take_turns("W4", turns, 8)
        rounds = list(zip(took[::2], took[1::2]))
        assert len(rounds) == 8
        assert all(sorted(each) == names for each in rounds)
        assert len(set(rounds)) == 2

    def test_a_slow_workload_has_fewer_rounds(self):
        seconds = bench.take_turns("W1e", {"dlfs": lambda: 1.0}, 11)
        assert seconds == {"dlfs": [1.0] * 3}  # one in five

    def test_libraries_that_differ_are_not_timed(self, monkeypatch):
        def ask(process, function, name, workload):
            return np.float32([name == "dlfs", 1]), {}

        monkeypatch.setattr(bench, "ask", ask)
        with pytest.raises(SystemExit, match=r"W1 pytorch: .*thing el"):
            bench.compare("W1", ["dlfs", "pytorch"], 2)

    def test_a_busy_machine_is_reported(self, monkeypatch):
        monkeypatch.setattr(os, "getloadavg", lambda: (2.4, 0, 0), False)
        warnings = bench.find_disturbances()
        assert "is busy (load average 2.4)" in warnings[-1]

    def test_a_quiet_machine_is_not(self, monkeypatch):
        monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 9, 9), False)
        for name in bench.TUNING:
            monkeypatch.delenv(name, raising=False)
        assert bench.find_disturbances() == []

    def test_figures_come_from_the_same_rounds(self):
        workload = WORKLOADS["W1"]
        seconds = {"pytorch": [2.0, 4.0, 6.0], "dlfs": [1.5, 1.0, 9.0]}
        row = bench.summarize(workload, seconds)["libraries"]["dlfs"]
        assert row["best"] == 1000
        assert row["median"] == 1500
        assert row["ratio"] == 0.75  # of 0.75, 0.25 and 1.5

    @pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="needs Linux"
    )
    def test_memory_is_that_of_a_fresh_process(self):
        ballast = np.ones(12_500_000)  # 100 MB, which are ours alone
        _, memory = bench.compare("W1", ["dlfs"], 1)
        row = memory["dlfs"]
        assert row["peak"] * 1024 < ballast.nbytes
        assert row["peak"] == row["before"] + row["growth"]
        model = 4 * sum(a * b for a, b in itertools.pairwise(SIZES))
        assert row["growth"] * 1024 > 3 * model  # Adam's means, a gradient


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 16 instead of 128."""
    for module in libraries, workloads:
        monkeypatch.setattr(module, "BATCH", 16)


def numbers(name, *libraries):
    """What libraries compute in a workload, as `check` is told."""
    workload = WORKLOADS[name]
    return {
        f"number {place}": workload.numbers(workload.start(library))
        for place, library in enumerate(libraries)
    }


@pytest.mark.usefixtures("small_batches")
class TestAgreement:
    def test_libraries_that_compute_the_same_are_timed(self):
        for name in WORKLOADS:
            if name not in ("W1e", "W2e"):
                bench.check(name, numbers(name, DLFS(), DLFS()))

    def test_nothing_is_timed_when_they_differ(self):
        found = numbers("W1", DLFS(), WrongRate())
        with pytest.raises(SystemExit, match=r"W1 number 1: .*thing el"):
            bench.check("W1", found)

    def test_nan_is_no_agreement(self):
        with pytest.raises(SystemExit, match="something else"):
            bench.check("W4", {"dlfs": np.float32([np.nan])})


class TestCommand:
    @pytest.mark.parametrize("options", ["--only W9", "--rounds 0"])
    def test_mistakes_get_one_sentence(self, capsys, options):
        with pytest.raises(SystemExit):
            bench.main(options.split())
        assert "bench.py: error: argument --" in capsys.readouterr().err

    @pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
    def test_make_bench_unsets_what_slows_numpy_down(self):
        command = ["make", "-n", "-C", ROOT, "bench"]
        text = subprocess.run(command, capture_output=True, text=True).stdout
        assert all(f"-u {name}" in text for name in bench.TUNING)
