"""A manifest is checked against the schema once for each content."""

from __future__ import annotations

import json
import os
from unittest import mock

import jsonschema
import pytest

from envmgr.catalog import lint, schema_check
from envmgr.catalog.registry import Registry
from envmgr.catalog.schema_check import CheckedManifests
from envmgr.kit.errors import ManifestError
from envmgr.kit.paths import single_root

MANIFEST = {"name": "tool", "versions_url": "https://a.example/x", "bin_path_template": "{version}/x"}
INVALID = {**MANIFEST, "strip": -1}


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path))


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the user's manifest of `tool`."""
    path = tmp_path / "plugins" / "tool.json"
    path.parent.mkdir()
    return lambda manifest: path.write_text(json.dumps(manifest))


@pytest.fixture
def record(paths):
    """Yield the path of the record, which holds three manifests, in a directory that exists."""
    path = schema_check.file_of(paths)
    os.makedirs(os.path.dirname(path))
    with mock.patch.object(schema_check, "MAX_RECORDED", 3):
        yield path


@pytest.fixture
def check(paths):
    """Return a function that checks `tool` in a new run, and returns whether by the library."""

    def check():
        validator = jsonschema.Draft202012Validator
        with mock.patch.object(jsonschema, "Draft202012Validator", side_effect=validator) as spy:
            Registry(paths).check("tool")
        return spy.called

    return check


def test_a_manifest_is_checked_once(write, check):
    write(MANIFEST)
    assert [check(), check()] == [True, False]


def test_a_changed_manifest_is_checked_again(write, check):
    write(MANIFEST)
    check()
    write({**MANIFEST, "description": "another"})
    assert [check(), check()] == [True, False]
    write(INVALID)
    for _ in range(2):
        with pytest.raises(ManifestError, match=r"\$\.strip"):
            check()
    write(MANIFEST)
    assert not check()


def test_a_manifest_is_checked_again_by_another_schema(write, check):
    write(MANIFEST)
    check()
    schema = {**schema_check.read_schema(), "title": "another"}
    with mock.patch.object(schema_check, "_schema_text", return_value=json.dumps(schema)):
        assert check()


def test_a_recorded_manifest_is_still_checked_for_all_else(paths):
    manifest = {**MANIFEST, "versions": {"pattern": "("}}
    find_issues = CheckedManifests(paths).find_issues
    assert [find_issues(manifest), find_issues(manifest)] == [[], ()]
    with pytest.raises(ManifestError, match="pattern"):
        lint.check(json.dumps(manifest), "tool.json", find_issues)


@pytest.mark.parametrize(
    "content", [b"", b"\0\xff\n", b"{}", b"0" * 64, b"\n".join([b"f" * 64] * 5000)], ids=len
)
def test_a_damaged_or_foreign_record_is_ignored_and_replaced(write, check, record, content):
    write(MANIFEST)
    with open(record, "wb") as file:
        file.write(content)
    assert [check(), check()] == [True, False]
    write(INVALID)
    with pytest.raises(ManifestError):
        check()


def test_a_cut_record_is_ignored(write, check, record):
    write(MANIFEST)
    check()
    os.truncate(record, 40)
    assert [check(), check()] == [True, False]


def test_without_a_record_every_run_checks(write, check, record):
    write(MANIFEST)
    os.makedirs(record)
    assert [check(), check()] == [True, True]


def test_a_manifest_that_is_nested_too_deeply_is_invalid(paths):
    for depth in (*range(850, 1000), 5000):  # the limit depends on the depth of the caller
        text = json.dumps(MANIFEST)[:-1] + f', "extra": {"[" * depth}{"]" * depth}}}'
        with pytest.raises(ManifestError):
            lint.check(text, "tool.json", CheckedManifests(paths).find_issues)


def test_the_record_is_bounded_and_private(paths, record):
    manifests = [{**MANIFEST, "description": str(number)} for number in range(5)]
    for manifest in manifests:
        CheckedManifests(paths).find_issues(manifest)
    with open(record) as file:
        assert len(file.readlines()) == 3
    assert os.stat(record).st_mode & 0o077 == 0
    assert [CheckedManifests(paths).find_issues(manifest) for manifest in manifests[2:]] == [()] * 3
