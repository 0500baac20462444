"""Refusal of changes where the database of a service is an older copy.

Such a service refuses to start, unless the others do not respond at that time. Its next events would get numbers that
the others have already received.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.older_copies import find_older_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.contracts.remote.event_state import PeerEventStates
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox

RESTORE_HINT = (
    "stop the services and restore all databases from one backup; or stop this one and continue without the lost "
    "events: `envmgr-alm restore --accept-gap SERVICE`"
)
RETRY_AFTER_SECONDS = 60
"""A restore takes at least this long."""


class OlderCopyGuard:
    """Result of the last comparison: while the database lacks something, no unit may emit events."""

    def __init__(self) -> None:
        self._missing: Sequence[str] = ()
        self._comparison = asyncio.Lock()

    async def compare(
        self, outbox: Outbox, dead_letters: DeadLetters, states: PeerEventStates
    ) -> Sequence[str]:
        """Return what the database lacks of what the peers that were reached have recorded."""
        # One after the other: a probe that began when less was known of the peers must not end last.
        async with self._comparison:
            self._missing = await find_older_copy(outbox, dead_letters, states.known)
            return self._missing

    def require_current(self) -> None:
        """Raise ServiceUnavailable if the database is known to be an older copy."""
        if self._missing:
            raise ServiceUnavailable(
                "; ".join([*self._missing, RESTORE_HINT]), retry_after=RETRY_AFTER_SECONDS
            )
