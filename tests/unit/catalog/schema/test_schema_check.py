"""Valid manifests are recognized without the library, which describes the issues of others."""

from __future__ import annotations

import json
import os
from unittest import mock

import jsonschema
import pytest

from envmgr.catalog import lint
from envmgr.catalog.schema import json_schema, schema_check
from envmgr.kit import data_files
from envmgr.kit.errors import ManifestError

MANIFEST = {"name": "tool", "versions_url": "https://a.example/x", "bin_path_template": "{version}/x"}
PLUGINS = data_files.directory("plugins")
NAMES = sorted(name for name in os.listdir(PLUGINS) if name != "plugin.schema.json")


@pytest.fixture
def library():
    """Yield the library's validator, as a mock that validates."""
    validator = jsonschema.Draft202012Validator
    with mock.patch.object(jsonschema, "Draft202012Validator", side_effect=validator) as spy:
        yield spy


def test_every_built_in_manifest_is_valid_without_the_library(library):
    for name in NAMES:
        with open(os.path.join(PLUGINS, name), encoding="utf-8") as file:
            assert schema_check.find_issues(json.load(file)) == (), name
    assert not library.called


def test_the_library_describes_the_issues_of_an_invalid_manifest(library):
    issues = schema_check.find_issues({**MANIFEST, "strip": -1})
    assert [issue.partition(":")[0] for issue in issues] == ["$.strip"]
    assert library.called


def test_the_library_decides_where_the_evaluator_cannot(library):
    schema = {**schema_check.read_schema(), "not": {"required": ["license"]}}
    with mock.patch.object(schema_check, "read_schema", return_value=schema):
        assert schema_check.find_issues(MANIFEST) == []
        assert len(schema_check.find_issues({**MANIFEST, "license": "MIT"})) == 1
    assert library.call_count == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Tool"},
        {"name": 1},
        {"unknown": 1},
        {"aliases": ["a", "a"]},
        {"aliases": [1, True]},
        {"bin": []},
        {"bin": {"a": "b"}},
        {"links": {"a": []}},
        {"links": {"a": 1}},
        {"strip": True},
        {"strip": 1.5},
        {"checksum": {"format": "json", "url_template": "x"}},
        {"signature": {"kind": "minisign", "url_template": "x", "keys": ["RW"]}},
        {"platforms": {"linux-x64": {"bin": ""}}},
        {"overrides": [{"versions": "<1"}]},
        {"source": {"kind": "static", "versions": [{"date": "x"}]}},
        {"source": {"kind": "pypi", "package": "x", "url": "y"}},
        {"source": {"kind": "other"}},
        {"versions": {"pages": "all"}},
        {"env": {"A B": "x"}},
    ],
    ids=str,
)
def test_what_the_library_refuses_is_not_valid(fields):
    manifest = {**MANIFEST, **fields}
    assert not jsonschema.Draft202012Validator(schema_check.read_schema()).is_valid(manifest)
    try:
        assert not json_schema.is_valid(manifest, schema_check.read_schema())
    except json_schema.UndecidableSchema:
        assert fields == {"aliases": [1, True]}


def test_a_valid_manifest_is_still_checked_for_all_else():
    manifest = {**MANIFEST, "versions": {"pattern": "("}}
    assert schema_check.find_issues(manifest) == ()
    with pytest.raises(ManifestError, match="pattern"):
        lint.check(json.dumps(manifest), "tool.json")


def test_a_manifest_that_is_nested_too_deeply_is_invalid():
    for depth in (*range(850, 1000), 5000):  # the limit depends on the depth of the caller
        text = json.dumps(MANIFEST)[:-1] + f', "extra": {"[" * depth}{"]" * depth}}}'
        with pytest.raises(ManifestError):
            lint.check(text, "tool.json")
