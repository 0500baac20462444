from __future__ import annotations

import json

import pytest

from envmgr.catalog import manifest_reader
from envmgr.kit.errors import ManifestError


def issues_of(text):
    with pytest.raises(ManifestError) as caught:
        manifest_reader.read(text, "tool.json")
    return caught.value.issues


def test_invalid_json_is_reported_with_line_and_column():
    assert issues_of('{\n  "name": "x",\n  oops\n}') == (
        "line 3, column 3: Expecting property name enclosed in double quotes",
    )


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "null"])
def test_a_manifest_that_is_not_an_object_is_an_error(text):
    assert issues_of(text) == ("$: expected a JSON object",)


def test_a_duplicate_field_is_an_error():
    assert issues_of('{"name": "a", "name": "b"}') == ('$: duplicate key "name"',)


def test_all_missing_fields_and_wrong_types_are_reported():
    assert issues_of('{"platforms": [], "description": 3}') == (
        "$: missing 'name'",
        "$: missing 'versions_url' or 'source'",
        "$.description: must be a string",
        "$.platforms: must be an object",
    )


@pytest.mark.parametrize("kind", ["openpgp", "sigstore"])
def test_an_unverifiable_signature_is_an_error(kind):
    signature = {
        "kind": kind,
        "url_template": "{url}.sig",
        "keys": ["C874011F0AB405110D02105534365D9472D7468F"],
    }
    data = {
        "name": "x",
        "versions_url": "https://x/y",
        "overrides": [{"versions": "<1", "signature": signature}],
    }
    (issue,) = issues_of(json.dumps(data))
    assert issue.startswith(f"$.overrides[0].signature.kind: unsupported signature kind {kind!r}")


def test_endless_nesting_is_an_error():
    assert "recursion" in issues_of("[" * 100_000)[0].lower()


def test_a_huge_manifest_is_rejected():
    assert issues_of(" " * (manifest_reader.LIMIT + 1)) == ("$: larger than 1 MB",)


def test_a_byte_order_mark_is_read():
    text = '\ufeff{"name": "x", "versions_url": "https://x/y", "bin_path_template": "x"}'
    assert manifest_reader.read(text, "x").name == "x"


def test_the_digest_depends_on_the_content_not_the_formatting():
    data = {"name": "x", "versions_url": "https://x/ü", "description": "ä"}
    plain = manifest_reader.read(json.dumps(data), "x").digest
    assert (
        manifest_reader.read(
            json.dumps(dict(reversed(data.items())), indent=4).replace("\n", "\r\n"), "y"
        ).digest
        == plain
    )
    assert manifest_reader.read(json.dumps({**data, "license": "MIT"}), "x").digest != plain
    assert plain.startswith("sha256:")


def test_every_descriptive_field_is_preserved():
    data = {
        "name": "x",
        "source": {"kind": "static", "versions": ["1"]},
        "description": "d",
        "homepage": "https://h",
        "license": "MIT",
        "aliases": ["y"],
        "variants": ["t"],
        "default_vendor": "v",
    }
    manifest = manifest_reader.build(data, "x.json")
    assert (manifest.description, manifest.homepage, manifest.license) == ("d", "https://h", "MIT")
    assert (manifest.aliases, manifest.variants, manifest.default_vendor) == (("y",), ("t",), "v")
    assert (manifest.kind, manifest.origin) == ("static", "x.json")


def test_an_override_that_is_not_an_object_is_ignored():
    data = {"name": "x", "versions_url": "https://x/y", "overrides": [3, {"versions": "<1", "platforms": 4}]}
    assert [override.platforms for override in manifest_reader.build(data, "x").overrides] == [{}, {}]
