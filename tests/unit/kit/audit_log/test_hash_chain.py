from __future__ import annotations

import hashlib

import pytest

from envmgr.kit.audit_log.hash_chain import (
    GENESIS_HASH,
    Finding,
    RecordedGap,
    Verifier,
    content_of,
    entry_hash,
)
from envmgr.kit.audit_log.sequence_gaps import subtract_ranges
from support.alm.hash_chains import chain, findings, relinked


def kinds(result: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.kind, finding.seq) for finding in result]


def at(entry: dict[str, object]) -> dict[str, object]:
    return {"seq": entry["seq"], "hash": entry["hash"]}


def test_an_entry_hash_matches_the_documented_format():
    content = {"b": 1, "a": "é"}
    hashed = b"\x00" + GENESIS_HASH + b"\x00\x00\x00\x00\x00\x00\x00\x01" + '{"a":"é","b":1}'.encode()
    assert entry_hash(GENESIS_HASH, 1, content) == hashlib.sha256(hashed).digest()


def test_an_unmodified_log_has_no_findings():
    entries = chain(6)
    assert findings(entries, [at(entries[2]), at(entries[5])]) == []
    assert findings([]) == []
    assert findings([], [{"seq": 0, "hash": GENESIS_HASH.hex()}]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"source_service": "app"},
        {"source_sequence": 77},
        {"event_type": "AppDeleted"},
        {"event": "AppDeleted"},
        {"actor": "user:eve"},
        {"resource": "app/8"},
        {"payload": {"app_id": 8}},
        {"payload": {"app_id": 1.0}},
        {"timestamp": 1},
        {"timestamp": None},
        {"prev_hash": "00" * 32},
        {"prev_hash": "no hash"},
        {"prev_hash": 5},
        {"hash": "00" * 32},
        {"hash": None},
        {"source_sequence": "3"},
        {"source_sequence": True},
        {"source_sequence": 0},
        {"prev_hash": "AB" * 32},
        {"prev_hash": "00" * 31},
    ],
)
def test_a_changed_entry_is_reported_by_its_number(change):
    entries = chain(6)
    entries[2] = {**entries[2], **change}
    assert ("changed", 3) in kinds(findings(entries))


@pytest.mark.parametrize("name", ["id", "payload", "hash", "prev_hash", "source_sequence", "event_type"])
def test_an_entry_without_a_field_is_reported(name):
    entries = chain(3)
    del entries[1][name]
    assert ("changed", 2) in kinds(findings(entries))


def test_an_added_field_is_reported_by_its_name():
    entries = chain(3)
    entries[1] = {**entries[1], "note": "fine", "by": "user:eve"}
    assert findings(entries) == [Finding("changed", 2, "entry 2: unexpected fields: by, note")]


def test_a_changed_entry_with_a_new_hash_breaks_the_next_link():
    entries = chain(6)
    entries[2] = relinked({**entries[2], "actor": "user:eve"})
    assert kinds(findings(entries)) == [("changed", 3)]


def test_one_change_is_reported_once():
    entries = chain(6)
    entries[2] = {**entries[2], "hash": "00" * 32}
    assert kinds(findings(entries)) == [("changed", 3)]


def test_a_rewritten_tail_is_detected_by_a_checkpoint():
    entries = chain(6)
    signed = at(entries[4])
    forged = chain(6, actor="user:eve")
    assert findings(forged) == []
    assert kinds(findings(forged, [signed])) == [("rewritten", 5)]


def test_a_removed_entry_is_reported_with_the_gap_of_its_source():
    entries = chain(6)
    del entries[2]
    result = findings(entries)
    assert kinds(result) == [("removed", 3), ("gap", 0)]
    assert result[1].detail.endswith("missing with the removed entries, or never received")


def test_several_removed_entries_are_reported_as_one_range():
    result = findings([*chain(9)[:2], *chain(9)[5:]])
    assert result[0] == Finding("removed", 3, "entries 3 to 5 are missing")


def test_a_removed_beginning_is_reported():
    assert ("removed", 1) in kinds(findings(chain(4)[1:]))


def test_a_shortened_and_renumbered_log_has_a_gap_in_a_source():
    (result,) = findings(chain(5, skip={3}))
    assert (result.kind, result.seq) == ("gap", 0)
    assert result.detail.endswith(" never received")
    assert "missing" not in result.detail


def test_an_inserted_copy_is_reported():
    entries = chain(4)
    entries.insert(2, entries[1])
    assert ("inserted", 2) in kinds(findings(entries))


def test_a_duplicate_event_is_detected_in_a_valid_chain():
    assert kinds(findings(chain(5, again={3}))) == [("repeated", 4)]


def test_an_entry_without_a_number_is_reported():
    entries = chain(3)
    assert kinds(findings([entries[0], {**entries[1], "seq": "2"}, entries[1], entries[2]])) == [
        ("inserted", 0)
    ]


def test_swapped_entries_are_reported():
    entries = chain(6)
    entries[2], entries[3] = entries[3], entries[2]
    assert kinds(findings(entries)) == [("reordered", 3)]


def test_a_log_that_ends_before_its_checkpoint_is_reported():
    entries = chain(6)
    assert findings(entries[:4]) == []
    assert kinds(findings(entries[:4], [at(entries[5])])) == [("truncated", 5)]


def test_a_log_without_the_genesis_hash_is_reported():
    entries = chain(3, zero=bytes(31) + b"\x01")
    assert kinds(findings(entries)) == [("changed", 1)]
    assert kinds(findings(chain(3), [{"seq": 0, "hash": "11" * 32}])) == [("rewritten", 0)]


def test_late_events_of_a_source_are_accepted_and_missing_ones_reported():
    assert findings(chain(4, sequences=[1, 3, 2, 4])) == []
    result = findings(chain(4, sequences=[2, 3, 6, 7]))
    assert [finding.detail for finding in result] == [
        "event 1 of alm never received",
        "events 4 to 5 of alm never received",
    ]


def test_each_source_has_its_own_numbering():
    assert findings(chain(4, sources=["app", "version", "app", "version"], sequences=[1, 1, 2, 2])) == []


def test_the_hash_covers_every_field():
    entry = chain(1)[0]
    assert entry_hash(GENESIS_HASH, 1, content_of(entry)).hex() == entry["hash"]


def gap_entry(entries, position, first, last, source="alm"):
    """Return a valid log in which an entry records a gap."""
    changed = [dict(entry) for entry in entries]
    payload = {"service": source, "first": first, "last": last}
    changed[position] |= {
        "event_type": "SequenceGapRecorded",
        "event": "SequenceGapRecorded",
        "payload": payload,
    }
    prev = GENESIS_HASH
    for entry in changed:
        entry["prev_hash"] = prev.hex()
        prev = entry_hash(prev, entry["seq"], content_of(entry))
        entry["hash"] = prev.hex()
    return changed


def test_events_that_an_operator_recorded_as_lost_are_no_finding():
    entries = gap_entry(chain(9, skip={3, 4, 5, 7}), 3, 3, 5)
    assert [finding.detail for finding in findings(entries)] == ["event 7 of alm never received"]
    assert [finding.detail for finding in findings(gap_entry(chain(9, skip={3}), 3, 3, 3, "app"))] == [
        "event 3 of alm never received"
    ]


def test_recorded_gaps_are_reported_with_their_entry_and_actor():
    verifier = Verifier()
    for entry in gap_entry(chain(4), 3, 2, 3):
        assert verifier.add(entry) == []
    assert verifier.finish() == []
    assert verifier.recorded_gaps == [RecordedGap(4, "alm", 2, 3, "user:ada")]


@pytest.mark.parametrize("bounds", [(3, 2), ("3", 3), (3, None)])
def test_a_recorded_gap_without_valid_bounds_explains_nothing(bounds):
    entries = gap_entry(chain(4, skip={3}), 2, *bounds)
    assert kinds(findings(entries)) == [("gap", 0)]


def test_an_entry_of_a_gap_without_a_payload_explains_nothing():
    (entry,) = gap_entry(chain(1), 0, 1, 1)
    entry = relinked({**entry, "payload": []})
    verifier = Verifier()
    assert verifier.add(entry) == []
    assert verifier.recorded_gaps == []


@pytest.mark.parametrize(
    ("ranges", "removed", "remaining"),
    [
        ([(3, 9)], [], [(3, 9)]),
        ([(3, 9)], [(5, 6)], [(3, 4), (7, 9)]),
        ([(3, 9)], [(1, 3), (9, 12)], [(4, 8)]),
        ([(3, 9)], [(7, 8), (4, 5)], [(3, 3), (6, 6), (9, 9)]),
        ([(3, 9)], [(1, 20)], []),
        ([(3, 4), (8, 9)], [(10, 11), (4, 8), (1, 2)], [(3, 3), (9, 9)]),
    ],
)
def test_ranges_are_subtracted(ranges, removed, remaining):
    assert list(subtract_ranges(ranges, removed)) == remaining
