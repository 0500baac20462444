"""The GitLab CI component: its job, run by a shell as a runner would, has the project's tools."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.gitlab_component import job_of

CHECKOUT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the component runs in a POSIX shell")


@pytest.fixture(scope="module")
def run(machine):
    """Return a function that runs a job with a script, in the project below the repository's root."""

    def run_job(script):
        job = job_of(package=str(CHECKOUT), lock="project/.envmgr.lock")
        variables = {**job["variables"], "CI_PROJECT_DIR": str(machine.root)}
        return machine.command(
            ["sh", "-e", "-c", "\n".join([*job["before_script"], script])],
            cwd=machine.root,
            env={**variables, "ENVMGR_HOME": "", "PATH": machine.environment["PATH"]},
        )

    return run_job


def test_a_job_runs_the_locked_tools_and_envmgr(run, machine):
    result = run("ruff --version; envmgr --version; command -v ruff; command -v envmgr")
    assert result.code == 0, result
    version, client, *paths = result.out.splitlines()[-4:]
    assert (version, client.split()[0]) == ("ruff 0.14.14", "envmgr")
    assert all(path.startswith(f"{machine.root}/.cache/envmgr/") for path in paths)


def test_the_next_job_installs_nothing(run, machine):
    run("")
    cached = [
        path for pattern in job_of(package="x")["cache"][0]["paths"] for path in machine.root.glob(pattern)
    ]
    assert [path.name for path in cached] == ["client", "installs"]
    for path in machine.root.glob(".cache/envmgr/*/*"):
        others = [path] if path.name == "bin" else [item for item in path.iterdir() if path.name == "home"]
        for directory in {*others} - {*cached}:
            shutil.rmtree(directory)
    machine.server.requests.clear()
    result = run("cd project && ruff --version")
    assert (result.code, result.out.splitlines()[-1]) == (0, "ruff 0.14.14"), result
    assert machine.server.requests == []


def test_a_lock_that_is_out_of_date_fails_the_job(run, machine):
    machine.write("pypi:ruff=^0.15")
    result = run("echo 'not reached'")
    assert (result.code, "not reached" in result.out) == (1, False)
    assert "does not lock pypi:ruff=^0.15" in result.err
