from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envmgr.catalog import checksums, lint, manifest_reader
from envmgr.catalog.schema import json_schema, schema_check
from envmgr.catalog.sources import url_index
from envmgr.kit.errors import ManifestError, SourceError
from envmgr.kit.platform import ARCHITECTURES, DEFAULT_PLATFORMS, OPERATING_SYSTEMS
from support.registries.recorded_upstreams import Recorded, context

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(schema_check.read_schema()["properties"])
HALF_RIGHT = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON_VALUES, max_size=8)
WORDS = st.text("abcxyz019.-_", min_size=1, max_size=8)
LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "ext": WORDS,
        "bin": st.lists(WORDS.filter(lambda word: word != ".."), min_size=1, max_size=2, unique=True),
        "env": st.dictionaries(st.sampled_from(["A", "B"]), WORDS | st.none(), max_size=2),
        "os": st.dictionaries(st.sampled_from(OPERATING_SYSTEMS), WORDS | st.none(), max_size=2),
        "arch": st.dictionaries(st.sampled_from(ARCHITECTURES), WORDS | st.none(), max_size=2),
        "libc": st.dictionaries(st.sampled_from(["gnu", "musl"]), WORDS | st.none(), max_size=2),
        "strip": st.integers(0, 3),
    },
)
PLATFORMS = st.dictionaries(
    st.sampled_from(["linux", "linux-musl", "linux-x64", "macos", "macos-arm64", "windows"]),
    LAYERS | st.none(),
    max_size=4,
)
MANIFESTS = st.builds(
    lambda base, platforms, overrides: {
        "name": "tool",
        "versions_url": "https://example.org/list.json",
        "bin": ["tool"],
        "download_url_template": "https://example.org/{version}/{os}-{arch}{libc}.{ext}",
        **base,
        "platforms": platforms,
        "overrides": [{"versions": spec, "strip": 0, **layer} for spec, layer in overrides],
    },
    LAYERS,
    PLATFORMS,
    st.lists(st.tuples(st.sampled_from(["<2", ">=1.5", "1.x"]), LAYERS), max_size=2),
)


def caught(kind, function, *arguments):
    """Return the error of a kind that a function raises, or None."""
    try:
        function(*arguments)
    except kind as error:
        return error
    return None


@given(st.text(max_size=200) | HALF_RIGHT.map(json.dumps) | JSON_VALUES.map(json.dumps))
def test_any_manifest_is_read_or_rejected_with_its_issues(text):
    error = caught(ManifestError, lint.read, text, "x.json")
    assert error is None or (error.issues and all(error.issues))


@given(HALF_RIGHT | MANIFESTS)
def test_the_evaluator_of_schemas_agrees_with_the_library(data):
    schema = schema_check.read_schema()
    undecidable = caught(json_schema.UndecidableSchema, json_schema.is_valid, data, schema)
    if undecidable:
        assert "uniqueItems" in str(undecidable)
    else:
        assert json_schema.is_valid(data, schema) == Draft202012Validator(schema).is_valid(data)


@given(HALF_RIGHT)
def test_a_manifest_read_without_validation_is_read_or_rejected(data):
    error = caught(ManifestError, manifest_reader.read, json.dumps(data), "x.json", True)
    assert error is None or error.issues


@given(MANIFESTS, st.sampled_from(["1.0", "1.7.2", "2.0-rc.1", "3"]))
def test_every_valid_manifest_resolves_every_version_and_platform(data, version):
    assert lint.lint(json.dumps(data), "").errors == ()
    manifest = manifest_reader.build(data, "x.json")
    for platform in DEFAULT_PLATFORMS:
        url = manifest.download_url(version, None, platform)
        layout = manifest.layout(version, None, platform)
        assert (url is None) == (layout is None)
        assert url is None or ("{" not in url and version in url)


@given(MANIFESTS, st.randoms())
def test_the_digest_is_independent_of_the_formatting(data, random):
    shuffled = list(data.items())
    random.shuffle(shuffled)
    text = json.dumps(dict(shuffled), indent=random.choice([None, 1, 4]))
    assert manifest_reader.read(text, "x").digest == manifest_reader.digest_of(data)


@given(JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
@settings(deadline=None)
@pytest.mark.parametrize(
    "options", [{}, {"path": "keys"}, {"path": "a.b"}, {"format": "ndjson"}, {"format": "tsv"}]
)
def test_any_upstream_response_is_a_list_or_an_error_with_the_url(options, body):
    data = {"name": "x", "versions_url": "https://x/y", "bin": ["x"], "versions": {"url": "u", **options}}
    manifest = manifest_reader.build(data, "x")
    source_context = context(Recorded({"https://x/y": (body, {})}), "/nowhere")
    error = caught(SourceError, url_index.listing, manifest, source_context)
    if error:
        assert "https://x/y" in error.message
        return
    versions = url_index.listing(manifest, source_context).versions
    assert versions
    assert not any("/" in version or version.startswith((".", "-")) for version in versions)


@given(st.text(max_size=200), st.sampled_from([*checksums.FORMATS]))
def test_any_sums_document_yields_a_digest_or_an_error(text, kind):
    try:
        result = checksums.parse(text, kind, "https://x/tool.zip", "a")
    except ValueError:
        return
    assert result is None or isinstance(result, str)


@given(
    st.lists(
        st.tuples(st.text("abc.-_ é", min_size=1, max_size=8), st.integers(0, 15)), min_size=1, max_size=8
    )
)
def test_a_sums_document_yields_the_digest_of_each_file(rows):
    digests = {name.strip() or "x": f"{digit:x}" * 64 for name, digit in rows}
    digests = {name: value for name, value in digests.items() if not name.startswith("./")}
    text = "".join(f"{value}  {name}\n" for name, value in digests.items())
    for name, value in digests.items():
        assert checksums.parse(text, "sums", f"https://x/{name}") == value
