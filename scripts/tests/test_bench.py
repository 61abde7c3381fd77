"""The benchmark measures what it says, and says what it cannot measure."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bookkit.bench import command as bench
from bookkit.bench.libraries import DLFS, LIBRARIES, weights
from bookkit.bench.workloads import make_workloads

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


def run_bench(file, *options, **environment):
    """Run bench.py as a process of its own; return report and output."""
    command = [sys.executable, ROOT / "scripts" / "bench.py", "--json", file]
    done = subprocess.run(
        [*command, "--quick", "--only", "W4", *options],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text(encoding="utf-8")), done.stdout


def main(capsys, *options):
    """Run bench.py in this process; return exit code and error output."""
    try:
        code = bench.main(list(options))
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().err


class TestRun:
    def test_dlfs_alone_is_timed_without_ratios(self, tmp_path):
        file = tmp_path / "new" / "bench.json"
        variables = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512"}
        report, out = run_bench(file, "--libraries", "dlfs", **variables)
        assert report["workloads"]["W4"]["unit"] == "us/operation"
        assert list(report["workloads"]["W4"]["libraries"]) == ["dlfs"]
        row = report["workloads"]["W4"]["libraries"]["dlfs"]
        assert row["ratio"] is None
        assert len(row["seconds"]) == report["rounds"] == 2
        assert 1e-4 < min(row["seconds"]) == pytest.approx(row["best"] / 1e3)
        assert report["setting"]["environment"] == variables
        assert "without PyTorch there are no ratios" in out
        both = " and ".join(map("=".join, variables.items()))
        assert f"with {both} NumPy can have half its speed" in out

    def test_ratios_are_those_to_pytorch(self, tmp_path):
        if importlib.util.find_spec("torch") is None:
            pytest.skip("PyTorch is not installed")
        libraries = ["--libraries", "pytorch,dlfs"]
        report, _ = run_bench(tmp_path / "bench.json", *libraries)
        rows = report["workloads"]["W4"]["libraries"]
        assert rows["pytorch"]["ratio"] == 1
        seconds = [rows[name]["seconds"] for name in ("dlfs", "pytorch")]
        assert rows["dlfs"]["ratio"] == np.mean(np.divide(*seconds))
        assert set(report["setting"]["blas"]) == {"numpy", "pytorch"}

    def test_every_round_has_one_turn_for_each_in_changing_order(
        self, monkeypatch
    ):
        turns = []
        monkeypatch.setattr(bench, "turn", lambda w, x: turns.append(x.name))
        everybody = list(LIBRARIES.values())
        workloads = {"W4": make_workloads()["W4"]}
        bench.measure(workloads, {"W4": everybody}, 8)
        each = len(everybody)
        rounds = [turns[i : i + each] for i in range(0, len(turns), each)]
        assert len(rounds) == 8
        assert all(sorted(names) == sorted(LIBRARIES) for names in rounds)
        assert len({tuple(names) for names in rounds}) == 2

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
        workload = make_workloads()["W1"]
        seconds = {"pytorch": [2.0, 4.0, 6.0], "dlfs": [1.5, 1.0, 9.0]}
        row = bench.summarize(workload, seconds)["libraries"]["dlfs"]
        assert row["best"] == 1000
        assert row["median"] == 1500
        assert row["ratio"] == 0.75  # of 0.75, 0.25 and 1.5

    @pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="needs Linux"
    )
    def test_memory_is_that_of_a_fresh_process(self):
        ballast = np.ones(20_000_000)  # 160 MB, which are ours alone
        row = bench.measure_memory(["dlfs"], 1)["dlfs"]
        assert row["peak"] * 1024 < ballast.nbytes
        assert row["peak"] == row["before"] + row["growth"]
        model = sum(w.nbytes for w in weights().values())
        assert row["growth"] * 1024 > 3 * model  # Adam's means, a gradient


class TestAgreement:
    def test_libraries_that_compute_the_same_are_timed(self):
        libraries, notes = [DLFS(1), DLFS(1)], []
        for name, workload in make_workloads(640).items():
            if name != "W1e":
                agreeing = bench.check(name, workload, libraries, notes)
                assert agreeing == libraries
        assert not notes

    def test_another_library_that_differs_is_left_out(self):
        ours, other = DLFS(1), WrongRate(1)
        other.name, notes = "other", []
        workload = make_workloads()["W1"]
        assert bench.check("W1", workload, [ours, other], notes) == [ours]
        assert "W1 other: ValueError: computes something else" in notes[0]

    def test_nothing_is_timed_when_dlfs_differs(self):
        reference = DLFS(1)
        reference.name = "pytorch"
        libraries = [reference, WrongRate(1)]
        with pytest.raises(bench.BenchError, match=r"dlfs: .* something else"):
            bench.check("W1", make_workloads()["W1"], libraries, [])

    def test_nan_is_no_agreement(self):
        nan = np.float32([np.nan])
        with pytest.raises(ValueError, match="something else"):
            bench.compare(nan, nan, 1e-5)

    def test_float64_is_noted(self):
        class Wide(DLFS):
            def arrays(self, y, x):
                return y.data.astype(np.float64), x.grad.data

        notes = []
        bench.check("W4", make_workloads()["W4"], [Wide(1)], notes)
        assert notes == ["W4 dlfs: it computes in float64"]

    def test_a_library_that_breaks_gets_one_line(self, monkeypatch):
        def fail(threads):
            raise AttributeError("no np.int\nand much more")

        monkeypatch.setitem(LIBRARIES, "pytorch", fail)
        notes = []
        loaded = bench.load(["dlfs", "pytorch"], 1, notes)
        assert [library.name for library in loaded] == ["dlfs"]
        assert notes[0] == (
            "pytorch: does not run here: AttributeError: no np.int"
        )


def make_report():
    """A report in which every bar is reached."""
    row = {"ratio": 0.3, "median": 2.0}
    return {
        "workloads": {
            name: {"libraries": {"dlfs": dict(row)}}
            for name in ("W1", "W1e", "W4", "G1")
        },
        "memory": {
            "dlfs": {"before": 50, "growth": 4, "peak": 54},
            "pytorch": {"before": 300, "growth": 15, "peak": 315},
        },
    }


class TestBars:
    def test_all_can_be_reached(self):
        assert bench.find_missed_bars(make_report()) == []

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("workloads W1 libraries dlfs ratio", 0.41),
            ("workloads W1e libraries dlfs ratio", 0.46),
            ("workloads W4 libraries dlfs ratio", 0.56),
            ("workloads W4 libraries dlfs median", 2.3),
            ("memory dlfs growth", 16),
            ("memory dlfs peak", 316),
        ],
    )
    def test_each_can_be_missed(self, path, value):
        report = place = make_report()
        *keys, last = path.split()
        for key in keys:
            place = place[key]
        place[last] = value
        assert len(bench.find_missed_bars(report)) == 1


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (
                "--only W1,W9",
                "'W9' is not one of W1, W1b, W1e, W4, W4s, G1, G2",
            ),
            ("--libraries jax", "'jax' is not one of pytorch, dlfs"),
            ("--rounds 0", "'0' is not a whole number from 1 to 1024"),
            ("--threads two", "'two' is not a whole number from 1 to 1024"),
            ("--json /", "--json /: Is a directory"),
            ("--libraries dlfs --bars", "--bars needs PyTorch"),
        ],
    )
    def test_each_gets_one_sentence(self, capsys, tmp_path, options, sentence):
        file = str(tmp_path / "bench.json")
        code, error = main(capsys, "--json", file, *options.split())
        assert code in (1, 2)
        assert sentence in error
        assert "Traceback" not in error

    def test_an_old_report_survives_a_mistake(self, capsys, tmp_path):
        file = tmp_path / "bench.json"
        file.write_text("old", encoding="utf-8")
        options = ["--json", str(file), "--libraries", "dlfs", "--bars"]
        assert main(capsys, *options)[0] == 1
        assert file.read_text(encoding="utf-8") == "old"

    @pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
    def test_make_bench_unsets_what_slows_numpy_down(self):
        command = ["make", "-n", "-C", ROOT, "bench"]
        text = subprocess.run(command, capture_output=True, text=True).stdout
        assert all(f"-u {name}" in text for name in bench.TUNING)
