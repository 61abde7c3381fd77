"""Run the tests that a chapter adds, on the package as it is after it.

The page of a chapter says for each block of tests/ which of its tests
passed. Only these run: those of earlier chapters ran for their own pages. What
passed is kept in `.cache/weave` under a key made of all it follows from, as
the outputs of the chapters are.
"""

import ast
import contextlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from bookkit.read.chapters import BookError, Chapter, Mistake
from bookkit.run.affected import is_test
from bookkit.run.cache import cache_file, hash_of, keep, version
from bookkit.run.kernels import package_hash
from bookkit.run.run_chapters import (
    ARROW,
    NO_TESTS,
    problem_of,
    run_pytest,
)
from bookkit.tangle.blocks import Block, Line
from bookkit.tangle.disk import keep_snapshot
from bookkit.tangle.methods import find_extend
from bookkit.tangle.output import Output, nearest_origin

LIBRARIES = ("hypothesis", "numpy", "pytest", "torch")
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

    def result_of(self, group: str, name: str) -> Result:
        """The result of a test function, a new one for its first case."""
        for each in self.results:
            if (each.group, each.name) == (group, name):
                return each
        self.results.append(Result(name, group))
        return self.results[-1]


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
    names = list(test_names(chapter, after))
    key = tests_key(root, names, after)
    program = Path(__file__).read_text(encoding="utf-8")
    cases, is_fresh = keep(
        cache_file(
            root, f"tests-{chapter.name}", [key, program, *installed()]
        ),
        lambda: execute(root, chapter, after, names),
        use_cache,
    )
    return ChapterTests(key, count_tests(cases), is_fresh)


def test_names(chapter: Chapter, after: Output) -> Iterator[str]:
    """The tests of a chapter, as pytest is asked for them.

    A method that a block adds to an earlier class is named with its class.
    """
    replaced = {name for block in after.blocks for name in block.replaces}
    for block in after.blocks:
        if block.chapter is not chapter or not block.cell.is_test:
            continue
        for node in block.tree.body if block.id not in replaced else []:
            if is_test(node):
                names = [class_of(node)] if find_extend(node) else []
                yield "::".join([block.file, *names, node.name])


def tests_key(root: Path, names: list[str], after: Output) -> str:
    """The hash of the package, of all tests, and of the names of some."""
    texts = [
        text
        for file in after.files
        if file.startswith("tests/")
        for text in (file, after.text(file))
    ]
    return hash_of([package_hash(root, after), *texts, *names])


def installed() -> list[str]:
    """The versions of the libraries that tests use, where there are any."""
    found = []
    for library in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{library} {version(library)}")
    return found


def execute(
    root: Path, chapter: Chapter, after: Output, names: list[str]
) -> list[Case]:
    """Run tests and return what came of them; raises `BookError`."""
    if not names:
        return []
    ran, cases = run_pytest(root, keep_snapshot(root, after), names)
    mistakes = [
        find_failure(chapter, after, case, problem)
        for case in cases
        if (problem := problem_of(case)) is not None
    ]
    if ran.returncode not in (0, NO_TESTS) and not mistakes:
        message = f"its tests do not run\n{ran.stdout}"
        mistakes = [Mistake(chapter.path, 1, message)]
    if mistakes:
        raise BookError(mistakes)
    found = [(block_of(case, after), case) for case in cases]
    return [
        read_case(block, case)
        for block, case in found
        if block and block.chapter is chapter
    ]


def find_failure(
    chapter: Chapter, after: Output, case: Element, problem: Element
) -> Mistake:
    """The mistake that a test has found, at the chapter's line."""
    text = problem.text or ""
    block = block_of(case, after)
    line = block.cell.fence if block else 1
    for path, number, name in ARROW.findall(text):
        if path == chapter.path and (not block or name == block.id):
            line = int(number)
    message = (problem.get("message") or "").split("\n")[0]
    return Mistake(
        chapter.path, line, f"{case.get('name')}: {message}\n{text}"
    )


def read_case(block: Block, case: Element) -> Case:
    """What pytest reports of a case of a test that did not fail."""
    group = group_of(case)
    name = case.get("name", "").partition("[")[0]
    skipped = case.find("skipped")
    reason = None if skipped is None else skipped.get("message", "")
    return block.id, group, name, float(case.get("time", 0)), reason


def group_of(case: Element) -> str:
    """The class of a test, whose name begins with Test; "" if it has none."""
    last = case.get("classname", "").rpartition(".")[2]
    return last if last.startswith("Test") else ""


def count_tests(cases: list[Case]) -> dict[str, BlockTests]:
    """Count the tests that passed, for each block of the chapter."""
    found: dict[str, BlockTests] = {}
    for block, group, name, seconds, reason in cases:
        tests = found.setdefault(block, BlockTests())
        tests.seconds += seconds
        result = tests.result_of(group, name)
        if reason is None:
            result.passed += 1
        else:
            result.skipped += 1
            result.reason = reason
    return found


def block_of(case: Element, after: Output) -> Block | None:
    """The block that holds a test, or the class that has inherited it."""
    block, group = block_at(case, after), group_of(case)
    if not block or not group or group in map(class_of, block.tree.body):
        return block
    heirs = (
        each
        for each in after.blocks
        if each.file == block.file and group in map(class_of, each.tree.body)
    )
    return next(heirs, block)


def class_of(node: ast.stmt) -> str:
    """The class that a statement makes or extends, if it does."""
    extend = find_extend(node)
    if extend:
        return ast.unparse(extend.args[0])
    return node.name if isinstance(node, ast.ClassDef) else ""


def block_at(case: Element, after: Output) -> Block | None:
    """The block of the line that pytest names; it counts from 0."""
    lines: list[Line] = after.files.get(case.get("file", ""), [])
    line = case.get("line")
    origin = nearest_origin(lines, int(line) + 1) if line else None
    blocks = {block.id: block for block in after.blocks}
    return blocks[origin.block] if origin else None
