"""The documentation of continuous integration names what the integrations have, in valid files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from support import gitlab_component
from support.snippets import DOCUMENTS, section, snippets

CHECKOUT = Path(__file__).parents[2]


def check_schema(name, document, folder, *options):
    """Validate a document by a schema that check-jsonschema ships."""
    path = folder / "document.json"
    path.write_text(json.dumps(document))
    program = Path(sys.executable).with_name("check-jsonschema")
    result = subprocess.run(
        [program, "--builtin-schema", name, *options, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def described_inputs(heading):
    """Return the first column of the table below a heading, and the second of each row."""
    return dict(re.findall(r"(?m)^\| `([a-z-]+)` \| (.*?) ?\| ", section("ci.md", heading)))


def test_the_workflow_is_valid(tmp_path):
    (snippet,) = snippets("ci.md", "GitHub Actions", "yaml")
    check_schema("vendor.github-workflows", {"on": "push", **yaml.safe_load(snippet)}, tmp_path)


def test_each_input_of_the_action_is_described_with_its_default():
    text = (DOCUMENTS / "ci.md").read_text()
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
    rows = described_inputs("GitHub Actions")
    assert list(rows) == list(action["inputs"])
    for name, item in action["inputs"].items():
        assert not item["default"] or rows[name] == f"`{item['default']}`"
    assert all(f"`{output}`" in text for output in action["outputs"])


def test_each_input_of_the_component_is_used_and_described_with_its_default():
    inputs = gitlab_component.declared_inputs()
    assert gitlab_component.used_inputs() == {*inputs}
    rows = described_inputs("GitLab CI")
    assert list(rows) == list(inputs)
    for name, item in inputs.items():
        default = item.get("default", "required")
        assert rows[name] == (f"`{default}`" if item.get("default") else default)


def test_the_pipeline_is_valid(tmp_path):
    (snippet,) = snippets("ci.md", "GitLab CI", "yaml")
    pipeline = yaml.safe_load(snippet)
    (included,) = pipeline.pop("include")
    assert included["component"].rpartition("@")[0].endswith(f"/{gitlab_component.COMPONENT.stem}")
    document = {**gitlab_component.jobs_of(**included["inputs"]), **pipeline}
    assert document["test"]["extends"] in document
    check_schema("vendor.gitlab-ci", document, tmp_path, "--data-transform", "gitlab-ci")


def test_the_script_of_the_component_follows_shellcheck(tmp_path):
    script = tmp_path / "script"
    script.write_text("\n".join([*gitlab_component.job_of(package="x")["before_script"], ""]))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run(
        [shellcheck, "--shell=dash", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")
