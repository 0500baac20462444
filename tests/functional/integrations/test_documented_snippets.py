"""Snippets of the documentation of CI and editors, run in a project."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from support.requirements import needs_programs
from support.snippets import section, snippets

VERSION, DOCUMENTED_VERSION = "0.14.14", "0.15.22"
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the snippets are for a POSIX shell")


@pytest.fixture(scope="module")
def run(machine):
    """Return a function that runs a shell's line where the tool is installed below the user's home."""

    def run_line(line, **variables):
        return machine.command(["sh", "-e", "-c", line], env={"ENVMGR_HOME": "", **variables})

    assert run_line("envmgr install --locked").code == 0
    return run_line


@pytest.fixture(autouse=True)
def project(machine):
    """Return the project, which requests the tool."""
    machine.write("pypi:ruff=^0.14")
    return machine.project


def test_the_image_runs_its_command_with_the_tools_that_a_stage_installed(machine, run, tmp_path):
    (text,) = snippets("ci.md", "Docker", "dockerfile")
    dockerfile = text.replace("/opt/envmgr", str(tmp_path))
    commands = re.findall(r"(?m)^RUN (?:--mount=\S+ )?(envmgr .*)$", dockerfile)
    (entry_point,) = re.findall(r"(?m)^ENTRYPOINT (.*)$", dockerfile)
    assert len(commands) == 2
    assert run("\n".join(commands), ENVMGR_HOME=str(tmp_path)).code == 0
    result = machine.command([*json.loads(entry_point), "ruff"], env={"PATH": "/usr/bin:/bin"})
    assert (result.code, result.out) == (0, f"ruff {VERSION}\n"), result


def test_a_script_of_another_system_runs_the_tools(run, project):
    (script,) = snippets("ci.md", "Other systems", "sh")
    result = run(f"{script}\ncommand -v ruff")
    assert result.out.splitlines()[-1].startswith(f"{project}/.cache/envmgr/installs/")


@pytest.mark.skipif(not PRE_COMMIT.is_file(), reason="pre-commit is installed for development only")
def test_the_hooks_of_pre_commit_run(run, project):
    (hooks,) = snippets("ci.md", "pre-commit", "yaml")
    (project / ".pre-commit-config.yaml").write_text(hooks)
    (project / "module.py").write_text("")
    result = run(
        f"git init -q . && git add .envmgr .envmgr.lock module.py && {PRE_COMMIT} run --all-files --verbose",
        PRE_COMMIT_COLOR="never",
    )
    assert result.code == 0, result
    assert re.findall(r"(?m)^(.*?)\.+Passed$", result.out) == ["envmgr lock --check", "ruff check"]
    assert f"ruff {VERSION}" in result.out


@pytest.mark.skipif(sys.platform != "linux", reason="the document shows the directories of Linux")
def test_editors_read_paths_and_variables(machine, run):
    (session,) = snippets("editors.md", "Paths", "console")
    steps = re.findall(r"(?ms)^\$ (.*?)\n(.*?)(?=^\$ |\Z)", session)
    assert [line for line, _ in steps] == ["envmgr which ruff", "envmgr where pypi:ruff", "envmgr env --json"]
    results = [
        run(line).out.replace(str(machine.user_home), "/home/you").replace(VERSION, DOCUMENTED_VERSION)
        for line, _ in steps
    ]
    assert results[:2] == [output for _, output in steps[:2]]
    real, documented = json.loads(results[2]), json.loads(steps[2][1])
    assert (
        real["variables"].pop("PATH").partition(":")[0]
        == documented["variables"].pop("PATH").partition(":")[0]
    )
    files, documented_files = real.pop("files"), documented.pop("files")
    assert [Path(file).name for file in files[:2]] == [Path(file).name for file in documented_files[:2]]
    assert files[-2:] == documented_files[-2:]
    assert real == documented


def test_the_terminal_of_vs_code_has_the_shims_on_path(machine, run):
    settings = json.loads(snippets("editors.md", "VS Code", "json")[0])
    system = "osx" if sys.platform == "darwin" else "linux"
    path = settings[f"terminal.integrated.env.{system}"]["PATH"]
    values = {"${env:HOME}": str(machine.user_home), "${env:PATH}": "/usr/bin:/bin"}
    for name, value in values.items():
        path = path.replace(name, value)
    assert run("command -v ruff; ruff", PATH=path).out.splitlines() == [
        f"{path.partition(':')[0]}/ruff",
        f"ruff {VERSION}",
    ]
    (program,) = settings["ruff.path"]
    assert sys.platform != "linux" or Path(program.replace("/home/you", str(machine.user_home))).is_file()


def test_the_tasks_of_vs_code_run_and_report_invalid_lines(run, project):
    install, check = json.loads(snippets("editors.md", "VS Code", "json")[1])["tasks"]
    assert run(check["command"]).out == f"ruff {VERSION}\n"
    (project / ".envmgr").write_text("pypi:ruff=^0.14\nnode 20\n")
    output = run(install["command"]).err
    pattern = install["problemMatcher"]["pattern"]
    matches = [match for line in output.splitlines() if (match := re.search(pattern["regexp"], line))]
    assert [(match[pattern["file"]], match[pattern["line"]]) for match in matches] == [
        (str(project / ".envmgr"), "2")
    ]


def test_debuggers_of_vs_code_read_variables_from_a_file(run, project):
    (line,) = re.findall(r"`(envmgr env --dotenv [^`]*)`", section("editors.md", "VS Code"))
    assert run(line).code == 0
    assert (project / ".env").read_text().startswith("PATH=")


@needs_programs("direnv", "bash")
def test_direnv_sets_the_environment(machine, run, project):
    (project / ".envrc").write_text(snippets("editors.md", "direnv", "sh")[0])
    path = machine.environment["PATH"].partition(os.pathsep)[2]
    result = run("direnv allow . && direnv exec . ruff", PATH=path)
    assert result.out == f"ruff {VERSION}\n", result


@needs_programs("direnv", "bash")
def test_direnv_finds_a_tool_that_is_installed_later_after_a_reload(machine, run, project, tmp_path):
    (project / ".envrc").write_text(snippets("editors.md", "direnv", "sh")[0])
    (reload,) = {*re.findall(r"`(direnv [^`]*)`", section("editors.md", "direnv"))}
    past = "touch -t 202601010000 .envrc"  # direnv compares seconds
    update = 'eval "$(direnv export bash)"; command -v ruff'
    lines = ("direnv allow .", past, update, "envmgr install --locked", update, reload, update)
    path = machine.environment["PATH"].partition(os.pathsep)[2]
    result = run(shlex.join(["bash", "-c", "\n".join(lines)]), PATH=path, ENVMGR_HOME=str(tmp_path))
    programs = [line for line in result.out.splitlines() if line.endswith("/ruff")]
    assert [line.startswith(f"{tmp_path}/installs/") for line in programs] == [False, False, True], result.err


def test_a_dev_container_names_the_feature_by_its_directory():
    (snippet,) = snippets("editors.md", "Dev containers", "json")
    (feature,) = json.loads(snippet)["features"]
    assert feature == "./envmgr"
