"""Retries of a unit whose transaction was rolled back."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.server.kit.db.postgresql.failures import RolledBack

MAX_RETRY_DELAY_SECONDS = 0.01


class UnitRetries:
    """The retries of one unit: after each conflict, and once after each of two other failures."""

    def __init__(self) -> None:
        self._may_be_conflict = self._may_be_stale = True

    async def prepare_retry(self, failure: RolledBack) -> None:
        """Wait until the unit should run again; raise its error if it should not."""
        if failure.is_violation and self._may_be_conflict:
            # A row of a concurrent unit, which this one could not see: the next run can.
            self._may_be_conflict = False
        elif failure.is_lost_connection and self._may_be_stale:
            # The server may have ended this session only: the next run has another.
            self._may_be_stale = False
        elif failure.is_conflict:
            await _wait()
        else:
            raise failure.error from failure.error.__cause__

    async def prepare_retry_after_group(self, failure: RolledBack) -> None:
        """Prepare after a run in a group, where a unit waits for locks for a shorter time than alone."""
        if failure.is_lock_timeout:
            await _wait()
        else:
            await self.prepare_retry(failure)


async def _wait() -> None:
    await asyncio.sleep(random.uniform(0, MAX_RETRY_DELAY_SECONDS))  # noqa: S311 - jitter, no secret
