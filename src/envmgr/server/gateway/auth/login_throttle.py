"""Limits on failed sign-ins, counted in the database so that a restart does not reset them.

An account cannot be locked from outside: apart from a high limit of its own, failures count for the pair of account and
address, and for the address.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from envmgr.server.gateway.store import failed_logins
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import ServiceUnavailable, TooManyRequests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envmgr.server.kit.db.sql import Database, Reader

WINDOW_MS = 15 * 60 * 1000
MAX_FAILURES = {"pair": 5, "address": 20, "account": 100}
MAX_QUEUED = 64


class LoginThrottle:
    """Serialize sign-ins from one address, so that each is counted before the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[None]:
        """Guard a sign-in to an account from an address; raise TooManyRequests above a limit."""
        lock, waiting = self._locks.get(address, (asyncio.Lock(), 0))
        if waiting >= MAX_QUEUED:
            raise ServiceUnavailable("too many concurrent sign-ins from this address", retry_after=2)
        self._locks[address] = (lock, waiting + 1)
        try:
            async with lock:
                await self._database.read_inline(
                    lambda reader: _require_below_limit(reader, account, address, now_ms())
                )
                yield
        finally:
            lock, waiting = self._locks.pop(address)
            if waiting > 1:
                self._locks[address] = (lock, waiting - 1)


def _require_below_limit(reader: Reader, account: str, address: str, now: int) -> None:
    values = {"account": account, "address": address}
    parameters = {"pair": values, "address": {"address": address}, "account": {"account": account}}
    for scope, limit in MAX_FAILURES.items():
        failures = failed_logins.recent(reader, scope, parameters[scope], now - WINDOW_MS, limit)
        if len(failures) == limit:
            retry_after = (failures[-1] + WINDOW_MS - now) // 1000 + 1
            raise TooManyRequests(
                f"too many failed sign-ins; retry in {retry_after} s", retry_after=retry_after
            )
