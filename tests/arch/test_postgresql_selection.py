"""`make test-postgresql` leaves out only tests without a database of the server."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TESTS = CHECKOUT / "tests"
RUNNERS = TESTS / "support/services/database_runners.py"


def omitted_directories() -> list[str]:
    """Return the directories without databases, as the Makefile lists them."""
    (names,) = re.findall(
        r"^TESTS_WITHOUT_DATABASE := (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE
    )
    return names.split()


@cache
def imported_files(path: Path) -> frozenset[Path]:
    """Return the files of `tests/support` that a file imports, directly or not."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = {TESTS / f"{name.replace('.', '/')}.py" for name in names if name.startswith("support.")}
    files = {file for file in files if file.is_file()}
    return frozenset(files.union(*map(imported_files, files)))


def has_database(module: Path) -> bool:
    """Return whether a module of tests, or a conftest.py for it, imports the runners of databases."""
    conftests = (directory / "conftest.py" for directory in module.parents)
    return any(RUNNERS in imported_files(file) for file in (module, *filter(Path.is_file, conftests)))


def test_a_test_of_a_database_is_recognised(tmp_path):
    assert has_database(TESTS / "unit/server/kit/db/test_database_contract.py")
    module = tmp_path / "folder/test_module.py"
    module.parent.mkdir()
    module.touch()
    assert not has_database(module)
    (tmp_path / "conftest.py").write_text("from support.services.database_runners import open_database\n")
    assert has_database(module)


@pytest.mark.parametrize("directory", omitted_directories())
def test_omitted_tests_have_no_database(directory):
    modules = list((TESTS / "unit/server" / directory).rglob("test_*.py"))
    assert modules
    assert [module.name for module in modules if has_database(module)] == []
