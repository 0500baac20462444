"""Workflows: actions are pinned to commits, and only publishing jobs may request an identity token."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_valid_and_its_jobs_have_timeouts(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["jobs"]
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    assert all({"uses", "run"} & step.keys() for job in workflow["jobs"].values() for step in job["steps"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_with_its_version(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
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
