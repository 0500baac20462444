"""A program receives the environment and signals of its caller."""

from __future__ import annotations

import ntpath
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from envmgr.shells import execution

BECOME = """
import os, sys
from envmgr.shells import execution
sys.exit(execution.exec_program(sys.argv[1], sys.argv[2:], dict(os.environ)))
"""


def become(*words, **options):
    return subprocess.run(
        [sys.executable, "-c", BECOME, *words], capture_output=True, text=True, check=False, **options
    )


def test_variables_set_by_a_shim_are_removed():
    variables = {"ENVMGR_SHIM": ":", "ENVMGR_HOME": "/root", "LC_CTYPE": "C.UTF-8", "A": "1"}
    variables["ENVMGR_SHIM_PROGRAM"] = "C:\\envmgr.exe"
    assert execution.restore_environment(variables) == {"A": "1"}


def test_variables_saved_by_a_shim_are_restored():
    variables = {"ENVMGR_SHIM": "h:=C", "ENVMGR_HOME": "/root", "LC_CTYPE": "C.UTF-8"}
    assert execution.restore_environment(variables) == {"ENVMGR_HOME": "/root", "LC_CTYPE": "C"}
    assert execution.restore_environment({"ENVMGR_SHIM": "h:="}) == {"LC_CTYPE": ""}


def test_a_locale_set_by_python_is_removed_without_a_shim():
    coerced = {"LC_CTYPE": "C.UTF-8"}
    assert execution.restore_environment(coerced, b"A=1\0") == {}
    assert execution.restore_environment(coerced, b"LC_CTYPE=C\0") == {"LC_CTYPE": "C"}
    assert execution.restore_environment(coerced, b"") == coerced
    assert execution.restore_environment({"LC_CTYPE": "de_DE.UTF-8"}, b"A=1\0") == {"LC_CTYPE": "de_DE.UTF-8"}


def test_directories_are_prepended_once():
    assert execution.prepend_path(["/a", "/b", "/a"], "/usr/bin") == os.pathsep.join(["/a", "/b", "/usr/bin"])
    assert execution.prepend_path(["/a"], "") == "/a"


def test_shims_are_added_to_path_once():
    path = os.pathsep.join(["/usr/bin", "/shims"])
    assert execution.with_shims("/shims", path) == path
    assert execution.with_shims("/shims", "/usr/bin") == os.pathsep.join(["/shims", "/usr/bin"])


def test_on_windows_the_spelling_of_the_shims_on_path_does_not_matter(monkeypatch):
    monkeypatch.setattr(execution, "os", SimpleNamespace(path=ntpath, sep="\\", pathsep=";"))
    path = "C:\\Windows;c:/users/ANA/Shims\\"
    assert execution.with_shims("C:\\Users\\Ana\\shims", path) == path
    assert execution.with_shims("D:\\shims", path) == f"D:\\shims;{path}"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_program_dies_of_a_broken_pipe_as_usual():
    result = become("/bin/sh", "-c", "kill -PIPE $$; exit 5")
    assert result.returncode == -13


@pytest.mark.skipif(os.name == "nt", reason="runs sh")
def test_a_script_without_a_shebang_is_run_by_sh(tmp_path):
    script = tmp_path / "script"
    script.write_text('echo "got $1"; exit 3\n')
    script.chmod(0o755)
    result = become(str(script), "a b")
    assert (result.returncode, result.stdout) == (3, "got a b\n")


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
@pytest.mark.parametrize(
    ("content", "mode", "kind", "message"),
    [
        ("#!/no/such/interpreter\n", 0o755, "CommandNotFound", "interpreter"),
        ("#!/bin/sh\n", 0o644, "CannotRun", "Permission denied"),
        (None, 0, "CommandNotFound", "No such file"),
    ],
)
def test_a_program_that_cannot_run_is_an_error_with_the_cause(tmp_path, content, mode, kind, message):
    script = tmp_path / "script"
    if content is not None:
        script.write_text(content)
        script.chmod(mode)
    result = become(str(script))
    assert kind in result.stderr
    assert message in result.stderr


@pytest.mark.parametrize(
    ("directories", "path", "expected"),
    [
        ([], "/a:/b", "/a:/b"),
        (["/x"], "/a:/b", "/x:/a:/b"),
        (["/x", "/y", "/x"], "/a", "/x:/y:/a"),
        (["/x", "/y"], "/x:/y:/a", "/x:/y:/a"),
        (["/x"], "/x", "/x"),
        (["/x"], "/xy:/a", "/x:/xy:/a"),
        (["/x"], "", "/x"),
    ],
)
def test_directories_come_first_on_path(directories, path, expected):
    entries = os.pathsep.join(path.split(":"))
    assert execution.ensure_path_prefix(directories, entries) == os.pathsep.join(expected.split(":"))
