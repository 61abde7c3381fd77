"""The tools are stages: none imports a later one, and no imports circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bookkit
from bookkit import SCRIPTS

FOLDER = SCRIPTS / "bookkit"
STAGES = [
    line.split()[0]
    for line in bookkit.__doc__.splitlines()
    if line.startswith("    ")
]
MODULES = {
    f"bookkit.{path.parent.name}.{path.stem}": path
    for path in FOLDER.glob("*/*.py")
    if path.stem != "__init__"
}


def imported(path: Path) -> Iterator[str]:
    """The modules of the tools that a file imports, at any place in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}:{node.lineno}: relative"
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [node.module, *parts]
        yield from (name for name in names if name in MODULES)


def test_every_folder_is_a_stage_that_says_what_goes_in_and_out():
    folders = {path.parent.name for path in MODULES.values()}
    assert folders == set(STAGES)
    for name in STAGES:
        text = (FOLDER / name / "__init__.py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        assert len(tree.body) == 1, f"{name}: only a docstring"
        docstring = ast.get_docstring(tree)
        assert "\nIn: " in docstring, name
        assert " Out:" in docstring.replace("\n", " "), name


@pytest.mark.parametrize("name", MODULES)
def test_a_stage_is_named_in_its_folder(name):
    _, stage, module = name.split(".")
    text = (FOLDER / stage / "__init__.py").read_text(encoding="utf-8")
    assert f"`{module}`" in text


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_to_earlier_stages(name):
    stage = STAGES.index(name.split(".")[1])
    later = [
        other
        for other in imported(MODULES[name])
        if STAGES.index(other.split(".")[1]) > stage
    ]
    assert later == []


def test_no_imports_circle():
    graph = {name: {*imported(path)} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", [*SCRIPTS.glob("*.py")], ids=lambda p: p.name)
def test_a_command_is_thin(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While)
    assert not any(isinstance(node, kinds) for node in ast.walk(tree))
