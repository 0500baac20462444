from __future__ import annotations

import tracemalloc

import pytest

from envmgr.alm.audit.verify import MAX_FINDINGS, verify
from envmgr.kit.audit_log.checkpoint import sign
from envmgr.kit.audit_log.hash_chain import Finding
from support.alm.audit_entries import KEY, OTHER_KEY, checkpoints, entries, linked

LOG = list(entries(12))
SIGNED = checkpoints(LOG, 4, 9)


def kinds(report):
    return {finding.kind for finding in report.findings}


def test_an_unmodified_log_is_intact():
    report = verify(LOG, SIGNED, SIGNED[:1])
    assert report.is_intact
    assert (report.entries, report.seq, report.head) == (12, 12, LOG[-1]["hash"])
    assert (report.checkpoints, report.saved_checkpoints, report.verified_up_to) == (2, 1, 9)
    assert report.key == SIGNED[0]["public_key"]


def test_an_empty_log_is_not_intact_and_has_no_key():
    report = verify([], [])
    assert [(finding.kind, finding.seq) for finding in report.findings] == [("empty", 0)]
    assert (report.entries, report.seq, report.key) == (0, 0, None)


@pytest.mark.parametrize(
    ("count", "details"),
    [
        (None, []),
        (0, []),
        (1, ["1 event could not be recorded"]),
        (12, ["12 events could not be recorded"]),
    ],
)
def test_dead_letters_of_the_server_are_a_finding(count, details):
    report = verify(LOG, SIGNED, count_dead_letters=lambda: count)
    assert [finding.detail for finding in report.findings] == details
    assert (report.is_intact, report.dead_letters) == (not details, count)


def test_dead_letters_are_reported_before_any_number_of_other_findings():
    log = [{**entry, "hash": "no"} for entry in entries(2 * MAX_FINDINGS)]
    assert verify(log, [], count_dead_letters=lambda: 1).findings[0].kind == "dead-letters"


def test_a_checkpoint_can_sign_an_empty_log():
    empty_checkpoint = {"origin": "alm/test", "seq": 0, "hash": "00" * 32, "timestamp": 1, "previous": ""}
    assert verify([], [], [sign(KEY, empty_checkpoint)]).is_intact
    assert kinds(verify([], [], [sign(KEY, {**empty_checkpoint, "hash": "11" * 32})])) == {"rewritten"}
    assert kinds(verify([], [], [{**sign(KEY, empty_checkpoint), "timestamp": 2}])) == {"forged"}
    assert kinds(verify([], [], SIGNED[:1])) == {"truncated"}


@pytest.mark.parametrize(
    ("spoil", "kind", "seq"),
    [
        (lambda log: log[4].update(actor="user:eve"), "changed", 5),
        (lambda log: log[4]["payload"].update(name="x"), "changed", 5),
        (lambda log: log[4].update(approved_by="user:eve"), "changed", 5),
        (lambda log: log.pop(4), "removed", 5),
        (lambda log: log.insert(5, dict(log[4])), "inserted", 5),
        (lambda log: log.insert(5, log.pop(6)), "reordered", 6),
    ],
    ids=["changed", "changed payload", "added field", "removed", "inserted", "reordered"],
)
def test_a_modified_entry_is_reported_with_its_number(spoil, kind, seq):
    log = list(entries(12))
    spoil(log)
    report = verify(log, checkpoints(LOG, 4, 9))
    assert not report.is_intact
    assert (kind, seq) in {(finding.kind, finding.seq) for finding in report.findings}


def test_truncation_is_detected_against_a_saved_checkpoint():
    report = verify(LOG[:8], SIGNED[:1], SIGNED[1:])
    assert [(finding.kind, finding.seq) for finding in report.findings] == [("truncated", 9)]
    assert verify(LOG[:8], SIGNED[:1]).is_intact


def test_a_rewritten_log_is_detected_against_a_saved_checkpoint():
    log = list(entries(12))
    log[2]["actor"] = "user:eve"
    log = list(linked(log))
    resigned = checkpoints(log, 4, 9)
    assert verify(log, resigned).is_intact
    assert kinds(verify(log, resigned, SIGNED[1:])) == {"rewritten"}


def test_a_checkpoint_signed_with_another_key_is_rejected():
    forged = checkpoints(LOG, 4, 9, key=OTHER_KEY)
    report = verify(LOG, forged, SIGNED[:1])
    assert kinds(report) == {"forged"}
    assert report.key == SIGNED[0]["public_key"]
    assert report.verified_up_to == 4


def test_a_checkpoint_of_another_log_is_reported_as_such():
    other = [sign(KEY, {**SIGNED[0], "origin": "alm/other", "previous": ""})]
    report = verify(LOG, SIGNED, other)
    assert [(finding.kind, finding.seq) for finding in report.findings] == [("foreign", 0)]
    assert "alm/other, expected alm/test" in report.findings[0].detail
    assert verify(LOG, [], other).is_intact


def test_a_modified_checkpoint_is_reported_as_forged():
    changed = [SIGNED[0], {**SIGNED[1], "seq": 10}]
    report = verify(LOG, changed)
    assert [(finding.kind, finding.seq) for finding in report.findings] == [("forged", 10)]


def test_a_removed_checkpoint_is_detected_by_the_next_one():
    report = verify(LOG, checkpoints(LOG, 2, 4, 9)[:1] + checkpoints(LOG, 2, 4, 9)[2:])
    assert [(finding.kind, finding.seq) for finding in report.findings] == [("forged", 9)]
    assert "does not chain" in report.findings[0].detail


def test_an_invalid_checkpoint_is_reported():
    report = verify(LOG, [{"seq": "4"}], [{}])
    assert kinds(report) == {"forged"}
    assert (
        verify(LOG, [], [{"seq": 4, "public_key": "AAAA"}])
        .findings[0]
        .detail.endswith("field origin missing")
    )


def test_an_unreadable_line_is_reported_with_the_other_findings():
    unreadable = Finding("changed", 0, "line 3 is not JSON")
    report = verify([LOG[0], unreadable, *LOG[1:]], [])
    assert report.findings == (unreadable,)
    assert report.entries == 12


def test_the_first_findings_are_listed_and_the_others_counted():
    log = list(entries(MAX_FINDINGS + 40))
    for entry in log:
        entry["actor"] = "user:eve"
    report = verify(log, [])
    assert len(report.findings) == MAX_FINDINGS
    assert report.omitted == 40


def test_memory_does_not_grow_with_the_log():
    def peak(count: int) -> int:
        tracemalloc.start()
        assert verify(entries(count), []).entries == count
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(10)  # which imports what is needed
    assert peak(3_000) < peak(300) + 50_000
