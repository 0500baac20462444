from __future__ import annotations

import io
import json

import pytest

from envmgr.alm.audit import export
from envmgr.kit.audit_log.hash_chain import Finding
from support.alm.audit_entries import checkpoints, entries

LOG = list(entries(3))
SIGNED = checkpoints(LOG, 2, 3)


def export_file(*documents):
    return io.BytesIO(b"".join(export.line(item) for item in documents))


def test_written_entries_and_checkpoints_are_read_back_separately():
    file = export_file(*LOG, *SIGNED)
    assert list(export.entries(file)) == LOG
    file.seek(0)
    assert export.read_trailer(file) == (tuple(SIGNED), None)


def test_the_number_of_dead_letters_is_read_back():
    file = io.BytesIO(export_file(*LOG).read() + export.dead_letters_line(2))
    assert list(export.entries(file)) == LOG
    file.seek(0)
    assert export.read_trailer(file) == ((), 2)
    assert export.dead_letters_line(0) == b""


def test_an_unreadable_line_hides_no_other_statement():
    file = io.BytesIO(b"{half\n" + export_file(*SIGNED).read() + export.dead_letters_line(1))
    assert export.read_trailer(file) == (tuple(SIGNED), 1)


@pytest.mark.parametrize("count", [0, -1, True, "2", None])
def test_an_invalid_number_of_dead_letters_is_an_entry(count):
    invalid = {"dead_letters": count}
    assert list(export.entries(export_file(invalid))) == [invalid]
    assert export.read_trailer(export_file(invalid)) == ((), None)


def test_a_line_is_ascii():
    assert export.line(LOG[0]).isascii()
    assert export.line(LOG[0]).count(b"\n") == 1


def test_an_unreadable_line_is_a_finding_with_its_number():
    file = io.BytesIO(
        export.line(LOG[0]) + b"\n{half\n[1]\n" + b"[" * 100_000 + b"\n" + export.line(LOG[1])[:-1]
    )
    first, *bad, last = export.entries(file)
    assert (first, last) == (LOG[0], LOG[1])
    assert [(item.kind, item.seq) for item in bad] == [("changed", 0)] * 3
    assert [item.detail for item in bad] == [
        "line 3 is not JSON",
        "line 4 is not an audit entry",
        "line 5 is not JSON",
    ]


def test_a_line_that_is_too_long_is_skipped_as_a_whole(monkeypatch):
    monkeypatch.setattr(export, "MAX_LINE_BYTES", 2_000)
    file = io.BytesIO(
        export.line(LOG[0]) + json.dumps({"x": "y" * 9_000}).encode() + b"\n" + export.line(LOG[1])
    )
    first, bad, last = export.entries(file)
    assert (first, last) == (LOG[0], LOG[1])
    assert isinstance(bad, Finding)
    assert bad.detail.startswith("line 2 exceeds")


def test_an_entry_with_the_fields_of_a_checkpoint_stays_an_entry():
    sly = {**LOG[0], "signature": "x"}
    assert list(export.entries(export_file(sly))) == [sly]
    assert export.read_trailer(export_file(sly)) == ((), None)


def test_a_line_with_a_duplicate_key_is_a_finding():
    content = b'{"seq": 1, "actor": "user:ada", "actor": "user:eve"}\n'
    (finding,) = export.read(io.BytesIO(content))
    assert finding.detail == 'line 1 has a duplicate key "actor"'
