"""Statistics of the audit log: its counters, and the losses of events that an operator recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from envmgr.server.audit.domain.log_model import Head
from envmgr.server.contracts.resources import LogStats

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LogCounters:
    """Counters of the log; `missing` includes dead letters, and events whose loss was recorded."""

    head: Head
    signed_seq: int
    missing: Mapping[str, int]
    recorded: Mapping[str, int]
    dead_letters: int

    @property
    def is_complete(self) -> bool:
        """Return whether the log has an entry for each event."""
        return not any(self.missing.values())


class GapRange(NamedTuple):
    """Events of a service, both ends included, that were recorded as lost; the log may have some of them."""

    service: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AcceptedGaps:
    """The recorded losses up to a head: by range, how many of its events have no entry."""

    head: Head = field(default_factory=Head)
    absences: Mapping[GapRange, int] = field(default_factory=dict)

    @property
    def complete_ranges(self) -> frozenset[GapRange]:
        """Return the ranges whose events all have entries; as entries are never deleted, they stay so."""
        return frozenset(gap for gap, absent in self.absences.items() if not absent)

    @property
    def by_service(self) -> dict[str, int]:
        """Return by service how many events have no entry, and were recorded as lost."""
        total: Counter[str] = Counter()
        for gap, absent in self.absences.items():
            total[gap.service] += absent
        return dict(total)


def combine_stats(counters: LogCounters, gaps: AcceptedGaps) -> LogStats:
    """Return the statistics of a log, in which recorded losses do not count as missing."""
    accepted = gaps.by_service
    return LogStats(
        last_seq=counters.head.seq,
        signed_seq=counters.signed_seq,
        missing={name: number - accepted.get(name, 0) for name, number in counters.missing.items()},
        recorded=dict(counters.recorded),
        accepted=accepted,
        dead_letters=counters.dead_letters,
    )
