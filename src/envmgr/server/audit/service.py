"""The use cases of the audit log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from envmgr.server.audit import domain, store
from envmgr.server.audit.notifier import Bell
from envmgr.server.contracts.resources import Checkpoint
from envmgr.server.kit.common.problems import Forbidden, NotFound
from envmgr.server.kit.common.results import Answer
from envmgr.server.kit.db.idempotency import once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from envmgr.server.contracts.resources import AuditEntry
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Transaction

BATCH = 100
"""Entries that a follower is given at once: all of the log that it ever has in memory."""

LOOK_AGAIN = 5.0
"""Seconds after which a follower looks although nothing rang: another process may have written."""


class Signed(Struct, frozen=True):
    """A checkpoint, and whether it had to be made."""

    checkpoint: Checkpoint
    created: bool


class AuditService:
    """The audit log, in this process (implements `contracts.ports.Audit`); `key` is its private Ed25519 key."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key
        self._bell = Bell()

    async def list(
        self, call: Call, paging: Paging, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries; of events from `since` to before `until` (milliseconds), where given."""
        _require_all_apps(call)
        return await self._database.read(lambda reader: store.page(reader, paging, since, until))

    async def get(self, call: Call, seq: int) -> AuditEntry:
        """Return an entry."""
        _require_all_apps(call)
        found = await self._database.lookup(lambda reader: store.get(reader, seq))
        if found is None:
            raise NotFound(f"the audit has no entry {seq}")
        return found

    async def newest(self, call: Call, limit: int) -> Sequence[AuditEntry]:
        """Return the newest entries, newest first."""
        _require_all_apps(call)
        return await self._database.read(lambda reader: store.newest(reader, limit))

    async def checkpoints(self, call: Call, paging: Paging) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        _require_all_apps(call)
        return await self._database.read(lambda reader: store.checkpoints(reader, paging))

    async def checkpoint(self, call: Call) -> Answer[Checkpoint]:
        """Sign where the chain stands, unless that is signed already."""
        if call.principal.role not in {"admin", "system"}:
            raise Forbidden("only administrators have the audit signed")
        answer = await self._database.write(once(call, Signed, self._sign))
        return Answer(answer.value.checkpoint, created=answer.value.created, replayed=answer.replayed)

    async def follow(self, call: Call, after: int | None) -> AsyncIterator[AuditEntry]:
        """Give what comes after an entry, as it comes, until the server stops; without one, what comes from now on."""
        _require_all_apps(call)
        seq = (await self._database.lookup(store.head)).seq if after is None else after
        while not self._bell.is_silenced:
            rung = self._bell.listen()
            entries = await self._next(seq)
            for entry in entries:
                yield entry
                seq = entry.seq
            if len(entries) < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), LOOK_AGAIN)

    async def append(self, events: Sequence[Event]) -> None:
        """Write down, in order, what the log does not have yet. Raise Contradiction, or ValueError for no event."""
        grown = await self._database.write(lambda transaction: self._append(transaction, events))
        if grown:
            self._bell.ring()

    async def sign_if_due(self) -> None:
        """Sign where the chain stands if something came, and the last time is long ago."""

        def unit(transaction: Transaction) -> None:
            if domain.is_due(store.head(transaction), store.last_checkpoint(transaction), transaction.now):
                self._sign(transaction)

        await self._database.write(unit)

    async def sign_the_end(self) -> None:
        """Sign where the chain stands, if anything came since it was last signed."""
        await self._database.write(self._sign)

    async def vitals(self) -> store.Vitals:
        """Tell how the log is."""
        return await self._database.lookup(store.vitals)

    def end_following(self) -> None:
        """Let everybody who follows the log come to an end."""
        self._bell.silence()

    async def _next(self, seq: int) -> Sequence[AuditEntry]:
        return await self._database.read(lambda reader: store.after(reader, seq, BATCH))

    def _append(self, transaction: Transaction, events: Sequence[Event]) -> bool:
        fresh = store.unknown(transaction, events)
        if not fresh:
            return False
        store.append(transaction, domain.chained(store.head(transaction), fresh))
        if domain.has_grown_much(store.head(transaction), store.last_checkpoint(transaction)):
            self._sign(transaction)
        return True

    def _sign(self, transaction: Transaction) -> Signed:
        head, last = store.head(transaction), store.last_checkpoint(transaction)
        if last is not None and domain.stands(last, head, self._key):
            return Signed(last, created=False)
        new = domain.signed(self._key, store.origin(transaction), head, last, transaction.now)
        store.add_checkpoint(transaction, new)
        return Signed(new, created=True)


def _require_all_apps(call: Call) -> None:
    """Raise Forbidden for who may see some apps only: the log tells of all of them."""
    if call.principal.apps is not None:
        raise Forbidden("the audit tells of every app, and your credential is for some only")
