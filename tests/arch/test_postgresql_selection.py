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


def test_a_test_of_a_database_is_recognised():
    assert RUNNERS in imported_files(TESTS / "unit/server/kit/db/test_database_contract.py")


@pytest.mark.parametrize("directory", omitted_directories())
def test_omitted_tests_have_no_database(directory):
    modules = list((TESTS / "unit/server" / directory).rglob("test_*.py"))
    assert modules
    assert [module.name for module in modules if RUNNERS in imported_files(module)] == []
