"""Events that come again, late, in another order, or forged, under load: each has one effect."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, details, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
SOURCES = ("app", "version", "deployment", "gateway")
REPEATED_EVENTS = 40
WRITES_BEFORE = 60
AUDIT_DEAD_LETTERS = 'alm_dead_letters{service="audit"}'


def test_events_that_come_again_in_another_order_have_no_further_effect(loaded):
    """The newest events of each source, each twice and backwards, amid those of the relays."""
    with loaded.clients() as crew:
        await_writes(crew, WRITES_BEFORE)
        repeated = sum(loaded.ask_broker(repeat, source) for source in SOURCES)
        await_writes(crew)
    assert repeated > 2 * REPEATED_EVENTS


async def repeat(jetstream, names, source):
    """Publish the newest events of a source again, and return their number."""
    stream = names.stream(source)
    last = (await jetstream.stream_info(stream)).state.last_seq
    messages = [
        await jetstream.get_msg(stream, seq=number)
        for number in range(last, max(0, last - REPEATED_EVENTS), -1)
    ]
    for message in messages * 2:
        await jetstream.publish(message.subject, message.data)
    return 2 * len(messages)


def test_an_event_that_contradicts_the_log_is_found_and_holds_nothing_up(loaded):
    audit = loaded.cluster.services["audit"]
    with dead_letters_removed(loaded.cluster):
        with loaded.clients() as crew:
            loaded.ask_broker(forge, "app")
            wait_until(lambda: audit.metric(AUDIT_DEAD_LETTERS) == 1, "the contradiction is not found")
            assert "dead letters of the audit log: 1" in details(audit)["audit"]
            await_writes(crew)
        assert not audit.is_ready()
    wait_until(audit.is_ready)


async def forge(jetstream, names, source):
    """Publish another event with the number of the newest one."""
    stream = names.stream(source)
    message = await jetstream.get_msg(stream, seq=(await jetstream.stream_info(stream)).state.last_seq)
    event = json.loads(message.data)
    await jetstream.publish(message.subject, json.dumps({**event, "id": f"{event['id']}-forged"}).encode())


@contextmanager
def dead_letters_removed(cluster):
    """Delete the dead letters of the audit log at the end: the cluster is shared."""
    try:
        yield
    finally:
        cluster.execute("audit", "DELETE FROM dead_letter")
