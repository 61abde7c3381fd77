"""Write the pairs of chapters; run chapters and the tests of their snapshots.

    python scripts/chapters.py pair [NN ...] [--ipynb]
    python scripts/chapters.py run [NN ...] [--jobs N]

`pair` writes each chapter as a script (and notebook). `run` runs the chapters,
and after each the tests whose outcome it may have changed: their own code or
that of a module they reach is not as it was before the chapter.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from bookkit import ROOT, SCRIPTS
from bookkit.read.chapters import BookError, Chapter, read_book, write_any_text
from bookkit.run.affected import find_affected
from bookkit.tangle.assemble import module_name
from bookkit.tangle.disk import snapshot_folder, write_snapshot
from bookkit.tangle.output import Memo, tangle
from bookkit.tangle.pairs import write_pair

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
IMPORT_ALL = """\
import importlib, sys
from bookkit.tangle.tracebacks import install_traceback_hook
install_traceback_hook(sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


@dataclass
class Job:
    """A chapter with all that is needed to run it."""

    chapter: Chapter
    script: Path
    before: Path
    after: Path
    modules: list[str]
    tests: list[str]
    standing: int


@dataclass
class Result:
    """What came of running a chapter."""

    summary: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)


def prepare(
    root: Path, book: Path, chapters: list[Chapter], memo: Memo
) -> Job:
    """Write the pair of the last chapter and both its snapshots."""
    earlier = tangle(chapters[:-1], memo)
    output = tangle(chapters, memo)
    script = write_pair(root, book, chapters[-1], earlier)
    after = root / snapshot_folder(chapters)
    write_snapshot(root, output, after)
    modules = [
        module_name(file)
        for file in output.files
        if file.startswith("dlfs/") and not file.endswith("__main__.py")
    ]
    before = root / snapshot_folder(chapters[:-1])
    tests, standing = find_affected(earlier, output)
    return Job(chapters[-1], script, before, after, modules, tests, standing)


def run_job(root: Path, job: Job) -> Result:
    """Run a chapter on the snapshot before it, and the tests after it."""
    ran, seconds = run_script(job)
    count = len(job.chapter.live_cells)
    verb = "ran" if ran.returncode == 0 else "FAILED"
    parts = [f"{job.chapter.name}: {count} cells {verb} in {seconds:.1f} s"]
    result = Result("")
    if ran.returncode:
        result.failures.append(f"== {job.chapter.name} ==\n{ran.stdout}")
    for check in (check_imports, run_tests):
        text = check(root, job, result)
        if text:
            parts.append(text)
    result.summary = "; ".join(parts)
    return result


def run_script(job: Job) -> tuple[subprocess.CompletedProcess, float]:
    """Run the script of a chapter in an empty folder."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ran = run_python([str(job.script)], job.before, Path(folder))
    return ran, time.perf_counter() - start


def check_imports(root: Path, job: Job, result: Result) -> str:
    """Import every module of the snapshot after a chapter."""
    arguments = ["-c", IMPORT_ALL, str(root), *job.modules]
    ran = run_python(arguments, job.after, job.after)
    if not ran.returncode:
        return ""
    result.failures.append(
        f"== imports after {job.chapter.name} ==\n{ran.stdout}"
    )
    return "snapshot: imports FAILED"


def run_tests(root: Path, job: Job, result: Result) -> str:
    """Run the tests that a chapter may have changed the outcome of."""
    standing = f", {job.standing} as before" if job.standing else ""
    if not job.tests:
        return f"snapshot: no tests{standing}"
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ran = run_python(
            [*pytest_arguments(root, job.after, report), *job.tests],
            job.after,
            job.after,
        )
        seconds = time.perf_counter() - start
        total, failed, skipped = read_report(report)
    result.passed = total - failed - skipped
    if ran.returncode not in (0, 5):  # 5: no tests collected
        result.failures.append(
            f"== tests after {job.chapter.name} ==\n{ran.stdout}"
        )
        failed = max(failed, 1)
    text = f"snapshot: {result.passed} tests passed"
    text += f", {failed} FAILED" if failed else ""
    text += f", {skipped} skipped" if skipped else ""
    return f"{text}{standing} in {seconds:.1f} s"


def pytest_arguments(root: Path, snapshot: Path, report: Path) -> list[str]:
    """The command line that runs the tests of a snapshot on that snapshot.

    It must not find the `conftest.py` of the repository: pytest would put the
    repository, with the finished package, first on the path.
    """
    settings = root / "pyproject.toml"
    return [
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("-p", "bookkit.run.pytest_chapters", "--chapters-root", str(root)),
        *("-c", str(settings if settings.exists() else os.devnull)),
        *("--rootdir", str(snapshot), "--confcutdir", str(snapshot)),
        *("--junitxml", str(report)),
    ]


def read_report(report: Path) -> tuple[int, int, int]:
    """The numbers of tests, of failed and of skipped ones."""
    if not report.exists():
        return 0, 0, 0
    suite = xml.etree.ElementTree.parse(report).getroot().find("testsuite")
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    return int(suite.get("tests")), failed, int(suite.get("skipped"))


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
    memo = Memo()
    for *before, chapter in select(book, args.numbers):
        output = tangle(before, memo)
        script = write_pair(root, book, chapter, output, args.ipynb)
        print(f"wrote {script}")
    return 0


def command_run(root: Path, book: Path, args: argparse.Namespace) -> int:
    """Run the chapters that were asked for; 1 if anything failed."""
    memo = Memo()
    results = []
    with ThreadPoolExecutor(args.jobs) as pool:
        jobs = [
            prepare(root, book, chapters, memo)
            for chapters in select(book, args.numbers)
        ]
        running = [pool.submit(run_job, root, job) for job in jobs]
        for done in as_completed(running):
            results.append(done.result())
            for text in [done.result().summary, *done.result().failures]:
                print(text, flush=True)
    passed = sum(result.passed for result in results)
    failed = sum(len(result.failures) for result in results)
    print(
        f"{len(results)} chapters ran, {passed} tests passed, {failed} failed"
    )
    return 1 if failed else 0


def select(book: Path, numbers: list[int]) -> list[list[Chapter]]:
    """For each chapter asked for (or all): the chapters up to that one."""
    chapters = read_book(book, max(numbers) if numbers else None)
    unknown = set(numbers) - {chapter.number for chapter in chapters}
    if unknown:
        names = ", ".join(f"{number:02}" for number in sorted(unknown))
        raise SystemExit(f"there is no chapter {names} in {book}")
    return [
        chapters[: index + 1]
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
        prog="chapters.py", description="Run the chapters of the book."
    )
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR")
    parser.add_argument("--book", type=Path, metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    pair = commands.add_parser("pair", help="write book/py/NN-slug.py")
    pair.add_argument("--ipynb", action="store_true", help="and notebooks")
    pair.set_defaults(action=command_pair)
    run = commands.add_parser("run", help="run chapters and their tests")
    run.add_argument("--jobs", type=at_least_one, default=2, metavar="N")
    run.set_defaults(action=command_run)
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
