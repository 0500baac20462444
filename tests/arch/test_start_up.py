"""What people run all day imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "dataclasses",
    "inspect",
    "pathlib",
    "typing",
    "tomllib",
    "subprocess",
    "shutil",
    "tempfile",
    "urllib",
    "ssl",
    "socket",
    "asyncio",
    "logging",
    "argparse",
    "typer",
    "click",
    "rich",
    "httpx",
    "jsonschema",
    "jmespath",
    "packaging",
    "filelock",
    "platformdirs",
    "pip",
    "importlib.metadata",
    "concurrent",
}

REPORT = """
import sys
from envmgr.cli.main import main
code = main(sys.argv[1:])
sys.stderr.write("\\n@modules " + " ".join(sys.modules) + "\\n")
"""


def imported_by(arguments, tmp_path):
    """Name the modules that a command has imported by its end."""
    project = tmp_path / "project"
    project.mkdir()
    (project / ".envmgr").write_text("nodejs=^20.1\n")
    result = subprocess.run(
        [sys.executable, "-I", "-c", REPORT, *arguments],
        cwd=project,
        env={"ENVMGR_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("@modules ")]
    return set(line.split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["current"], ["list"], ["which", "node"], ["where", "nodejs"], ["current", "--json"]],
    ids=" ".join,
)
def test_a_command_people_run_all_day_imports_nothing_heavy(arguments, tmp_path):
    assert imported_by(arguments, tmp_path) & HEAVY == set()


ASKING = {"pydantic", "httpx", "ssl", "filelock", "rich", "litestar", "msgspec", "sqlalchemy"}


@pytest.mark.parametrize("arguments", [["alm", "--help"], ["alm", "push", "--help"]], ids=" ".join)
def test_the_help_of_the_client_imports_nothing_that_asks_servers(arguments, tmp_path):
    assert imported_by(arguments, tmp_path) & ASKING == set()
