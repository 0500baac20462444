"""The quick test of manifests by their schema decides as the schema library does."""

from __future__ import annotations

import copy
import glob
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from envmgr.catalog import lint, schema_acceptance
from envmgr.kit import data_files

PATHS = [
    path
    for path in sorted(glob.glob(os.path.join(data_files.directory("plugins"), "*.json")))
    if not path.endswith(".schema.json")
]
LIBRARY = Draft202012Validator(lint.schema())
TEXTS = [
    "",
    "1.0",
    "a/../b",
    "kind",
    "index",
    "static",
    "npm",
    "github",
    "tar.gz",
    "https://example.org/{version}",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from([1.0, 1.5, float("nan")])
    | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TEXTS), inner, max_size=3),
    max_leaves=5,
)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


MANIFESTS = [read(path) for path in PATHS]


def names_in(value):
    """Yield all names of members of a JSON value."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from names_in(member)
    elif isinstance(value, list):
        for item in value:
            yield from names_in(item)


NAMES = sorted({*names_in(lint.schema()["properties"]), *names_in(MANIFESTS)})


def places(value, path=()):
    """Yield the path of every member and item in a JSON value."""
    yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield from places(member, (*path, name))


def parent_of(document, path):
    for name in path[:-1]:
        document = document[name]
    return document


@st.composite
def changed_manifests(draw):
    """Draw a built-in manifest with one to three changes anywhere."""
    document = copy.deepcopy(draw(st.sampled_from(MANIFESTS)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(document) if path] or [()]))
        if not path:
            break
        parent = parent_of(document, path)
        change = draw(st.sampled_from(["remove", "replace", "add", "repeat"]))
        if change == "remove":
            del parent[path[-1]]
        elif change == "replace":
            parent[path[-1]] = draw(VALUES)
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(NAMES))] = draw(VALUES)
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
    return document


@pytest.mark.parametrize("manifest", MANIFESTS, ids=[os.path.basename(path) for path in PATHS])
def test_every_manifest_of_envmgr_is_accepted(manifest):
    assert schema_acceptance.is_accepted(manifest, lint.schema())


@given(changed_manifests())
def test_a_changed_manifest_is_accepted_only_if_the_library_accepts_it(manifest):
    is_valid = LIBRARY.is_valid(manifest)
    assert schema_acceptance.is_accepted(manifest, lint.schema()) <= is_valid
    if all(isinstance(item, str) for item in repeated_items(manifest)):
        assert schema_acceptance.is_accepted(manifest, lint.schema()) == is_valid


def repeated_items(value):
    """Yield the items of all lists: only texts are compared without the library."""
    if isinstance(value, dict):
        for member in value.values():
            yield from repeated_items(member)
    elif isinstance(value, list):
        for item in value:
            yield item
            yield from repeated_items(item)


@given(VALUES)
def test_any_other_value_is_not_accepted(value):
    assert schema_acceptance.is_accepted(value, lint.schema()) <= LIBRARY.is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"format": "uri"},
        {"properties": {"a": {"const": 1}}},
        {"enum": [True]},
        {"$ref": "https://a.example/b"},
    ],
    ids=lambda schema: next(iter(schema)),
)
def test_what_the_quick_test_does_not_know_is_not_accepted(schema):
    assert not schema_acceptance.is_accepted({"a": 1}, schema)
