from __future__ import annotations

import hashlib

import msgspec
import pytest

from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, content_of, entry_hash
from envmgr.server.audit.domain.log_model import (
    Head,
    build_entries,
    is_checkpoint_due,
    is_current,
    should_sign_at_once,
    sign_checkpoint,
)
from support.services.audit_fixtures import KEY, event, events, verified

HOUR = 3600 * 1000


def test_a_chain_continues_from_its_head():
    log = build_entries(Head(), events(5))
    first = build_entries(Head(), events(2))
    later = build_entries(Head(2, bytes.fromhex(first[-1].hash)), events(5)[2:])
    assert [*first, *later] == log
    assert verified([msgspec.to_builtins(entry) for entry in log]) == []


def test_an_entry_links_to_the_one_before_it():
    first, second = (msgspec.to_builtins(entry) for entry in build_entries(Head(), events(2)))
    assert first["prev_hash"] == GENESIS_HASH.hex()
    assert second["prev_hash"] == first["hash"]
    assert second["hash"] == entry_hash(bytes.fromhex(first["hash"]), 2, content_of(second)).hex()


def test_an_empty_batch_adds_no_entries():
    assert build_entries(Head(), []) == []


def test_the_time_of_an_event_is_stored_in_milliseconds():
    (entry,) = build_entries(Head(), [event(1, time="2026-01-02T03:04:05.678Z")])
    assert entry.timestamp == 1_767_323_045_678


def sign(seq: int, at: int):
    return sign_checkpoint(KEY, "alm-1", Head(seq, hashlib.sha256(b"%d" % seq).digest()), None, at)


@pytest.mark.parametrize(
    ("seq", "last", "now", "due"),
    [
        (0, None, HOUR, False),
        (1, None, HOUR, True),
        (1, sign(1, 0), 9 * HOUR, False),
        (2, sign(1, HOUR), 2 * HOUR - 1, False),
        (2, sign(1, HOUR), 2 * HOUR, True),
    ],
)
def test_a_checkpoint_is_due_some_time_after_a_new_entry(seq, last, now, due):
    assert is_checkpoint_due(Head(seq), last, now) == due


@pytest.mark.parametrize(
    ("seq", "last", "much"),
    [(999, None, False), (1000, None, True), (1000, sign(1, 0), False), (1001, sign(1, 0), True)],
)
def test_a_checkpoint_is_due_at_once_after_many_entries(seq, last, much):
    assert should_sign_at_once(Head(seq), last) == much


def test_a_checkpoint_is_current_until_an_entry_follows_or_the_key_changes():
    last = sign(3, 0)
    assert is_current(last, Head(3), KEY)
    assert not is_current(last, Head(4), KEY)
    assert not is_current(last, Head(3), bytes(32))
