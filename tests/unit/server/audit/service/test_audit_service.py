from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.server.audit import module, store
from envmgr.server.audit.domain.log_model import SequenceConflict
from envmgr.server.audit.service import audit_service
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import Forbidden, IdempotencyKeyReused, InvalidFields, NotFound
from support.services.audit_fixtures import KEY, all_entries, event, events, run, verified
from support.services.service_fixtures import call


def seqs(page):
    return [entry.seq for entry in page.items]


def test_every_event_becomes_a_link_of_the_chain(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(3))
        await audit.append([event(1, "version"), event(4)])
        entries = await all_entries(audit)
        assert verified(entries) == []
        assert [(entry["source_service"], entry["source_sequence"]) for entry in entries] == [
            ("app", 1),
            ("app", 2),
            ("app", 3),
            ("version", 1),
            ("app", 4),
        ]

    run(tmp_path, scenario)


def test_an_entry_contains_the_data_of_its_event(tmp_path):
    async def scenario(audit, _):
        await audit.append([event(1)])
        entry = await audit.get(call(), 1)
        assert msgspec.to_builtins(entry) == {
            "seq": 1,
            "id": "app-1",
            "source_service": "app",
            "source_sequence": 1,
            "event_type": "AppUpdated",
            "event": "AppUpdated",
            "actor": "user:ada",
            "resource": "app/1",
            "payload": event(1).data,
            "timestamp": 1_700_000_001_000,
            "prev_hash": "00" * 32,
            "hash": entry.hash,
        }

    run(tmp_path, scenario)


def test_redelivered_events_are_ignored(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(5))
        before = await all_entries(audit)
        await audit.append(events(5))
        await audit.append([event(3)])
        assert await all_entries(audit) == before

    run(tmp_path, scenario)


def test_only_new_events_of_a_batch_are_written(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(3))
        await audit.append([event(2), event(4), event(4), event(3), event(5)])
        assert [entry["source_sequence"] for entry in await all_entries(audit)] == [1, 2, 3, 4, 5]

    run(tmp_path, scenario)


def test_a_late_event_closes_its_gap(tmp_path):
    async def scenario(audit, _):
        await audit.append([event(1), event(4)])
        assert (await audit.stats(call())).missing == {"app": 2}
        await audit.append([event(3)])
        assert (await audit.stats(call())).missing == {"app": 1}
        assert [finding.kind for finding in verified(await all_entries(audit))] == ["gap"]
        await audit.append([event(2), event(3)])
        assert (await audit.stats(call())).missing == {"app": 0}
        assert verified(await all_entries(audit)) == []

    run(tmp_path, scenario)


def recorded_loss(number, first, last):
    """Create the event that records the loss of a range of events."""
    return event(number, type="SequenceGapRecorded", data={"service": "app", "first": first, "last": last})


def test_recorded_losses_are_counted_when_the_log_has_changed(tmp_path, monkeypatch):
    counted = []
    count = store._absent

    def record(reader, gap):
        counted.append(gap[1:])
        return count(reader, gap)

    monkeypatch.setattr(store, "_absent", record)

    async def scenario(audit, _):
        async def losses():
            """Return what is missing and what was recorded as lost, and the ranges that were counted."""
            counted.clear()
            stats = await audit.stats(call())
            return stats.missing["app"], stats.accepted.get("app", 0), set(counted)

        await audit.append([event(1), event(5), recorded_loss(6, 2, 4)])
        assert await losses() == (0, 3, {(2, 4)})
        assert await losses() == (0, 3, set())
        await audit.append([event(9), event(3), recorded_loss(10, 7, 7)])
        assert await losses() == (1, 3, {(2, 4), (7, 7)})
        await audit.append([event(7)])
        assert await losses() == (1, 2, {(2, 4), (7, 7)})
        await audit.append([event(11)])
        assert await losses() == (1, 2, {(2, 4)})  # no entry of the other range can be added or deleted
        await audit.append([event(2), event(4), event(8)])
        assert await losses() == (0, 0, set())

    run(tmp_path, scenario)


def test_recorded_losses_are_not_counted_on_the_event_loop(tmp_path):
    async def scenario(_, database):
        audit = module.make(WithoutCounting(database), KEY)
        await audit.append([event(1), event(5), recorded_loss(6, 2, 4)])
        assert (await audit.stats(call())).accepted == {"app": 3}

    run(tmp_path, scenario)


class WithoutCounting:
    """A database whose inline reads refuse the statement that counts entries."""

    def __init__(self, database):
        self._database = database

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def read_inline(self, work):
        return await self._database.read_inline(lambda reader: work(KeyReader(reader)))


class KeyReader:
    """A reader of rows by their keys."""

    def __init__(self, reader):
        self.all = reader.all
        self._reader = reader

    def one(self, statement, **values):
        assert statement is not store._COUNT_BETWEEN
        return self._reader.one(statement, **values)


def test_concurrent_batches_form_one_chain(tmp_path):
    async def scenario(audit, _):
        batches = [
            [event(number, source) for number in range(start, start + 5)]
            for source in ("app", "version", "deployment")
            for start in range(1, 41, 5)
        ]
        await asyncio.gather(*(audit.append(batch) for batch in [*batches, *batches]))
        entries = await all_entries(audit)
        assert len(entries) == 120
        assert verified(entries) == []

    run(tmp_path, scenario)


@pytest.mark.parametrize("stored", ["before", "in the same batch"])
def test_a_batch_with_a_conflicting_sequence_number_is_rejected(tmp_path, stored):
    async def scenario(audit, _):
        if stored == "before":
            await audit.append([event(1)])
        with pytest.raises(SequenceConflict, match="app-1"):
            await audit.append([event(1, id="other"), event(2), event(1)])
        assert len(await all_entries(audit)) == (stored == "before")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "changes",
    [{"data": {"rate": 0.5}}, {"data": {"big": 2**53}}, {"data": {"text": "\ud800"}}, {"time": "yesterday"}],
)
def test_a_batch_with_an_event_that_cannot_be_hashed_is_rejected(tmp_path, changes):
    async def scenario(audit, _):
        await audit.append([event(1)])
        with pytest.raises(ValueError, match=r".+"):
            await audit.append([event(2), event(3, **changes)])
        await audit.append([event(2)])
        entries = await all_entries(audit)
        assert [entry["source_sequence"] for entry in entries] == [1, 2]
        assert verified(entries) == []

    run(tmp_path, scenario)


def test_lists_are_newest_first_and_are_filtered_by_field(tmp_path):
    async def scenario(audit, _):
        await audit.append(
            [event(1), event(2, actor="user:eve"), event(3, type="AppDeleted"), event(1, "version")]
        )
        filtered = {
            (): [4, 3, 2, 1],
            (("actor", "user:ada"),): [4, 3, 1],
            (("event_type", "AppDeleted"),): [3],
            (("resource", "app/1"),): [4, 1],
            (("source_service", "version"),): [4],
            (("actor", "user:ada"), ("source_service", "app")): [3, 1],
            (("actor", "unknown"),): [],
        }
        for filters, expected in filtered.items():
            page = await audit.list(call("viewer"), PageRequest(filters=dict(filters)), None, None)
            assert seqs(page) == expected

    run(tmp_path, scenario)


def test_pages_follow_each_other_while_the_log_grows(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(5))
        first = await audit.list(call(), PageRequest(limit=2), None, None)
        await audit.append(events(7))
        second = await audit.list(call(), PageRequest(limit=2, cursor=first.next), None, None)
        third = await audit.list(call(), PageRequest(limit=2, cursor=second.next), None, None)
        assert [seqs(first), seqs(second), seqs(third)] == [[5, 4], [3, 2], [1]]
        assert third.next is None

    run(tmp_path, scenario)


def test_a_range_includes_its_start_and_excludes_its_end(tmp_path):
    async def scenario(audit, _):
        await audit.append([event(2), event(1), event(3), event(4)])
        second, fourth = 1_700_000_002_000, 1_700_000_004_000
        spans = {
            (second, fourth): ["app-3", "app-2"],
            (second, None): ["app-4", "app-3", "app-2"],
            (None, second): ["app-1"],
            (fourth + 1, None): [],
            (0, 2**53 - 1): ["app-4", "app-3", "app-2", "app-1"],
        }
        for (since, until), expected in spans.items():
            page = await audit.list(call(), PageRequest(), since, until)
            assert [entry.id for entry in page.items] == expected

    run(tmp_path, scenario)


def test_a_range_is_paged_and_filtered(tmp_path):
    async def scenario(audit, _):
        await audit.append(
            [event(number, actor="user:eve" if number % 2 else "user:ada") for number in range(1, 9)]
        )
        request = {"limit": 2, "filters": {"actor": "user:eve"}}
        first = await audit.list(call(), PageRequest(**request), 1_700_000_003_000, None)
        second = await audit.list(call(), PageRequest(**request, cursor=first.next), 1_700_000_003_000, None)
        assert [seqs(first), seqs(second), second.next] == [[7, 5], [3], None]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "paging", [PageRequest(sort="hash"), PageRequest(cursor="nonsense"), PageRequest(cursor="WyItc2VxIl0")]
)
def test_an_invalid_filter_is_an_invalid_field(tmp_path, paging):
    async def scenario(audit, _):
        with pytest.raises(InvalidFields):
            await audit.list(call(), paging, None, None)

    run(tmp_path, scenario)


def test_an_entry_beyond_the_end_is_not_found(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(2))
        for seq in (0, 3, 2**53 - 1):
            with pytest.raises(NotFound, match=str(seq)):
                await audit.get(call(), seq)

    run(tmp_path, scenario)


def test_the_newest_entries_are_returned_newest_first(tmp_path):
    async def scenario(audit, _):
        assert await audit.newest(call(), 100) == []
        await audit.append(events(5))
        assert [entry.seq for entry in await audit.newest(call(), 3)] == [5, 4, 3]

    run(tmp_path, scenario)


def test_a_caller_limited_to_some_apps_cannot_read_the_audit(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(2))
        confined = call("viewer", apps={1})
        for request in (
            audit.list(confined, PageRequest(), None, None),
            audit.get(confined, 1),
            audit.newest(confined, 1),
            audit.checkpoints(confined, PageRequest()),
            anext(audit.follow(confined, 0)),
        ):
            with pytest.raises(Forbidden, match="access to all apps"):
                await request

    run(tmp_path, scenario)


def test_a_checkpoint_signs_the_head_of_the_chain(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(3))
        result = await audit.checkpoint(call())
        signed = msgspec.to_builtins(result.value)
        assert result.created
        assert checkpoints.verify_error(signed, checkpoints.public_key(KEY)) is None
        assert signed["seq"] == 3
        assert signed["previous"] == ""
        assert signed["origin"].startswith("alm-")
        assert verified(await all_entries(audit), [signed]) == []

    run(tmp_path, scenario)


def test_checkpoints_form_a_chain_of_their_own(tmp_path):
    async def scenario(audit, _):
        created_items = []
        for number in (1, 2, 3):
            await audit.append(events(number))
            created_items.append(msgspec.to_builtins((await audit.checkpoint(call())).value))
        assert [item["previous"] for item in created_items[1:]] == [
            checkpoints.fingerprint(item) for item in created_items[:-1]
        ]
        page = await audit.checkpoints(call("viewer"), PageRequest())
        assert [msgspec.to_builtins(item) for item in page.items] == created_items[::-1]

    run(tmp_path, scenario)


def test_without_new_entries_no_checkpoint_is_created(tmp_path):
    async def scenario(audit, _):
        empty = await audit.checkpoint(call())
        assert (empty.created, empty.value.seq, empty.value.hash) == (True, 0, "00" * 32)
        await audit.append(events(1))
        first, second = await audit.checkpoint(call()), await audit.checkpoint(call())
        assert (first.created, second.created) == (True, False)
        assert second.value == first.value

    run(tmp_path, scenario)


def test_a_new_key_signs_a_new_checkpoint_of_the_same_head(tmp_path):
    async def scenario(audit, database):
        await audit.append(events(1))
        old = (await audit.checkpoint(call())).value
        renewed = audit_service.AuditService(database, bytes(32))
        new = await renewed.checkpoint(call())
        assert new.created
        assert new.value.previous == checkpoints.fingerprint(msgspec.to_builtins(old))
        assert (
            checkpoints.verify_error(msgspec.to_builtins(new.value), checkpoints.public_key(bytes(32)))
            is None
        )

    run(tmp_path, scenario)


@pytest.mark.parametrize("role", ["user", "viewer", "ci"])
def test_only_administrators_can_create_checkpoints(tmp_path, role):
    async def scenario(audit, _):
        with pytest.raises(Forbidden):
            await audit.checkpoint(call(role))

    run(tmp_path, scenario)


def test_an_idempotency_key_repeats_the_response(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(1))
        first = await audit.checkpoint(call(key="k"))
        await audit.append(events(2))
        again = await audit.checkpoint(call(key="k"))
        assert (again.value, again.created, again.replayed) == (first.value, True, True)
        with pytest.raises(IdempotencyKeyReused):
            await audit.checkpoint(call(key="k", fingerprint="other"))

    run(tmp_path, scenario)


def test_the_worker_creates_only_due_checkpoints(tmp_path):
    async def scenario(audit, _):
        await audit.checkpoint_if_due()
        assert (await audit.stats(call())).signed_seq == 0
        await audit.append(events(1))
        await audit.checkpoint_if_due()
        assert (await audit.stats(call())).signed_seq == 1
        await audit.append(events(2))
        await audit.checkpoint_if_due()
        assert (await audit.stats(call())).signed_seq == 1

    run(tmp_path, scenario)


def test_a_fast_growing_log_is_signed_repeatedly(tmp_path):
    async def scenario(audit, _):
        signed = []
        for count in (999, 1000, 1001, 1999, 2400):
            await audit.append(events(count))
            signed.append((await audit.stats(call())).signed_seq)
        assert signed == [0, 1000, 1000, 1000, 2400]

    run(tmp_path, scenario)


def test_shutdown_signs_the_head_if_it_changed(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(2))
        await audit.checkpoint_if_changed()
        await audit.checkpoint_if_changed()
        page = await audit.checkpoints(call(), PageRequest())
        assert [item.seq for item in page.items] == [2]

    run(tmp_path, scenario)


async def some(following, count):
    return [(await asyncio.wait_for(anext(following), 10)).seq for _ in range(count)]


def test_a_follower_receives_new_entries(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(2))
        following = audit.follow(call(), None)
        waiting = asyncio.create_task(some(following, 3))
        # The follower begins with the log as it is when the database answers.
        for number in itertools.count(3):
            if waiting.done():
                break
            await audit.append(events(number))
            await asyncio.sleep(0.01)
        first, *others = await waiting
        assert first > 2
        assert others == [first + 1, first + 2]
        await following.aclose()

    run(tmp_path, scenario)


def test_a_follower_resumes_after_an_entry_and_misses_nothing(tmp_path):
    async def scenario(audit, _):
        count = 2 * audit_service.STREAM_BATCH_SIZE + 7
        await audit.append(events(count))
        following = audit.follow(call(), 3)
        assert await some(following, count - 3) == list(range(4, count + 1))
        await following.aclose()

    run(tmp_path, scenario)


def test_many_followers_of_a_busy_log_receive_all_entries_in_order(tmp_path):
    async def scenario(audit, _):
        followers = [audit.follow(call(), 0) for _ in range(8)]
        reading = [asyncio.create_task(some(follower, 150)) for follower in followers]
        for start in range(1, 151, 3):
            await audit.append([event(number) for number in range(start, start + 3)])
        assert await asyncio.gather(*reading) == [list(range(1, 151))] * 8
        for follower in followers:
            await follower.aclose()

    run(tmp_path, scenario)


def test_followers_end_when_the_server_stops(tmp_path):
    async def scenario(audit, _):
        await audit.append(events(2))
        waiting = asyncio.create_task(some(audit.follow(call(), 2), 1))
        await asyncio.sleep(0.05)
        audit.close_streams()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert [entry async for entry in audit.follow(call(), 0)] == []

    run(tmp_path, scenario)
