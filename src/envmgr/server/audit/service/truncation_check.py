"""Detection of a truncated audit log: it must contain what was signed, counted and acknowledged.

This needs no look at the chain, so it is checked continuously; verifying the chain finds more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.audit.store import CONSUMER
from envmgr.server.kit.common.context import system_context
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envmgr.server.contracts.ports.audit import Audit
    from envmgr.server.contracts.resources import LogStats
    from envmgr.server.kit.messaging.dead_letters import DeadLetters
    from envmgr.server.kit.messaging.event_state import EventSource

_CONTEXT = system_context("truncation-check")
_RESTORE_HINT = (
    "stop the server and restore the audit database from a complete copy; where only the broker lost events, "
    "run `envmgr-alm restore --accept-gap audit`, which appends what the outboxes retain"
)


@dataclass(frozen=True, slots=True)
class LogCondition:
    """The statistics of the log, and what it had once and lacks now."""

    stats: LogStats
    truncations: Sequence[str]


class TruncationCheck:
    """Compare the log with its counters, its checkpoints and the services' outboxes."""

    def __init__(self, audit: Audit, dead_letters: DeadLetters, sources: Sequence[EventSource]) -> None:
        self._audit = audit
        self._dead_letters = dead_letters
        self._sources = sources

    async def inspect(self) -> LogCondition:
        """Return the statistics of the log, read once, and what it had once and lacks now."""
        # In this order: the log had recorded what was consumed before it is read, and only grows in between.
        consumed = await self._consumed_sequences()
        stats = await self._audit.stats(_CONTEXT)
        behind = any(number > stats.recorded.get(service, 0) for service, number in consumed.items())
        dead_lettered = await self._dead_lettered() if behind else {}
        return LogCondition(stats, find_truncations(stats, consumed, dead_lettered))

    async def missing_events(self, stats: LogStats) -> dict[str, int]:
        """Return by service how many events the log lacks: gaps, or dead letters that contradict an entry."""
        gaps, dead_letters = stats.missing, await self._dead_lettered()
        return {
            service: max(gaps.get(service, 0), dead_letters[service]) for service in {*gaps, *dead_letters}
        }

    async def status(self) -> str:
        """Return a summary of the log; raise ServiceUnavailable if it was truncated or has dead letters."""
        condition = await self.inspect()
        if condition.truncations:
            raise ServiceUnavailable(
                f"audit log truncated: {'; '.join(condition.truncations)}; {_RESTORE_HINT}"
            )
        if dead_letters := condition.stats.dead_letters:
            raise ServiceUnavailable(
                f"dead letters of the audit log: {dead_letters}; see `envmgr-alm dead-letters list`, fix the cause, "
                "then run `envmgr-alm dead-letters retry --all` (both with `--service audit` if it runs separately)"
            )
        stats = condition.stats
        return "; ".join(
            [
                f"{stats.last_seq} entries, {stats.signed_seq} signed",
                *_counts("missing", stats.missing),
                *_counts("recorded as lost", stats.accepted),
            ]
        )

    async def _consumed_sequences(self) -> dict[str, int]:
        """Return by service what the log had of its events, except for services that cannot be asked."""
        numbers = await asyncio.gather(*(source.consumed_sequence(CONSUMER) for source in self._sources))
        return {
            source.service: number
            for source, number in zip(self._sources, numbers, strict=True)
            if number is not None
        }

    async def _dead_lettered(self) -> Counter[str]:
        return Counter(dead_letter.event.service for dead_letter in await self._dead_letters.all())


def _counts(label: str, events: Mapping[str, int]) -> list[str]:
    parts = [f"{number} from {source}" for source, number in events.items() if number]
    return [f"{label} {', '.join(parts)}"] if parts else []


def find_truncations(
    stats: LogStats, consumed: Mapping[str, int], dead_lettered: Mapping[str, int]
) -> list[str]:
    """Return what the log lacks of what it counted, signed and reported as consumed.

    Dead letters are not missing, nor are events whose loss an operator recorded.
    """
    results = []
    if stats.last_seq < (counted := sum(stats.recorded.values())):
        results.append(f"{stats.last_seq} entries present, {counted} recorded")
    if stats.last_seq < stats.signed_seq:
        results.append(f"ends at {stats.last_seq} but signed up to {stats.signed_seq}")
    for service, number in consumed.items():
        present = stats.recorded.get(service, 0) + stats.accepted.get(service, 0)
        lost = number - present - dead_lettered.get(service, 0)
        if lost > 0:
            results.append(f"{lost} of {number} events from {service} are missing")
    return results
