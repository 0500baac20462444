"""Use cases of the audit log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from envmgr.server.audit import store
from envmgr.server.audit.domain import log_model
from envmgr.server.audit.domain.log_statistics import AcceptedGaps, combine_stats
from envmgr.server.audit.service import checkpoint_jobs
from envmgr.server.audit.service.notifier import Notifier
from envmgr.server.contracts.resources import Checkpoint
from envmgr.server.kit.common.problems import Forbidden, NotFound
from envmgr.server.kit.common.results import Result
from envmgr.server.kit.db.authorization import with_authorization
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.kit.messaging import consumer_offsets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from envmgr.server.audit.domain.log_statistics import GapRange, LogCounters
    from envmgr.server.audit.service.checkpoint_destinations import CheckpointDestination
    from envmgr.server.contracts.resources import AuditEntry, LogStats
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

STREAM_BATCH_SIZE = 100
"""Entries read at once for a stream: the most that it has in memory."""

POLL_INTERVAL_SECONDS = 5.0
"""Seconds until a stream reads without a notification: another process may have written."""


class CheckpointResult(Struct, frozen=True):
    """A checkpoint, and whether it was created by this request."""

    checkpoint: Checkpoint
    created: bool


class AuditService:
    """The local audit log (implements `contracts.ports.Audit`); `key` is its private Ed25519 key.

    With a destination, each checkpoint causes a job that publishes it there.
    """

    def __init__(
        self, database: Database, key: bytes, checkpoint_destination: CheckpointDestination | None = None
    ) -> None:
        self._database = database
        self._key = key
        self.checkpoint_destination = checkpoint_destination
        self._notifier = Notifier()
        self._gaps = AcceptedGaps()
        """As last read; valid while the log has the same head."""

    async def list(
        self, context: RequestContext, paging: PageRequest, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries; with bounds, of events from `since` to before `until` (milliseconds)."""
        _require_all_apps(context)
        return await self._database.read(lambda reader: store.page(reader, paging, since, until))

    async def get(self, context: RequestContext, seq: int) -> AuditEntry:
        """Return an entry."""
        _require_all_apps(context)
        result = await self._database.read_inline(lambda reader: store.get(reader, seq))
        if result is None:
            raise NotFound(f"audit entry {seq} not found")
        return result

    async def newest(self, context: RequestContext, limit: int) -> Sequence[AuditEntry]:
        """Return the latest entries, newest first."""
        _require_all_apps(context)
        return await self._database.read(lambda reader: store.newest(reader, limit))

    async def checkpoints(self, context: RequestContext, paging: PageRequest) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        _require_all_apps(context)
        return await self._database.read(lambda reader: store.checkpoints(reader, paging))

    async def checkpoint(self, context: RequestContext) -> Result[Checkpoint]:
        """Create a checkpoint, unless the latest one is current."""
        if context.principal.role not in {"admin", "system"}:
            raise Forbidden("only admins can create checkpoints")
        outcome = await self._database.write(
            with_authorization(context, idempotent(context, CheckpointResult, self._sign))
        )
        return Result(outcome.value.checkpoint, created=outcome.value.created, replayed=outcome.replayed)

    async def follow(self, context: RequestContext, after: int | None) -> AsyncIterator[AuditEntry]:
        """Yield entries after a sequence number (None: new ones only) as they arrive, until shutdown."""
        _require_all_apps(context)
        seq = (await self._database.read_inline(store.head)).seq if after is None else after
        while not self._notifier.is_closed:
            notification = self._notifier.subscribe()
            entries = await self._next(seq)
            for entry in entries:
                yield entry
                seq = entry.seq
            if len(entries) < STREAM_BATCH_SIZE:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_INTERVAL_SECONDS):
                        await notification.wait()

    async def append(self, events: Sequence[EventEnvelope]) -> None:
        """Append the events that the log lacks, in order; raise SequenceConflict, ValueError."""
        grown = await self._database.write(lambda transaction: self._append(transaction, events))
        if grown:
            self._notifier.notify_all()

    async def checkpoint_if_due(self) -> None:
        """Create a checkpoint if unsigned entries exist and the last one is old."""

        def sign_if_due(transaction: Transaction) -> None:
            if log_model.is_checkpoint_due(
                store.head(transaction), store.last_checkpoint(transaction), transaction.now
            ):
                self._sign(transaction)

        await self._database.write(sign_if_due)

    async def checkpoint_if_changed(self) -> None:
        """Create a checkpoint if entries were appended since the last one."""
        await self._database.write(self._sign)

    async def stats(self, context: RequestContext) -> LogStats:
        """Return the statistics of the log."""
        _require_all_apps(context)
        gaps = self._gaps
        counters = await self._database.read_inline(store.counters)
        if counters.is_complete:
            return combine_stats(counters, AcceptedGaps())
        if gaps.head != counters.head:
            # Not inline: a range may have any number of entries.
            counters, gaps = await self._database.read(partial(_read_statistics, gaps.complete_ranges))
            self._gaps = gaps
        return combine_stats(counters, gaps)

    def close_streams(self) -> None:
        """End all streams."""
        self._notifier.close()

    async def _next(self, seq: int) -> Sequence[AuditEntry]:
        return await self._database.read(lambda reader: store.after(reader, seq, STREAM_BATCH_SIZE))

    def _append(self, transaction: Transaction, events: Sequence[EventEnvelope]) -> bool:
        fresh = store.filter_new(transaction, events)
        consumer_offsets.record(transaction, store.CONSUMER, events)
        if not fresh:
            return False
        store.append(transaction, log_model.build_entries(store.head(transaction), fresh))
        if log_model.should_sign_at_once(store.head(transaction), store.last_checkpoint(transaction)):
            self._sign(transaction)
        return True

    def _sign(self, transaction: Transaction) -> CheckpointResult:
        head, last = store.head(transaction), store.last_checkpoint(transaction)
        if last is not None and log_model.is_current(last, head, self._key):
            return CheckpointResult(last, created=False)
        new = log_model.sign_checkpoint(self._key, store.origin(transaction), head, last, transaction.now)
        store.add_checkpoint(transaction, new)
        if self.checkpoint_destination is not None:
            checkpoint_jobs.enqueue(transaction, new)
        return CheckpointResult(new, created=True)


def _read_statistics(
    complete_ranges: Collection[GapRange], reader: Reader
) -> tuple[LogCounters, AcceptedGaps]:
    """Return counters and recorded losses of one moment."""
    return store.counters(reader), store.accepted_gaps(reader, complete_ranges)


def _require_all_apps(context: RequestContext) -> None:
    """Raise Forbidden for callers limited to some apps: the log covers all of them."""
    if context.principal.apps is not None:
        raise Forbidden("the audit log requires access to all apps")
