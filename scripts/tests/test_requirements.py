"""What `make test` needs is what `make test` installs.

The tests of the site's tools skip where the site's needs are missing, so a
machine that has them hides an import that others do not have. That is why
imports are read here, not tried.
"""

import ast
import functools
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tests", "scripts/tests")
NAME = re.compile(r"^[A-Za-z0-9._-]+", re.MULTILINE)


@functools.cache
def required_modules() -> frozenset[str]:
    """The modules at the top of all distributions in requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return frozenset(
        file.parts[0].removesuffix(".py")
        for name in NAME.findall(text)
        for file in distribution(name).files
        if file.suffix == ".py"
    )


def local_modules(folder: Path) -> dict[str, Path]:
    """The modules and packages of the repository that its tests import."""
    places = [ROOT, ROOT / "scripts", folder]
    found = [p for place in places for p in place.glob("*.py")]
    packages = [p for place in places for p in place.glob("*/__init__.py")]
    return {
        **{path.stem: path for path in found},
        **{path.parent.name: path for path in packages},
    }


def parse(path: Path) -> ast.Module:
    """The code in a file."""
    return parse_text(path.read_text(encoding="utf-8"))


parse_text = functools.cache(ast.parse)


@functools.cache  # of a tree that is parsed once, a tool of many tests
def imported(tree: ast.AST) -> list[tuple[int, str]]:
    """The lines and names of the modules that a piece of code imports."""
    return [*find_imports(tree)]


def find_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def find_uncovered(path: Path, covered: set[str]) -> list[str]:
    """The imports of a file for which nothing is installed."""
    return find_uncovered_in(parse(path), path.name, covered)


def find_uncovered_in(
    tree: ast.AST, file: str, covered: set[str]
) -> list[str]:
    """The imports of a piece of a file for which nothing is installed."""
    return [
        f"{file}:{line}: {name} is not in requirements.txt; "
        f'say pytest.importorskip("{name}")'
        for line, name in imported(tree)
        if name not in covered
    ]


def find_tools(path: Path) -> Iterator[Path]:
    """The modules of the tools that a file imports at its top, and theirs."""
    waiting, found = [path], set()
    while waiting:
        for node in parse(waiting.pop()).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                start = ROOT / "scripts" / node.module.replace(".", "/")
                inner = [start / f"{each.name}.py" for each in node.names]
                for tool in (start.with_suffix(".py"), *inner):
                    if tool.exists() and tool not in found:
                        found.add(tool)
                        waiting.append(tool)
                        yield tool


def find_uncovered_tools(path: Path, covered: set[str]) -> list[str]:
    """The same of the tools that a test imports, but for what it skips."""
    text = path.read_text(encoding="utf-8")
    skips = set(re.findall(r'importorskip\("(\w+)"\)', text))
    return [
        f"{path.name}: {line}"
        for tool in find_tools(path)
        for node in parse(tool).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in find_uncovered_in(node, tool.name, covered | skips)
    ]


@pytest.mark.parametrize("name", FOLDERS)
def test_every_import_of_a_test_is_installed_by_make_test(name):
    folder = ROOT / name
    covered = required_modules() | {*local_modules(folder)}
    covered |= {*sys.stdlib_module_names}
    found = [
        line
        for path in sorted(folder.rglob("*.py"))
        for line in (
            *find_uncovered(path, covered),
            *find_uncovered_tools(path, covered),
        )
    ]
    assert not found, "\n".join(found)


def test_an_import_that_only_the_site_needs_is_found(tmp_path):
    path = tmp_path / "test_page.py"
    path.write_text("import os\n\n\ndef test():\n    import markdown\n")
    assert find_uncovered(path, {"os"}) == [
        "test_page.py:5: markdown is not in requirements.txt; "
        'say pytest.importorskip("markdown")'
    ]
    assert "markdown" not in required_modules()
    path.write_text("from bookkit.site import rendered\n")
    covered = {*sys.stdlib_module_names, "bookkit"}
    assert find_uncovered_tools(path, covered)[0].startswith(
        "test_page.py: rendered.py:"
    )
    assert {"numpy", "pytest", "jupytext"} <= required_modules()
