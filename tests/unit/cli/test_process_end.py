"""Read-only commands end their process at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
{prepare}
from envmgr.cli.main import main
code = main()
print("returned", code)
"""


def run(arguments, tmp_path, prepare="", stdout=subprocess.PIPE):
    """Run the entry point of the console script."""
    return subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT.format(prepare=prepare), *arguments],
        cwd=tmp_path,
        env={"ENVMGR_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_read_only_command_ends_the_process_with_its_output_and_code(tmp_path):
    result = run(["list"], tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("no tools installed; ")
    assert "returned" not in result.stdout


def test_what_is_registered_to_run_at_exit_runs(tmp_path):
    result = run(["--version"], tmp_path, "import atexit; atexit.register(print, 'exiting')")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["envmgr", "returned", "exiting"]


def test_an_error_returns_to_the_caller(tmp_path):
    result = run(["list", "no such tool"], tmp_path)
    assert result.stdout == "returned 1\n"
    assert result.stderr.startswith("error: ")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_closed_pipe_is_no_error(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        result = run(["--help"], tmp_path, stdout=pipe)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="requires /dev/full")
def test_a_full_disk_is_an_error(tmp_path):
    with open("/dev/full", "w") as full:
        result = run(["list"], tmp_path, stdout=full)
    assert result.stderr == "error: cannot write to stdout: No space left on device\n"
