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


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["current"], ["list"], ["which", "node"], ["where", "nodejs"], ["current", "--json"]],
    ids=" ".join,
)
def test_a_command_people_run_all_day_imports_nothing_heavy(arguments, tmp_path):
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
    imported = set(line.split()[1:])
    assert imported & HEAVY == set()
