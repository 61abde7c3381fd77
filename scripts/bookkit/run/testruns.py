"""Run tests of a snapshot, and for a page those that its chapter adds.

The page of a chapter says for each block of tests/ which of its tests
passed. Only these run: those of earlier chapters ran for their own pages. What
passed is kept in `.cache/weave` under a key made of all it follows from, as
the outputs of the chapters are.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree

from bookkit import SCRIPTS
from bookkit.read.chapters import BookError, Chapter, Mistake
from bookkit.run.affected import is_test
from bookkit.run.cache import cache_file, hash_of, keep
from bookkit.run.kernels import environment, package_hash, texts_in
from bookkit.tangle.blocks import Block
from bookkit.tangle.disk import keep_snapshot
from bookkit.tangle.methods import find_extend
from bookkit.tangle.output import Output

ARROW = re.compile(r"-> (\S+):(\d+) \((\S+)\)$", re.MULTILINE)
NO_TESTS = 5  # the exit code of pytest
# The block of a case, the class and name of its test, seconds, why skipped.
Case = tuple[str, str, str, float, str | None]


@dataclass
class Result:
    """What came of one test function: how many of its cases passed.

    `group` is its class, if it has one; `reason` is why some were skipped.
    """

    name: str
    group: str = ""
    passed: int = 0
    skipped: int = 0
    reason: str = ""

    @property
    def sentence(self) -> str:
        """Its name as the sentence it is: "a mean of one is itself"."""
        words = self.name.removeprefix("test").replace("_", " ").split()
        return " ".join(words) or self.name


@dataclass
class BlockTests:
    """What came of the tests of one block, and how long they took.

    `seconds` are None if they were not measured where the page says.
    """

    results: list[Result] = field(default_factory=list)
    seconds: float | None = 0.0

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(each.passed for each in self.results)

    @property
    def skipped(self) -> int:
        """How many cases were skipped."""
        return sum(each.skipped for each in self.results)


@dataclass
class ChapterTests:
    """The tests of a chapter, by the id of their block.

    `key` says what they follow from: the package and the tests. `is_fresh`
    says that they were not in the cache, `conditions` where their times were
    measured.
    """

    key: str
    blocks: dict[str, BlockTests]
    is_fresh: bool = False
    conditions: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        """How many passed, of all blocks."""
        return sum(each.passed for each in self.blocks.values())


def run_tests(
    root: Path, chapter: Chapter, after: Output, use_cache: bool = True
) -> ChapterTests:
    """Run the tests of a chapter, unless the cache has them.

    `after` is what is made up to the end of the chapter. Raises `BookError`
    at the lines of the chapter where tests fail.
    """
    asked = dict(chapter_tests(chapter, after))
    texts = [package_hash(root, after), *texts_in("tests/", after)]
    key = hash_of([*texts, *asked])
    program = Path(__file__).read_text(encoding="utf-8")
    cases, is_fresh = keep(
        cache_file(root, f"tests-{chapter.name}", [key, program]),
        lambda: execute(root, chapter, after, asked),
        use_cache,
    )
    return ChapterTests(key, count_tests(cases), is_fresh)


def chapter_tests(
    chapter: Chapter, after: Output
) -> Iterator[tuple[str, Block]]:
    """The tests of a chapter, as pytest is asked for them, and their blocks.

    A method that a block adds to an earlier class is named with its class.
    """
    replaced = {name for block in after.blocks for name in block.replaces}
    for block in after.blocks:
        if block.chapter is not chapter or not block.cell.is_test:
            continue
        for node in block.tree.body if block.id not in replaced else []:
            if is_test(node):
                extend = find_extend(node)
                names = [ast.unparse(extend.args[0])] if extend else []
                yield "::".join([block.file, *names, node.name]), block


def execute(
    root: Path, chapter: Chapter, after: Output, asked: dict[str, Block]
) -> list[Case]:
    """Run tests and return what came of them; raises `BookError`."""
    if not asked:
        return []
    cases, problem = run_pytest(root, keep_snapshot(root, after), asked)
    failed = [case for case in cases if outcome(case) == "FAILED"]
    mistakes = [find_failure(chapter, case, asked) for case in failed]
    if problem and not mistakes:
        message = f"its tests do not run\n{problem}"
        mistakes = [Mistake(chapter.path, 1, message)]
    if mistakes:
        raise BookError(mistakes)
    return [read_case(case, asked) for case in cases]


def run_pytest(
    root: Path, snapshot: Path, tests: Iterable[str]
) -> tuple[list[Element], str]:
    """Run tests of a snapshot on that snapshot.

    Returns what pytest reports of each case, and if there was any problem all
    that it printed. It must not find the `conftest.py` of the repository: it
    would put the repository, with the finished package, first on the path.
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
            *("--junitxml", str(report), *tests),
        ]
        ran = run_python(arguments, snapshot, snapshot)
        tree = ElementTree(file=report) if report.exists() else None
    problem = "" if ran.returncode in (0, NO_TESTS) else ran.stdout
    return list(tree.iter("testcase")) if tree else [], problem


def outcome(case: Element) -> str:
    """What came of a test: "passed", "skipped" or "FAILED"."""
    found = {child.tag for child in case}
    if found & {"failure", "error"}:
        return "FAILED"
    return "skipped" if "skipped" in found else "passed"


def run_python(
    arguments: list[str], snapshot: Path, folder: Path
) -> subprocess.CompletedProcess:
    """Run Python in `folder` on the package of a snapshot."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(snapshot, SCRIPTS, MPLBACKEND="Agg"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def block_of(case: Element, asked: dict[str, Block]) -> Block | None:
    """The block that asked for a test, or else for the class around it."""
    blocks = {
        re.sub(r"\.py::|::|/", ".", name): block
        for name, block in asked.items()
    }
    name = f"{case.get('classname')}.{case.get('name')}".partition("[")[0]
    while name and name not in blocks:
        name = name.rpartition(".")[0]
    return blocks.get(name)


def find_failure(
    chapter: Chapter, case: Element, asked: dict[str, Block]
) -> Mistake:
    """The mistake that a test has found, at the chapter's line."""
    problem = next(each for each in case if each.tag in ("failure", "error"))
    text = problem.text or ""
    block = block_of(case, asked)
    line = block.cell.fence if block else 1
    for path, number, name in ARROW.findall(text):
        if path == chapter.path and (not block or name == block.id):
            line = int(number)
    message = (problem.get("message") or "").split("\n")[0]
    return Mistake(
        chapter.path, line, f"{case.get('name')}: {message}\n{text}"
    )


def read_case(case: Element, asked: dict[str, Block]) -> Case:
    """What pytest reports of a case of a test that did not fail."""
    last = case.get("classname").rpartition(".")[2]
    group = last if last.startswith("Test") else ""  # else it is the module
    name = case.get("name").partition("[")[0]
    seconds = float(case.get("time"))
    skipped = case.find("skipped")
    reason = None if skipped is None else skipped.get("message", "")
    return block_of(case, asked).id, group, name, seconds, reason


def count_tests(cases: list[Case]) -> dict[str, BlockTests]:
    """Count the tests that passed, for each block of the chapter."""
    found: dict[str, BlockTests] = {}
    results: dict[tuple[str, str, str], Result] = {}
    for block, group, name, seconds, reason in cases:
        tests = found.setdefault(block, BlockTests())
        tests.seconds += seconds
        if (block, group, name) not in results:
            results[block, group, name] = Result(name, group)
            tests.results.append(results[block, group, name])
        result = results[block, group, name]
        if reason is None:
            result.passed += 1
        else:
            result.skipped += 1
            result.reason = reason
    return found
