"""Events that come again, late, in another order, or forged, under load: each has one effect."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from nats.js.api import Header
from nats.js.errors import BadRequestError

from support.server.cluster import NEEDS_CLUSTER
from support.server.installations import verify_audit
from support.server.loaded_cluster import await_writes, wait_until

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
    last = await last_number(jetstream, stream)
    first = max(1, last - REPEATED_EVENTS + 1)
    messages = [await jetstream.get_msg(stream, seq=number) for number in range(last, first - 1, -1)]
    for message in messages * 2:
        while not await try_append(jetstream, stream, message.subject, message.data):
            pass
    await append_newest(jetstream, stream, first)
    return 2 * len(messages)


async def append_newest(jetstream, stream, first):
    """Publish the newest event again: its relay takes the last message for what the stream has."""
    is_last = False
    while not is_last:
        numbers = range(first, await last_number(jetstream, stream) + 1)
        messages = [await jetstream.get_msg(stream, seq=number) for number in numbers]
        # Of those with the same number, the first is the genuine one.
        newest = max(messages, key=lambda message: json.loads(message.data)["sequence"])
        is_last = await try_append(jetstream, stream, newest.subject, newest.data, numbers[-1])


async def try_append(jetstream, stream, subject, content, last=None):
    """Publish a message as a relay does; return whether it follows the last one, which may be of a relay."""
    expected = await last_number(jetstream, stream) if last is None else last
    try:
        await jetstream.publish(subject, content, headers={Header.EXPECTED_LAST_SEQUENCE: str(expected)})
    except BadRequestError:
        return False
    return True


async def last_number(jetstream, stream):
    """Return the number of the last message."""
    return (await jetstream.stream_info(stream)).state.last_seq


def test_an_event_that_contradicts_the_log_is_found_and_holds_nothing_up(loaded):
    audit = loaded.cluster.services["audit"]
    with dead_letters_removed(loaded.cluster):
        with loaded.clients() as crew:
            loaded.ask_broker(forge, "app")
            wait_until(lambda: audit.metric(AUDIT_DEAD_LETTERS) == 1, "the contradiction is not found")
            wait_until(lambda: "dead letters of the audit log: 1" in audit.readiness().get("audit", ""))
            await_writes(crew)
        assert not audit.is_ready()
        wait_until(loaded.cluster.gateway.is_ready)
        # The forged event has the number of an entry, so that the log itself has no gap.
        for daemon in (loaded.cluster.gateway, audit):
            code, report = verify_audit(daemon, loaded.login())
            assert (code, [finding["kind"] for finding in report["findings"]]) == (1, ["dead-letters"])
    wait_until(audit.is_ready)
    assert verify_audit(loaded.cluster.gateway, loaded.login())[0] == 0


async def forge(jetstream, names, source):
    """Publish another event with the number of the newest one."""
    stream = names.stream(source)
    is_forged = False
    while not is_forged:
        last = await last_number(jetstream, stream)
        message = await jetstream.get_msg(stream, seq=last)
        event = json.loads(message.data)
        forged = json.dumps({**event, "id": f"{event['id']}-forged"}).encode()
        is_forged = await try_append(jetstream, stream, message.subject, forged, last)
    await append_newest(jetstream, stream, last)


@contextmanager
def dead_letters_removed(cluster):
    """Delete the dead letters of the audit log at the end: the cluster is shared."""
    try:
        yield
    finally:
        cluster.execute("audit", "DELETE FROM dead_letter")
