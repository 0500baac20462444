"""`envmgr exec` runs a command with the project's tools, or with named ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from support.machine.installed_tools import Toolbox, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX programs")

EXEC = (sys.executable, "-m", "envmgr", "exec")


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.variables["ENVMGR_HOME"] = str(toolbox.root)
    for version in ("18.0.0", "20.1.0"):
        toolbox.install("nodejs", version, ["node"], env={"NODE_ROOT": "{home}"})
    toolbox.install("java", "21", ["java"], env={"JAVA_HOME": "{home}"})
    toolbox.request("nodejs=20.1.0\njava=21\n")
    return toolbox


def test_a_command_runs_the_version_of_the_project(box):
    assert box.run(*EXEC, "--", "node").stdout == "nodejs 20.1.0 node\n"


def test_named_tools_precede_the_projects(box):
    assert box.run(*EXEC, "nodejs@18", "--", "node").stdout == "nodejs 18.0.0 node\n"
    output = box.run(*EXEC, "nodejs@18", "--", "sh", "-c", 'echo "$NODE_ROOT|$JAVA_HOME"; node; java').stdout
    roots = "|".join(box.paths.install(*tool) for tool in (("nodejs", "18.0.0"), ("java", "21")))
    assert output == f"{roots}\nnodejs 18.0.0 node\njava 21 java\n"


def test_a_tool_without_a_version_is_the_projects_or_else_the_latest(box):
    assert box.run(*EXEC, "nodejs", "--", "node").stdout == "nodejs 20.1.0 node\n"
    (box.project / ".envmgr").write_text("java=21\n")
    assert box.run(*EXEC, "nodejs", "--", "node").stdout == "nodejs 20.1.0 node\n"


def test_the_directories_of_all_tools_are_prepended_to_path_once(box):
    path = box.run(*EXEC, "nodejs@20.1.0", "--", "sh", "-c", 'echo "$PATH"').stdout.strip().split(":")
    bins = [f"{box.paths.install(*tool)}/bin" for tool in (("nodejs", "20.1.0"), ("java", "21"))]
    assert path == [*bins, *box.variables["PATH"].split(":")]


def test_any_other_command_is_found_on_path(box):
    assert box.run(*EXEC, "--", "printf", "%s|", "a b", "", "*").stdout == "a b||*|"
    script = program(box.project / "here", "#!/bin/sh\necho here\n")
    assert box.run(*EXEC, "--", "./here").stdout == "here\n"
    assert box.run(*EXEC, "--", str(script)).stdout == "here\n"


def test_options_and_separators_after_the_command_are_passed_to_it(box):
    result = box.run(*EXEC, "--", "printf", "%s|", "--json", "-v", "--", "--offline", "-C")
    assert result.stdout == "--json|-v|--|--offline|-C|"


def test_undecodable_arguments_are_passed_unchanged(box):
    for locale in ("C", "C.UTF-8"):
        result = box.run(*EXEC, "--", "printf", "%s", b"\xff\xe9", LC_ALL=locale)
        assert os.fsencode(result.stdout) == b"\xff\xe9"


@pytest.mark.parametrize("extra", [{}, {"LC_CTYPE": "C"}, {"LC_CTYPE": "C.UTF-8"}, {"LANG": "C"}])
def test_only_variables_of_the_tools_change(box, extra):
    if not os.path.exists("/proc/self/environ"):
        pytest.skip("a locale that Python chose cannot be detected on this system")
    outcome = box.run(*EXEC, "--", "env", clean=True, **extra)
    result = dict(line.split("=", 1) for line in outcome.stdout.splitlines())
    tools = {name: result.pop(name) for name in ("NODE_ROOT", "JAVA_HOME", "PATH")}
    expected = {**box.variables, "PWD": str(box.project), **extra}
    del expected["PATH"]
    assert tools["JAVA_HOME"] == box.paths.install("java", "21")
    assert result == expected


@pytest.mark.parametrize("code", [0, 2, 130])
def test_the_exit_code_is_that_of_the_command(box, code):
    assert box.run(*EXEC, "--", "sh", "-c", f"exit {code}").returncode == code


def test_signals_reach_the_command(box):
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done"
    with subprocess.Popen(
        [*EXEC, "--", "sh", "-c", script], cwd=box.project, env=box.variables, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait() == 9


def test_a_missing_tool_of_the_project_is_an_error(box):
    box.request("nodejs=22\njava=21\n")
    result = box.run(*EXEC, "--", "java")
    assert result.returncode == 127
    assert "nodejs 22 is not installed" in result.stderr
    assert "envmgr install" in result.stderr


def test_a_missing_tool_of_the_project_is_ignored_if_others_are_named(box):
    box.request("nodejs=22\njava=21\n")
    assert box.run(*EXEC, "nodejs@18", "--", "node").stdout == "nodejs 18.0.0 node\n"


def test_a_named_tool_that_is_missing_names_the_command_that_installs_it(box):
    result = box.run(*EXEC, "nodejs@19", "--", "node")
    assert result.returncode == 127
    assert "nodejs@19" in result.stderr


def test_an_unknown_command_is_not_found(box):
    result = box.run(*EXEC, "--", "no-such-command")
    assert result.returncode == 127
    assert "no-such-command" in result.stderr


def test_a_command_without_a_version_is_an_error(box):
    box.install("gadget", "1.0.0", ["run-gadget"])
    result = box.run(*EXEC, "--", "run-gadget")
    assert result.returncode == 126
    assert "no version of run-gadget is set" in result.stderr


def test_a_file_that_cannot_be_run_is_an_error_with_the_cause(box):
    (box.project / "data").write_text("x")
    result = box.run(*EXEC, "--", "./data")
    assert result.returncode == 126
    assert "Permission denied" in result.stderr


def test_the_directory_option_is_the_working_directory_of_the_command(box, tmp_path):
    other = tmp_path / "other dir"
    box.request("nodejs=18.0.0\n", other)
    envmgr = (sys.executable, "-m", "envmgr", "-C", str(other), "exec", "--")
    output = box.run(*envmgr, "sh", "-c", "node; pwd; /bin/pwd").stdout
    assert output == f"nodejs 18.0.0 node\n{other}\n{other}\n"


def test_a_command_run_by_exec_finds_the_same_tools_through_shims(box):
    box.reshim()
    output = box.run(*EXEC, "nodejs@18", "--", "sh", "-c", "node; java").stdout
    assert output == "nodejs 18.0.0 node\njava 21 java\n"
