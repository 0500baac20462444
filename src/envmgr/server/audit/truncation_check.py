"""Whether the log was cut: it must have what was signed, what it counted, and what services know it to have.

None of that needs a look at the chain, so it is looked at all the time; who verifies the chain finds much more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from envmgr.server.kit.common.problems import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.audit.service import AuditService
    from envmgr.server.audit.store import Vitals
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.outbox import Outbox


class Watch:
    """Compares the log with itself, and with the outboxes of those it hears of."""

    def __init__(self, audit: AuditService, dead_letters: DeadLetters, outboxes: Sequence[Outbox]) -> None:
        self._audit = audit
        self._dead_letters = dead_letters
        self._outboxes = outboxes

    async def cuts(self) -> list[str]:
        """Say what the log had once, and has no more."""
        # In this order: what is sent was taken before, and what is taken in between is only more.
        sent = dict(zip(self._services, await self._sent(), strict=True))
        vitals = await self._audit.vitals()
        behind = any(number > vitals.taken.get(service, 0) for service, number in sent.items())
        return cuts(vitals, sent, await self._buried() if behind else {})

    async def told(self) -> str:
        """Say how the log is. Raise Unavailable where it was cut; what never came may yet come."""
        if found := await self.cuts():
            raise Unavailable("the audit was cut: " + "; ".join(found))
        vitals = await self._audit.vitals()
        lacks = [f"{number} of {source}" for source, number in vitals.missing.items() if number]
        return f"{vitals.seq} entries, {vitals.signed} signed" + (
            f"; lacks {', '.join(lacks)}" if lacks else ""
        )

    @property
    def _services(self) -> list[str]:
        return [outbox.service for outbox in self._outboxes]

    async def _sent(self) -> list[int]:
        return await asyncio.gather(*(outbox.sent() for outbox in self._outboxes))

    async def _buried(self) -> Counter[str]:
        return Counter(letter.event.service for letter in await self._dead_letters.all())


def cuts(vitals: Vitals, sent: Mapping[str, int], buried: Mapping[str, int]) -> list[str]:
    """Say what a log has no more, of which services were told that it has it, except what it put aside."""
    found = []
    if vitals.seq < (counted := sum(vitals.taken.values())):
        found.append(f"it has {vitals.seq} entries, and wrote {counted}")
    if vitals.seq < vitals.signed:
        found.append(f"it ends at {vitals.seq}, and is signed up to {vitals.signed}")
    for service, number in sent.items():
        lost = number - vitals.taken.get(service, 0) - buried.get(service, 0)
        if lost > 0:
            found.append(f"{lost} of the {number} events that {service} told are gone")
    return found
