"""The documentation of continuous integration names what the integrations have, in valid files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from support.snippets import DOCUMENTS, snippets

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


def test_the_workflow_is_valid(tmp_path):
    (snippet,) = snippets("ci.md", "GitHub Actions", "yaml")
    check_schema("vendor.github-workflows", {"on": "push", **yaml.safe_load(snippet)}, tmp_path)


def test_each_input_of_the_action_is_described_with_its_default():
    text = (DOCUMENTS / "ci.md").read_text()
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text())
    rows = dict(re.findall(r"(?m)^\| `([a-z-]+)` \| (.*?) ?\| ", text))
    assert list(rows) == list(action["inputs"])
    for name, item in action["inputs"].items():
        assert not item["default"] or rows[name] == f"`{item['default']}`"
    assert all(f"`{output}`" in text for output in action["outputs"])
