"""The rules of the house that import contracts cannot express."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import envmgr

SOURCE = Path(envmgr.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "_data" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def calls_and_attributes(path: Path) -> set[str]:
    """Name everything a module calls or reaches for, as `print` or `os.environ`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
    return found


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_prints_and_exits(path):
    if name_of(path).startswith("cli/") or name_of(path) in {"__main__.py", "install/inflate.py"}:
        return  # inflate.py is a program of its own: its standard output is the archive's content
    used = calls_and_attributes(path)
    assert used.isdisjoint({"print", "sys.exit", "exit", "sys.stdout", "sys.stderr", "os._exit"})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_one_file_reads_the_environment(path):
    if name_of(path) == "kit/environment.py":
        return
    assert calls_and_attributes(path).isdisjoint({"os.environ", "os.getenv", "os.environb", "os.getcwd"})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_one_file_knows_httpx(path):
    if name_of(path) == "kit/http.py":
        return
    assert "httpx" not in imports_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_definition_says_what_it_does(path):
    tree = ast.parse(path.read_text())
    public = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    nested = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for child in ast.walk(node)
        if child is not node
    }
    silent = [node.name for node in public if node not in nested and not ast.get_docstring(node)]
    assert ast.get_docstring(tree)
    assert silent == []
