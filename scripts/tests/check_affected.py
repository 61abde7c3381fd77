"""Check that affected.py knows all that each test calls.

    python scripts/tests/check_affected.py [TESTS ...]

Runs the package's tests, or some, with a profiler that notes which functions
of the package they call, and prints what a test calls and does not depend on,
as affected.py sees it. With all tests it takes some minutes. What runs in
processes of its own is not seen.
"""

import importlib
import os
import pkgutil
import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bookkit import ROOT
from bookkit.read.chapters import read_book
from bookkit.read.source import parse
from bookkit.run.affected import closure, read_package, read_parts, statements
from bookkit.tangle.blocks import first_line
from bookkit.tangle.output import Output, tangle

PACKAGE = str(ROOT / "dlfs") + os.sep
OWN_PROFILER = "test_every_rule_of_every_module_has_a_case"
Place = tuple[str, int]


class Calls:
    """A plugin of pytest that notes what each test or class calls."""

    def __init__(self) -> None:
        self.found: dict[str, set[Place]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        codes = set()

        def note(frame, event, argument) -> None:
            if event == "call":
                codes.add(frame.f_code)

        threading.setprofile(note)
        sys.setprofile(note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            name = "::".join(item.nodeid.partition("[")[0].split("::")[:2])
            self.found.setdefault(name, set()).update(
                (os.path.relpath(code.co_filename, ROOT), code.co_firstlineno)
                for code in codes
                if code.co_filename.startswith(PACKAGE)
            )


def names_by_place(output: Output) -> dict[Place, set[str]]:
    """What the statement on each line of the package makes."""
    return {
        (file, line): part.makes
        for file in output.files
        if file.startswith("dlfs/")
        for node, part in zip(
            statements(parse(output.text(file))),
            read_parts(file, output.text(file)),
        )
        for line in range(first_line(node), node.end_lineno + 1)
    }


def main(tests: list[str]) -> int:
    """Run the tests and print what affected.py misses; 1 if it misses any."""
    sys.path.insert(0, str(ROOT))
    for each in pkgutil.walk_packages([PACKAGE], "dlfs."):
        importlib.import_module(each.name)  # an import is no call
    calls = Calls()
    options = ["-q", "-p", "no:cacheprovider", "-k", f"not {OWN_PROFILER}"]
    options += ["-o", "timeout=1200", "--rootdir", str(ROOT)]
    os.chdir(ROOT)
    code = pytest.main([*options, *(tests or ["tests"])], [calls])
    output = tangle(read_book(ROOT / "book"))
    places, (_, users) = names_by_place(output), read_package(output)
    missed = {
        f"{test} calls {name}, {file}:{line}"
        for test, found in calls.found.items()
        for file, line in found
        for name in places.get((file, line), set()) - {""}
        if test not in closure({name}, users)
    }
    print(*sorted(missed), f"{len(missed)} calls are missed", sep="\n")
    return int(bool(missed or code))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
