"""Workflows and the action: pinned to commits, and only publishing jobs may request an identity token."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
ACTION = CHECKOUT / "action.yml"
PROGRAMS = Path(sys.executable).parent


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_workflows_follow_the_schema():
    result = run(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_action_uses_each_input_and_only_declared_ones():
    text = ACTION.read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(yaml.safe_load(text)["inputs"])


def test_workflows_and_the_action_have_no_known_weakness():
    """Among them: expressions that end up in a script, and credentials that later steps can read."""
    result = run(PROGRAMS / "zizmor", "--offline", "--quiet", ACTION, *WORKFLOWS)
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith("No findings to report")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_script_of_a_workflow_follows_shellcheck(path, tmp_path):
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    # Expressions are replaced before the shell reads the script.
    text = re.sub(r"\$\{\{.*?\}\}", "value", "\n".join(scripts))
    (tmp_path / "script").write_text(f"{text}\n")
    result = run(PROGRAMS / "shellcheck", "--shell=bash", "--exclude=SC1091", tmp_path / "script")
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_and_its_jobs_have_timeouts(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["jobs"]
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert all({"uses", "run"} & step.keys() for job in workflow["jobs"].values() for step in job["steps"])


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_with_its_version(path):
    uses = [use for use in re.findall(r"uses: (.*)", path.read_text()) if not use.startswith("./ ")]
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_declare_permissions_beyond_reading(path):
    top = re.search(r"(?m)^permissions:(?: \{\}|\n  contents: read)$", path.read_text())
    assert top


def test_the_build_job_has_no_identity_token():
    release = next(path for path in WORKFLOWS if path.name == "release.yml").read_text()
    (build,) = re.findall(r"(?ms)^  build:\n(.*?)(?=^  \w+:\n)", release)
    assert "make dist" in build
    assert "write" not in build
