"""Commands in a removed working directory: those that need it fail, and nothing is written elsewhere."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from support.machine.sandbox import ENVMGR

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a working directory cannot be removed")

NEEDING = [
    "use alpha@1.0.0",
    "use alpha@system",
    "use --global alpha@system",
    "install",
    "install alpha@1.0.0",
    "lock",
    "lock --check",
    "current",
    "which alpha",
    "where alpha",
    "why alpha",
    "exec -- true",
    "plugin add alpha ./alpha.json",
    "alm checkout app@1",
    "-C . current",
]
FREE = ["--version", "config list", "config set jobs 2", "cache dir", "reshim", "-C / config list"]


def run_in_removed_directory(machine, words):
    removed_directory = machine.project / "gone"
    removed_directory.mkdir()
    script = f"rmdir {shlex.quote(str(removed_directory))} && exec {ENVMGR} {words}"
    return subprocess.run(
        ["sh", "-c", script],
        cwd=removed_directory,
        env={**machine.environment, "ENVMGR_ALM_URL": "http://127.0.0.1:9", "ENVMGR_ALM_TOKEN": "x"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", NEEDING)
def test_a_command_that_needs_the_directory_fails(two_tools, words):
    result = run_in_removed_directory(two_tools, words)
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert "error: the working directory was removed\nhint: change to another directory" in result.stderr
    assert not (two_tools.home / "global.envmgr").exists()


@pytest.mark.parametrize("words", FREE)
def test_a_command_that_does_not_need_it_works(two_tools, words):
    result = run_in_removed_directory(two_tools, words)
    assert (result.returncode, result.stderr.count("error")) == (0, 0), result.stderr


def test_another_directory_can_be_named(two_tools):
    result = run_in_removed_directory(two_tools, f"-C {shlex.quote(str(two_tools.project))} current")
    assert result.returncode == 0, result.stderr
    assert "alpha" in result.stdout
