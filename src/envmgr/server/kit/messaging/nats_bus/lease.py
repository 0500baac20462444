"""The lease of a consumer: of the processes that have it, one at a time receives its events.

The lease alone keeps two processes apart only while clocks run; `reader.take_over` excludes the former owner for good.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from nats.errors import Error
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from envmgr.server.kit.messaging.nats_bus.streams import LEASE_SECONDS

if TYPE_CHECKING:
    from nats.js.kv import KeyValue

RENEWAL_INTERVAL_SECONDS = LEASE_SECONDS / 4
POLL_INTERVAL_SECONDS = 0.5


class LeaseLost(Exception):
    """Another process has taken over, or the broker has lost the lease."""


class Lease:
    """A lease of one consumer, which its owner resumes at once after a restart."""

    def __init__(self, bucket: KeyValue, consumer: str, owner: str) -> None:
        self._bucket = bucket
        self._key = consumer
        self._owner = owner.encode()
        self._revision = 0

    async def acquire(self) -> None:
        """Wait until no other process holds the lease, and take it."""
        while not await self._try_acquire():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    async def renew(self) -> None:
        """Renew the lease until it is lost; raise LeaseLost."""
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
            try:
                self._revision = await self._bucket.update(self._key, self._owner, self._revision)
            except KeyWrongLastSequenceError as error:
                raise LeaseLost(f"lease of {self._key} lost") from error

    async def release(self) -> None:
        """Delete the lease, so that another process acquires it at once."""
        revision, self._revision = self._revision, 0
        if revision:
            with suppress(Error):
                await self._bucket.delete(self._key, revision)

    async def _try_acquire(self) -> bool:
        try:
            self._revision = await self._bucket.create(self._key, self._owner)
        except KeyWrongLastSequenceError:
            return await self._try_resume()
        return True

    async def _try_resume(self) -> bool:
        """Update the lease of an earlier process of this owner; return whether it was one."""
        try:
            entry = await self._bucket.get(self._key)
            if entry.value != self._owner:
                return False
            self._revision = await self._bucket.update(self._key, self._owner, entry.revision)
        except (KeyNotFoundError, KeyWrongLastSequenceError):
            return False
        return True
