from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from envmgr.kit.audit_log.canonical_json import MAX_SAFE_INTEGER
from envmgr.server.app import module as app_module
from envmgr.server.audit import module as audit_module
from envmgr.server.audit.store import entry as entry_table
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging.outbox import Outbox
from support.services.audit_fixtures import KEY, all_entries, verified
from support.services.event_recorders import TestData
from support.services.service_fixtures import opened

# Every character but halves of surrogate pairs: bodies with those are rejected.
text = st.text(st.characters(exclude_categories=["Cs"]))
line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
data = st.dictionaries(text, values, max_size=5)
happenings = st.builds(DomainEvent, subject=line, data=data.map(TestData), actor=line, traceparent=line)
_PAYLOADS = Statement(select(entry_table.c.payload).order_by(entry_table.c.seq))


def nested(depth):
    """Return data of the maximum depth of an entry."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def odd(**values):
    return DomainEvent(subject="app/1", data=TestData(values), actor="user:ada")


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(happenings, max_size=4), max_size=4))
@example([[odd(nul="\0", within="a\0b", escaped="\\u0000")]])
@example([[odd(**{"": "", "\0": "\0", "a.b": 1, '"': '"', "$[0]": "\u2028\x7f\U0001f600"})]])
@example([[odd(large=MAX_SAFE_INTEGER, small=-MAX_SAFE_INTEGER, zero=0, yes=True, no=False, none=None)]])
@example([[odd(deep=nested(96))]])
@example([[odd(text='{"a": 1e5}', number="1e5", minus="-0")]])
def test_published_events_are_relayed_and_recorded_in_the_chain(groups):
    async def scenario(directory):
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(opened(directory, app_module))
            log = await stack.enter_async_context(opened(directory, audit_module))
            for group in groups:
                await source.write(
                    lambda transaction, group=group: [transaction.emit(item) for item in group]
                )
            events = await Outbox(source, "app").pending(1000)
            emitted = [domain_event for group in groups for domain_event in group]
            assert [event.sequence for event in events] == list(range(1, len(emitted) + 1))
            assert [_payloads(event) for event in events] == [
                _payloads(domain_event) for domain_event in emitted
            ]

            audit = audit_module.make(log, KEY)
            await audit.append(events)
            entries = await all_entries(audit)
            assert verified(entries) == []
            assert [entry["payload"] for entry in entries] == [domain_event.data for domain_event in emitted]
            assert [(entry["event_type"], entry["resource"], entry["actor"]) for entry in entries] == [
                (domain_event.type, domain_event.subject, domain_event.actor) for domain_event in emitted
            ]
            stored = await log.read(lambda reader: reader.all(_PAYLOADS))
            assert [msgspec.json.decode(payload) for (payload,) in stored] == [item.data for item in emitted]

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(scenario(Path(directory)))


def _payloads(events):
    return events.type, events.subject, events.data, events.actor, events.traceparent
