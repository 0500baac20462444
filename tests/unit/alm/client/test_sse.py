from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envmgr.alm.client.sse import Event, events, lines

STREAM = (
    '\ufeffretry: 1000\n\n: still here\n\nid: 7\ndata: {"seq": 7, "é": "日本"}\n\n'
    "id:8\ndata:a\ndata: b\nevent: x\n\ndata\n\n"
)
EVENTS = [Event("7", '{"seq": 7, "é": "日本"}'), Event("8", "a\nb"), Event("8", "")]


def test_events_have_their_id_and_data():
    assert list(events([STREAM.encode()])) == EVENTS


def test_an_incomplete_event_is_discarded():
    assert list(events([b"id: 1\ndata: a\n\nid: 2\ndata: b\n"])) == [Event("1", "a")]


@given(st.data(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_are_parsed_with_any_block_and_line_boundaries(data, end):
    raw = STREAM.replace("\n", end).encode() + b"\n"  # a lone carriage return waits for what follows it
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)))))
    blocks = [raw[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert list(events(blocks)) == EVENTS


def test_invalid_utf8_does_not_end_the_stream():
    assert list(lines([b"a\xff\n", b"b\n"])) == ["a\ufffd", "b"]
