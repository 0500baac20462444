"""Ids of events and requests (RFC 9562, section 5.7), and references to resources by id or name."""

from __future__ import annotations

import os
import time
import uuid

import pytest

from envmgr.server.kit.common import ids
from envmgr.server.kit.common.ids import as_id, is_id, uuid7

MANY = 100_000


def test_an_id_is_a_uuid_of_version_7_formatted_as_in_rfc_9562():
    for _ in range(1000):
        text = uuid7()
        made = uuid.UUID(text)
        assert str(made) == text
        assert (made.variant, made.version) == (uuid.RFC_4122, 7)


def test_an_id_contains_its_creation_time():
    before = time.time_ns() // 1_000_000
    milliseconds = uuid.UUID(uuid7()).int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_ids_are_unique():
    assert len({uuid7() for _ in range(MANY)}) == MANY


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_create_other_ids(monkeypatch):
    monkeypatch.setattr(ids, "now_ms", lambda: 0)
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writer, uuid7().encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with open(reader) as file:
        assert file.read() not in {"", uuid7()}


def test_every_random_bit_varies(monkeypatch):
    monkeypatch.setattr(ids, "now_ms", lambda: 0)
    made = [uuid.UUID(uuid7()).int for _ in range(200)]
    ever, always = 0, -1
    for number in made:
        ever |= number
        always &= number
    fixed = 7 << 76 | 2 << 62
    assert always == fixed
    assert ever == fixed | 0xFFF << 64 | (2**62 - 1)


@pytest.mark.parametrize("instant", [0, 1, 1_700_000_000_000, 2**48 - 2])
def test_ids_sort_by_millisecond(monkeypatch, instant):
    def id_at(milliseconds):
        monkeypatch.setattr(ids, "now_ms", lambda: milliseconds)
        return [uuid7() for _ in range(100)]

    assert max(id_at(instant)) < min(id_at(instant + 1))


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("7", True),
        ("0", True),
        ("007", False),
        ("9" * 50, True),
        ("shop", False),
        ("\u0667", False),
        ("", False),
    ],
)
def test_digits_are_parsed_as_id_and_anything_else_as_name(ref, expected):
    assert is_id(ref) is expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [("7", 7), ("007", 7), ("9" * 16, 10**16 - 1), ("9" * 17, 0), ("9" * 5000, 0)],
    ids=["one", "zeros", "longest", "longer", "endless"],
)
def test_an_id_too_large_for_the_database_is_not_found(digits, expected):
    assert as_id(digits) == expected
