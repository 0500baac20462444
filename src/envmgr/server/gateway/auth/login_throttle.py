"""How often somebody may be wrong: counted from failures in the database, so that a restart forgives nothing.

An account cannot be locked from outside: beside a wide cap of its own, it is the pair of account and address that is
counted, and the address.
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
    """Lets one sign-in of an address at a time pass, so that none of them slips by before another is counted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def attempt(self, account: str, address: str) -> AsyncIterator[None]:
        """Hold a sign-in of an account from an address. Raise TooMany where it must not be tried now."""
        lock, waiting = self._locks.get(address, (asyncio.Lock(), 0))
        if waiting >= MAX_QUEUED:
            raise ServiceUnavailable("too many sign-ins from your address at once", retry_after=2)
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
    needed = {"pair": values, "address": {"address": address}, "account": {"account": account}}
    for which, most in MAX_FAILURES.items():
        failures = failed_logins.recent(reader, which, needed[which], now - WINDOW_MS, most)
        if len(failures) == most:
            wait = (failures[-1] + WINDOW_MS - now) // 1000 + 1
            raise TooManyRequests(f"too many sign-ins have failed: try again in {wait} s", retry_after=wait)
