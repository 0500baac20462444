"""The examples, fields and placeholders in docs/plugins.md match the schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from envmgr.catalog import lint, template
from envmgr.catalog.schema import schema_check

TEXT = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
BASE_MANIFEST = {
    "name": "tool",
    "versions_url": "https://example.org/list.json",
    "bin": ["tool"],
    "download_url_template": "https://example.org/{version}/{os}-{arch}{libc}.{ext}",
}


def manifest_of(example):
    """Return the whole manifest of an example, which may show only some fields."""
    text = example.replace("…", "0" * 64)
    if text.startswith("{"):
        return json.loads(text)
    fields = json.loads(f"{{{text}}}")
    return {
        **{
            key: value
            for key, value in BASE_MANIFEST.items()
            if key != "versions_url" or "source" not in fields
        },
        **fields,
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.split('"')[1] for example in EXAMPLES])
def test_every_example_is_valid(example):
    assert lint.lint(json.dumps(manifest_of(example)), "").errors == ()


def test_every_field_and_placeholder_is_documented():
    schema = schema_check.read_schema()
    fields = {*schema["properties"]} - {"$schema"}
    for name in ("versions", "checksum", "signature"):
        fields |= {*schema["$defs"][name]["properties"]}
    assert [name for name in sorted(fields) if f"`{name}`" not in TEXT and f'"{name}"' not in TEXT] == []
    assert [name for name in template.PLACEHOLDERS if f"{{{name}}}" not in TEXT] == []
