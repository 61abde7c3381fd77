# Made from book/ by scripts/tangle.py: edit the chapters.
"""Memory is kept where the C library can, and nowhere else is it an error."""

import platform
import subprocess
import sys

import pytest

from dlfs.trainer import keep_memory

# book/34-fast-numpy.md#test-keep-memory
FAULTS = """
import resource, numpy as np
from dlfs.trainer import argument_parser, keep_memory, run_command

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work(args=None):
    before = faults()
    for _ in range(10):
        [np.ones(1_000_000, np.float32) for _ in range(4)]
    print(faults() - before)

{}
"""
PAGES = 4 * 977  # of the four arrays of 4 MB


def count_faults(code):
    """Return how many pages were cleared for these arrays, ten times."""
    command = [sys.executable, "-c", FAULTS.format(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.platform != "linux",
    reason="only GNU's C library can be told",
)
class TestMemory:
    def test_is_cleared_once_instead_of_ten_times(self):
        assert count_faults("keep_memory(); work()") < 2 * PAGES

    def test_an_experiment_keeps_it(self):
        code = "run_command(argument_parser('a', 'b'), work, [])"
        assert count_faults(code) < 2 * PAGES

    @pytest.mark.parametrize("code", ["", "keep_memory(2**20); "])
    def test_without_or_above_the_limit_it_is_cleared_each_time(self, code):
        if (found := count_faults(code + "work()")) < PAGES:
            pytest.skip(f"{found} pages: larger ones than usual")
        assert found > 9 * PAGES


class TestElsewhere:
    def test_other_libraries_are_left_alone(self, monkeypatch):
        monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
        monkeypatch.setattr("ctypes.CDLL", lambda name: 1 / 0)
        assert keep_memory() is False

    def test_an_old_one_gets_as_much_as_it_accepts(self, monkeypatch):
        told = []

        class Old:
            def __init__(self, name):
                pass

            def mallopt(self, number, value):
                told.append((number, value))
                return int(value <= 2**25 or number == -1)

        monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.27"))
        monkeypatch.setattr("ctypes.CDLL", Old)
        assert keep_memory() is True
        assert told == [(-3, 2**30), (-3, 2**25), (-1, 2**31 - 1)]
        assert keep_memory(2**40) is True
        assert told[3:] == [(-3, 2**31 - 1), (-3, 2**25), (-1, 2**31 - 1)]
