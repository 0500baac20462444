"""Limit on the requests of each principal in a minute, shared by all processes on one database.

A process counts in memory. Several exchange their counts every second: in the meantime, each may admit as many requests
as were left at the last exchange. A process that is alone on its database exchanges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.gateway.store import request_counts
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.problems import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import Principal
    from envmgr.server.kit.db.sql import Database

EXCHANGE_INTERVAL_SECONDS = 1.0
_MINUTE_MS = 60_000


class RequestQuota:
    """Requests of principals in the present minute."""

    def __init__(self, database: Database, per_minute: int, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._per_minute = per_minute
        self._clock = clock
        self._minute = 0
        self._shared: dict[str, int] = {}
        """Requests as of the last exchange."""
        self._own: dict[str, int] = {}
        """Requests of this process since then."""

    def admit(self, principal: Principal) -> None:
        """Count a request; raise TooManyRequests above the limit."""
        now = self._clock()
        if now // _MINUTE_MS != self._minute:
            self._minute, self._shared, self._own = now // _MINUTE_MS, {}, {}
        key = _key_of(principal)
        count = self._own.get(key, 0)
        if self._shared.get(key, 0) + count >= self._per_minute:
            raise TooManyRequests(
                f"more than {self._per_minute} requests a minute of {key}",
                retry_after=(_MINUTE_MS - now % _MINUTE_MS) // 1000 + 1,
            )
        self._own[key] = count + 1

    async def exchange(self) -> None:
        """Add the requests of this process to those of all, and read these; raise ServiceUnavailable."""
        minute, counts, self._own = self._minute, self._own, {}
        if not counts:
            return
        for key, count in counts.items():
            self._shared[key] = self._shared.get(key, 0) + count
        totals = await self._database.write(
            lambda transaction: request_counts.add(transaction, minute, counts)
        )
        if minute == self._minute:
            self._shared.update(totals)


def _key_of(principal: Principal) -> str:
    """Return the name of a user, an API key, or a binding with all of its jobs."""
    if principal.credential.startswith("oidc:"):
        return principal.credential
    return principal.actor
