from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.matrices import examples
from support.services.audit_fixtures import all_entries, event, run, verified
from support.services.service_fixtures import call

COUNTS = {"app": 6, "version": 5, "gateway": 3}
EVERY = [(source, number) for source, count in COUNTS.items() for number in range(1, count + 1)]


@st.composite
def deliveries(draw):
    """Draw batches that bring every event at least once, in any order, some more often."""
    again = draw(st.lists(st.sampled_from(EVERY), max_size=20))
    order = draw(st.permutations([*EVERY, *again]))
    batches, start = [], 0
    while start < len(order):
        size = draw(st.integers(1, 8))
        batches.append(order[start : start + size])
        start += size
    return batches


@settings(max_examples=examples(30), deadline=None)
@given(deliveries())
def test_events_in_any_order_are_written_once_in_an_intact_chain(batches):
    async def scenario(audit, _):
        for batch in batches:
            await audit.append([event(number, source) for source, number in batch])
        entries = await all_entries(audit)
        assert verified(entries) == []
        assert sorted(entry["id"] for entry in entries) == sorted(f"{source}-{n}" for source, n in EVERY)
        assert set((await audit.stats(call())).missing.values()) == {0}

    with tempfile.TemporaryDirectory() as directory:
        run(Path(directory), scenario)
