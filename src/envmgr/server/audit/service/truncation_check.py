"""Whether the log was cut: it must have what was signed, what it counted, and what services know it to have.

None of that needs a look at the chain, so it is looked at all the time; who verifies the chain finds much more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.contracts.resources import LogStats
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox


class TruncationCheck:
    """Compares the log with itself, and with the outboxes of those it hears of."""

    def __init__(self, audit: Audit, dead_letters: DeadLetters, outboxes: Sequence[Outbox]) -> None:
        self._audit = audit
        self._dead_letters = dead_letters
        self._outboxes = outboxes

    async def find_truncations(self) -> list[str]:
        """Say what the log had once, and has no more."""
        # In this order: what is sent was taken before, and what is taken in between is only more.
        sent = dict(zip(self._services, await self._acknowledged(), strict=True))
        vitals = await self._audit.stats()
        behind = any(number > vitals.recorded.get(service, 0) for service, number in sent.items())
        return find_truncations(vitals, sent, await self._dead_lettered() if behind else {})

    async def status(self) -> str:
        """Say how the log is. Raise Unavailable where it was cut; what never came may yet come."""
        if found := await self.find_truncations():
            raise ServiceUnavailable("the audit was cut: " + "; ".join(found))
        vitals = await self._audit.stats()
        lacks = [f"{number} of {source}" for source, number in vitals.missing.items() if number]
        return f"{vitals.last_seq} entries, {vitals.signed_seq} signed" + (
            f"; lacks {', '.join(lacks)}" if lacks else ""
        )

    @property
    def _services(self) -> list[str]:
        return [outbox.service for outbox in self._outboxes]

    async def _acknowledged(self) -> list[int]:
        return await asyncio.gather(*(outbox.acknowledged_sequence() for outbox in self._outboxes))

    async def _dead_lettered(self) -> Counter[str]:
        return Counter(letter.event.service for letter in await self._dead_letters.all())


def find_truncations(
    stats: LogStats, acknowledged: Mapping[str, int], dead_lettered: Mapping[str, int]
) -> list[str]:
    """Say what a log has no more, of which services were told that it has it, except what it put aside."""
    found = []
    if stats.last_seq < (counted := sum(stats.recorded.values())):
        found.append(f"it has {stats.last_seq} entries, and wrote {counted}")
    if stats.last_seq < stats.signed_seq:
        found.append(f"it ends at {stats.last_seq}, and is signed up to {stats.signed_seq}")
    for service, number in acknowledged.items():
        lost = number - stats.recorded.get(service, 0) - dead_lettered.get(service, 0)
        if lost > 0:
            found.append(f"{lost} of the {number} events that {service} told are gone")
    return found
