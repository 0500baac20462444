"""Rules of the code base that import contracts cannot express."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import envmgr

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(envmgr.__file__).parent
TESTS = Path(__file__).parents[1]
MODULES = sorted(
    path for path in SOURCE.rglob("*.py") if "_data" not in path.parts and "_pb2" not in path.stem
)
"""All modules but generated ones."""
GRPC_USERS = ("server/kit/grpc/", "server/contracts/remote/")
GRPC_LIBRARIES = {"grpc", "grpc_health", "grpc_reflection", "google"}


PRINTS_OR_EXITS = {
    "print",
    "exit",
    "sys.exit",
    "os._exit",
    *(
        f"sys.{stream}.{method}"
        for stream in ("stdout", "stderr")
        for method in ("write", "writelines", "buffer")
    ),
}
MAX_FILES_IN_FOLDER = 20
OWNERS = {
    "httpx": {"kit/http/httpx_transport.py", "server/kit/security/jwks_cache.py"},
    "cryptography": {"kit/audit_log/ed25519.py", "server/kit/security/crypto.py"},
    "argon2": {"server/kit/security/passwords.py"},
    "jwt": {"server/kit/security/tokens.py", "server/kit/security/oidc.py"},
    "opentelemetry": {"server/kit/telemetry/tracing.py"},
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def calls_and_attributes(path: Path) -> set[str]:
    """Return everything that a module calls or accesses, as `print` or `os.environ`."""
    result: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            result.add(ast.unparse(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            result.add(node.func.id)
    return result


@cache
def imports_of(path: Path) -> set[str]:
    result: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            result |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            result.add(node.module.partition(".")[0])
    return result


def modules_that_use(names: set[str]) -> set[str]:
    return {name_of(path) for path in MODULES if calls_and_attributes(path) & names}


def test_only_the_command_line_prints_and_exits():
    programs = {
        "__main__.py",
        "install/archive/decompress.py",
    }  # decompress.py writes an archive's content to stdout
    users = modules_that_use(PRINTS_OR_EXITS) - programs
    assert {name for name in users if not name.startswith(("cli/", "server/main/"))} == set()


def test_only_one_file_reads_the_environment():
    readers = {"os.environ", "os.getenv", "os.environb", "os.getcwd"}
    assert modules_that_use(readers) - {"kit/environment.py"} == set()


@pytest.mark.parametrize(("library", "owners"), OWNERS.items())
def test_only_the_owners_of_a_library_import_it(library, owners):
    assert {name_of(path) for path in MODULES if library in imports_of(path)} == owners


def test_only_the_grpc_side_imports_its_libraries():
    users = {name_of(path) for path in MODULES if GRPC_LIBRARIES & imports_of(path)}
    assert {name for name in users if not name.startswith(GRPC_USERS)} == set()


def public_definitions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the public definitions, without those nested in private ones or in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            if not child.name.startswith("_"):
                yield child
                if isinstance(child, ast.ClassDef):
                    yield from public_definitions(child)
        elif isinstance(child, ast.If | ast.Try):
            yield from public_definitions(child)


def test_every_public_definition_has_a_docstring():
    silent = [
        (name_of(path), getattr(node, "name", "the module"))
        for path in MODULES
        for node in (tree_of(path), *public_definitions(tree_of(path)))
        if not ast.get_docstring(node)
    ]
    assert silent == []


@pytest.mark.parametrize("tree", [SOURCE, TESTS], ids=["src", "tests"])
def test_no_folder_holds_more_than_twenty_python_files(tree):
    files_in = Counter(path.parent.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
    assert {folder: count for folder, count in files_in.items() if count > MAX_FILES_IN_FOLDER} == {}
