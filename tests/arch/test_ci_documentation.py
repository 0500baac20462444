"""The documentation of continuous integration names what the integrations have, in valid files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from pre_commit.commands.validate_config import validate_config

from support import gitlab_component
from support.snippets import DOCUMENTS, section, snippets

CHECKOUT = Path(__file__).parents[2]


def check_schema(name, document):
    """Validate a document by a schema that check-jsonschema ships."""
    jsonschema.validate(document, get_builtin_schema(f"vendor.{name}"))


def described_inputs(heading):
    """Return the first column of the table below a heading, and the second of each row."""
    return dict(re.findall(r"(?m)^\| `([a-z-]+)` \| (.*?) ?\| ", section("ci.md", heading)))


def test_the_workflow_is_valid():
    (snippet,) = snippets("ci.md", "GitHub Actions", "yaml")
    check_schema("github-workflows", {"on": "push", **yaml.safe_load(snippet)})


def test_the_action_is_valid():
    check_schema("github-actions", yaml.safe_load((CHECKOUT / "action.yml").read_text()))


def test_each_input_of_the_action_is_described_with_its_default():
    text = (DOCUMENTS / "ci.md").read_text()
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
    rows = described_inputs("GitHub Actions")
    assert list(rows) == list(action["inputs"])
    for name, item in action["inputs"].items():
        assert not item["default"] or rows[name] == f"`{item['default']}`"
    assert all(f"`{output}`" in text for output in action["outputs"])


def test_a_package_from_git_is_named_by_its_commit_as_caches_do_not_see_a_branch_change():
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
    for heading, inputs in (
        ("GitHub Actions", action["inputs"]),
        ("GitLab CI", gitlab_component.declared_inputs()),
    ):
        text = section("ci.md", heading)
        assert "git+URL@COMMIT" in inputs["package"]["description"]
        assert "git+URL@COMMIT" in text
        assert "branch is not installed again when it changes" in text.replace("\n", " ")


def test_each_input_of_the_component_is_used_and_described_with_its_default():
    inputs = gitlab_component.declared_inputs()
    assert gitlab_component.used_inputs() == {*inputs}
    rows = described_inputs("GitLab CI")
    assert list(rows) == list(inputs)
    for name, item in inputs.items():
        default = item.get("default", "required")
        assert rows[name] == (f"`{default}`" if item.get("default") else default)


def test_the_pipeline_is_valid():
    (snippet,) = snippets("ci.md", "GitLab CI", "yaml")
    pipeline = yaml.safe_load(snippet)
    (included,) = pipeline.pop("include")
    assert included["component"].rpartition("@")[0].endswith(f"/{gitlab_component.COMPONENT.stem}")
    document = {**gitlab_component.jobs_of(**included["inputs"]), **pipeline}
    assert document["test"]["extends"] in document
    check_schema("gitlab-ci", document)


def test_the_script_of_the_component_follows_shellcheck(tmp_path):
    script = tmp_path / "script"
    script.write_text("\n".join([*gitlab_component.job_of(package="x")["before_script"], ""]))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run(
        [shellcheck, "--shell=dash", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_the_dockerfile_follows_hadolint():
    (snippet,) = snippets("ci.md", "Docker", "dockerfile")
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [hadolint, "-"], input=snippet, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_hooks_are_valid(tmp_path):
    (snippet,) = snippets("ci.md", "pre-commit", "yaml")
    (tmp_path / ".pre-commit-config.yaml").write_text(snippet)
    assert validate_config([str(tmp_path / ".pre-commit-config.yaml")]) == 0
