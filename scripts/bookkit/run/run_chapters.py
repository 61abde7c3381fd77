"""Write the pairs of chapters; run chapters and the tests of their snapshots.

    python scripts/chapters.py pair [NN ...] [--ipynb]
    python scripts/chapters.py run [NN ...] [--jobs N]
    python scripts/chapters.py new NN-slug TITLE [--kind workshop]

`pair` writes each chapter as a script (and notebook), `run` runs the chapters
and those tests of their snapshots that they may have broken, `new` begins one.
"""

import argparse
import functools
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree

from bookkit import ROOT, SCRIPTS
from bookkit.read.chapters import BookError, Chapter, read_book, write_any_text
from bookkit.read.lists import begin_chapter
from bookkit.run.affected import affected_tests
from bookkit.tangle.assemble import module_name
from bookkit.tangle.disk import keep_snapshot, snapshot_folder
from bookkit.tangle.output import Output, tangle
from bookkit.tangle.pairs import write_pair

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
ARROW = re.compile(r"-> (\S+):(\d+) \((\S+)\)$", re.MULTILINE)
NO_TESTS = 5  # the exit code of pytest
IMPORT_ALL = """\
import importlib, sys
from bookkit.tangle.tracebacks import install_traceback_hook
install_traceback_hook(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


@dataclass
class Job:
    """A chapter with all that is needed to run it, and how often it failed."""

    chapter: Chapter
    script: Path
    before: Path
    after: Path
    modules: list[str]
    tests: list[str]
    passed: int = 0
    failed: int = 0

    def fail(self, what: str, output: str) -> None:
        """Say what failed and where, in the chapter if it shows there."""
        places = [(path, line) for path, line, _ in ARROW.findall(output)]
        own = [each for each in places if each[0] == self.chapter.path]
        path, line = (own or places or [(self.chapter.path, 1)])[-1]
        say(f"{path}:{line}: {self.chapter.name}: {what} FAILED\n{output}")
        self.failed += 1


def prepare(root: Path, book: Path, before: Output, after: Output) -> Job:
    """Write the pair of the last chapter and both its snapshots."""
    chapter = after.chapters[-1]
    modules = [
        module_name(file)
        for file in after.files
        if file.startswith("dlfs/") and not file.endswith("__main__.py")
    ]
    return Job(
        chapter,
        write_pair(root, book, chapter, before),
        root / snapshot_folder(before.chapters),
        keep_snapshot(root, after),
        modules,
        affected_tests(before, after),
    )


def run_job(root: Path, cells: bool, job: Job) -> None:
    """Run a chapter on the snapshot before it, and the tests after it.

    Says at once what fails. Without `cells` it only runs the tests.
    """
    parts = [run_script(job)] if cells else []
    arguments = ["-c", IMPORT_ALL, str(root), *job.modules]
    ran = run_python(arguments, job.after, job.after)
    if ran.returncode:
        job.fail("imports after it", ran.stdout)
        parts.append("snapshot: imports FAILED")
    parts.append(f"snapshot: {run_tests(root, job)}")
    say(f"{job.chapter.name}: {'; '.join(parts)}")


def say(text: str) -> None:
    """Print a text at once, whatever other threads print."""
    print(f"{text}\n", end="", flush=True)


def run_script(job: Job) -> str:
    """Run the script of a chapter in an empty folder; say how that went."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ran = run_python([str(job.script)], job.before, Path(folder))
    seconds = time.perf_counter() - start
    if ran.returncode:
        job.fail("its cells", ran.stdout)
    verb = "FAILED" if ran.returncode else "ran"
    return f"{len(job.chapter.live_cells)} cells {verb} in {seconds:.1f} s"


def run_tests(root: Path, job: Job) -> str:
    """Run the tests that a chapter may have broken, on the snapshot after."""
    if not job.tests:
        return "no tests to run"
    start = time.perf_counter()
    ran, cases = run_pytest(root, job.after, job.tests)
    seconds = time.perf_counter() - start
    failed = sum(problem_of(case) is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    job.passed = len(cases) - failed - skipped
    if ran.returncode not in (0, NO_TESTS):
        job.fail("tests after it", ran.stdout)
        failed = max(failed, 1)
    text = f"{job.passed} tests passed"
    text += f", {failed} FAILED" if failed else ""
    text += f", {skipped} skipped" if skipped else ""
    return f"{text} in {seconds:.1f} s"


def run_pytest(
    root: Path, snapshot: Path, tests: list[str]
) -> tuple[subprocess.CompletedProcess, list[Element]]:
    """Run tests of a snapshot on that snapshot; return its report, too.

    It must not find the `conftest.py` of the repository: pytest would put the
    repository, with the finished package, first on the path.
    """
    settings = root / "pyproject.toml"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        arguments = [
            *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "no:hypothesispytest"),  # loads longer than most tests run
            *("-p", "bookkit.run.pytest_chapters"),
            *("--chapters-root", str(root)),
            *("-c", str(settings if settings.exists() else os.devnull)),
            *("--rootdir", str(snapshot), "--confcutdir", str(snapshot)),
            *("-o", "junit_family=xunit1", "--junitxml", str(report), *tests),
        ]
        ran = run_python(arguments, snapshot, snapshot)
        tree = ElementTree(file=report) if report.exists() else None
    return ran, list(tree.iter("testcase")) if tree else []


def problem_of(case: Element) -> Element | None:
    """What pytest reports of a test that failed."""
    found = [case.find(kind) for kind in ("failure", "error")]
    return next((each for each in found if each is not None), None)


def run_python(
    arguments: list[str], snapshot: Path, folder: Path
) -> subprocess.CompletedProcess:
    """Run Python in `folder` on the package of a snapshot."""
    path = os.pathsep.join([str(snapshot.resolve()), str(SCRIPTS)])
    environment = os.environ | ONE_THREAD
    environment |= {"PYTHONPATH": path, "MPLBACKEND": "Agg"}
    environment |= {"PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def command_pair(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Write the pairs of the chapters that were asked for."""
    for before, after in select(book, args.numbers):
        chapter = after.chapters[-1]
        print(f"wrote {write_pair(root, book, chapter, before, args.ipynb)}")
    return 0


def command_run(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Run the chapters that were asked for; 1 if anything failed."""
    jobs = [prepare(root, book, *each) for each in select(book, args.numbers)]
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(functools.partial(run_job, root, args.cells), jobs))
    passed = sum(job.passed for job in jobs)
    failed = sum(job.failed for job in jobs)
    print(f"{len(jobs)} chapters ran, {passed} tests passed, {failed} failed")
    return 1 if failed else 0


def command_new(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Begin a chapter."""
    for place in begin_chapter(root, book, args.name, args.title, args.kind):
        print(f"wrote {place}")
    return 0


def select(book: Path, numbers: list[int]) -> list[tuple[Output, Output]]:
    """What the book makes before and after each chapter asked for (or all)."""
    chapters = read_book(book, max(numbers) if numbers else None)
    unknown = set(numbers) - {chapter.number for chapter in chapters}
    if unknown:
        names = ", ".join(f"{number:02}" for number in sorted(unknown))
        raise SystemExit(f"there is no chapter {names} in {book}")
    after = functools.cache(lambda count: tangle(chapters[:count]))
    return [
        (after(index), after(index + 1))
        for index, chapter in enumerate(chapters)
        if not numbers or chapter.number in numbers
    ]


def at_least_one(text: str) -> int:
    """The value of --jobs."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="chapters.py",
        description="Begin and run the chapters of the book.",
    )
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR")
    parser.add_argument("--book", type=Path, metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="write book/py/NN-slug.py")
    pair.add_argument("--ipynb", action="store_true", help="and notebooks")
    pair.set_defaults(action=command_pair)
    run = commands.add_parser("run", help="run chapters and their tests")
    run.add_argument("--jobs", type=at_least_one, default=2, metavar="N")
    no_cells_help = "run only the tests; `make site` runs the cells, too"
    run.add_argument(
        "--no-cells", action="store_false", dest="cells", help=no_cells_help
    )
    run.set_defaults(action=command_run)
    new = commands.add_parser("new", help="begin a chapter, and list it")
    new.add_argument("name", metavar="NN-slug")
    new.add_argument("title")
    new.add_argument("--kind", choices=["path", "workshop"], default="path")
    new.set_defaults(action=command_new)
    for command in (pair, run):
        command.add_argument("numbers", type=int, nargs="*", metavar="NN")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; mistakes go to stderr and give exit code 1."""
    args = make_parser().parse_args(arguments)
    root = args.root.resolve()
    write_any_text()
    try:
        return args.action(root, (args.book or root / "book").resolve(), args)
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
