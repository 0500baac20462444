"""The GitHub Action: its scripts, run as its runner would, install and export a project's tools."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.machine.github_job import GithubJob
from support.snippets import snippets

CHECKOUT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the runner's paths are those of POSIX")


@pytest.fixture(scope="module")
def prepared_job(machine):
    """Return a job in which the action ran, and its result."""
    job = new_job(machine)
    return job, job.use(CHECKOUT)


def new_job(machine):
    variables = {name: value for name, value in machine.environment.items() if name != "ENVMGR_HOME"}
    return GithubJob(machine.project, machine.root / "runner", variables)


@pytest.fixture
def job(machine, prepared_job):  # noqa: ARG001 - it must run before
    """Return a new job on the runner, where envmgr and the tool are installed."""
    machine.write("pypi:ruff=^0.14")
    return new_job(machine)


def test_later_steps_run_the_locked_tools_and_envmgr(prepared_job, machine):
    job, result = prepared_job
    assert (result.code, result.annotations) == (0, []), result.output
    tool_cache = machine.root / "runner" / "tool cache" / "envmgr"
    assert job.run("ruff --version").output == "ruff 0.14.14\n"
    assert job.run("command -v envmgr").output == f"{tool_cache}/bin/envmgr\n"
    assert job.run("envmgr where pypi:ruff").output.startswith(f"{tool_cache}/home/installs/")
    assert job.outputs["version"] == job.run("envmgr --version").output.split()[1]


def test_the_python_of_envmgr_is_not_on_path(prepared_job):
    job, _ = prepared_job
    assert "tool cache" not in job.run("type -ap python python3 pip").output


def test_the_cache_has_envmgr_and_the_tools(prepared_job):
    job, _ = prepared_job
    ((action, arguments),) = job.used_actions
    assert action.startswith("actions/cache@")
    assert [path.removeprefix(job.outputs["directory"]) for path in arguments["path"].split("\n")] == [
        "/client",
        "/home/installs",
        "",
    ]
    assert arguments["key"].startswith("envmgr-Linux-X64-")


def test_what_the_cache_restores_is_not_installed_again(job, machine):
    directory = machine.root / "runner" / "tool cache" / "envmgr"
    shutil.rmtree(directory / "bin")
    for path in (directory / "home").iterdir():
        if path.name != "installs":
            shutil.rmtree(path)
    machine.server.requests.clear()
    result = job.use(CHECKOUT, environment="false")
    assert (result.code, machine.server.requests) == (0, []), result.output
    assert "Install envmgr" not in result.output
    assert job.run("command -v ruff").output == f"{directory}/home/shims/ruff\n"
    assert job.run("ruff --version").output == "ruff 0.14.14\n"
    (script,) = snippets("ci.md", "GitHub Actions", "sh")  # the documented way to set it then
    assert job.run(script).code == 0
    assert job.run("command -v ruff").output.startswith(f"{directory}/home/installs/")


def test_a_failure_of_pip_is_annotated(job):
    result = job.use(CHECKOUT, package="missing.whl", directory="elsewhere")
    assert result.code == 1
    assert result.annotations == [{"message": "cannot install envmgr: pip failed"}]


def test_each_invalid_line_is_annotated(job, machine):
    machine.write("pypi:ruff 0.14", "Node=1")
    result = job.use(CHECKOUT, cache="false")
    file = str(machine.project / ".envmgr")
    assert result.code == 1
    assert [(item["file"], item["line"], item["column"]) for item in result.annotations] == [
        (file, "1", "1"),
        (file, "2", "1"),
    ]
    assert result.annotations[1]["message"] == "tool names are lower case: use `node`"
    assert job.used_actions == []


def test_a_lock_that_is_out_of_date_is_annotated(job, machine):
    machine.write("pypi:ruff=^0.15")
    result = job.use(CHECKOUT)
    assert result.code == 1
    lock = str(machine.project / ".envmgr.lock")
    assert result.annotations == [{"file": lock, "message": f"{lock} does not lock pypi:ruff=^0.15"}]


def test_an_error_without_a_file_is_annotated(job):
    result = job.use(CHECKOUT, locked="false", install_arguments=" pypi:ruff@^9  ")
    assert result.code == 1
    assert result.annotations == [{"message": "no version of pypi:ruff matches ^9"}]


def test_later_steps_annotate_only_errors_that_name_a_file(job, machine):
    job.use(CHECKOUT)
    machine.write("pypi:ruff=^0.15")
    result = job.run("echo 'error: of a compiler'; envmgr exec -- ruff")
    assert [(item["line"], item["message"]) for item in result.annotations] == [
        ("1", "pypi:ruff ^0.15 is not installed")
    ]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"locked": "yes"}, "invalid input locked: 'yes' is neither true nor false"),
        ({"working_directory": "missing"}, "working-directory not found: missing"),
        ({"python": "false"}, "envmgr requires Python 3.11 or newer: run actions/setup-python before"),
    ],
)
def test_an_invalid_input_is_reported_before_anything_is_installed(inputs, message, tmp_path):
    job = GithubJob(tmp_path, tmp_path / "runner", {"PATH": os.environ["PATH"]})
    result = job.use(CHECKOUT, **inputs)
    assert result.code == 1
    assert [item["message"].startswith(message) for item in result.annotations] == [True]
    assert not (tmp_path / "runner" / "tool cache").exists()
