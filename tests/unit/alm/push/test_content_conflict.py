"""Messages of content conflicts: a line for each field, without control characters."""

from __future__ import annotations

import pytest

from envmgr.alm.push import content_conflict


def lines(**members):
    first, *others = content_conflict.message("shop@v1", members).split("\n")
    assert first == "shop@v1 already exists with different content"
    return others


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("commit", "commit"),
        ("artifacts/shop.zip", "artifact shop.zip"),
        ("toolchain/tools/npm:@a/b", "tool npm:@a/b"),
        ("toolchain/lock/resolved/go@1", "lock: resolved/go@1"),
        ("toolchain/lock_digest", "lock digest"),
        ("toolchain/dotfile", ".envmgr"),
        ("of-a-newer-server", "of-a-newer-server"),
    ],
)
def test_fields_have_names_for_people(field, label):
    difference = {"field": field, "existing": "a", "submitted": "b"}
    assert lines(differences=[difference]) == [f"  {label}: server a, local b"]


def test_an_absent_value_is_none():
    difference = {"field": "commit", "existing": None, "submitted": "b"}
    assert lines(differences=[difference]) == ["  commit: server none, local b"]


def test_values_that_the_caller_cannot_read_are_omitted():
    assert lines(differences=[{"field": "commit"}]) == ["  commit differs"]


def test_control_characters_are_replaced():
    difference = {"field": "artifacts/a\x1b[31m", "existing": "x\ny", "submitted": "z\x00"}
    assert lines(differences=[difference]) == ["  artifact a?[31m: server x y, local z?"]


@pytest.mark.parametrize("differences", [{}, {"differences": []}, {"differences": 5}, {"differences": [5]}])
def test_without_differences_the_digests_are_named(differences):
    assert lines(existing_digest="sha256:a", submitted_digest="sha256:b", **differences) == [
        "  content: server sha256:a, local sha256:b"
    ]
