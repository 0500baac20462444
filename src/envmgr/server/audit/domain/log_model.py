"""Rules of the audit log: hash-chain entries and checkpoints, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, entry_hash
from envmgr.server.contracts.resources import AuditEntry, Checkpoint
from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.common.problems import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.common.events import EventEnvelope

SIGN_AFTER_ENTRIES = 1000
SIGN_AFTER_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class Head:
    """Length and last hash of the chain."""

    seq: int = 0
    hash: bytes = GENESIS_HASH


class SequenceConflict(Conflict):
    """A source reused the sequence number of another event."""

    slug, title = "sequence-conflict", "Event sequence conflict"


def sequence_conflict(event: EventEnvelope, existing_id: str) -> SequenceConflict:
    """Return the problem for an event with a used sequence number."""
    return SequenceConflict(
        f"{event.source} sent event {event.sequence} with ID {event.id}, previously {existing_id}"
    )


def build_entries(head: Head, events: Iterable[EventEnvelope]) -> list[AuditEntry]:
    """Return the entries of events that follow a head; raise ValueError for an unhashable event."""
    entries: list[AuditEntry] = []
    prev = head.hash
    for seq, event in enumerate(events, head.seq + 1):
        content = _content(event)
        hashed = entry_hash(prev, seq, content)
        entry = AuditEntry(seq=seq, event=event.type, prev_hash=prev.hex(), hash=hashed.hex(), **content)
        entries.append(entry)
        prev = hashed
    return entries


def _content(event: EventEnvelope) -> dict[str, Any]:
    """Return the hashed content of an event's entry: `hashchain.CONTENT`."""
    return {
        "id": event.id,
        "source_service": event.service,
        "source_sequence": event.sequence,
        "event_type": event.type,
        "actor": event.actor,
        "resource": event.subject,
        "payload": event.data,
        "timestamp": parse_rfc3339(event.time),
    }


def should_sign_at_once(head: Head, last: Checkpoint | None) -> bool:
    """Return whether enough entries are unsigned to sign at once."""
    return head.seq - (last.seq if last else 0) >= SIGN_AFTER_ENTRIES


def is_checkpoint_due(head: Head, last: Checkpoint | None, now: int) -> bool:
    """Return whether unsigned entries exist and the last checkpoint is old."""
    waited = now - (last.timestamp if last else 0)
    return head.seq > (last.seq if last else 0) and waited >= SIGN_AFTER_MS


def is_current(last: Checkpoint, head: Head, key: bytes) -> bool:
    """Return whether a checkpoint by this key covers the whole log."""
    return last.seq == head.seq and last.public_key == checkpoints.public_key(key)


def sign_checkpoint(key: bytes, origin: str, head: Head, last: Checkpoint | None, now: int) -> Checkpoint:
    """Return a signed checkpoint of the head."""
    previous = checkpoints.fingerprint(msgspec.structs.asdict(last)) if last else ""
    stated = {
        "origin": origin,
        "seq": head.seq,
        "hash": head.hash.hex(),
        "timestamp": now,
        "previous": previous,
    }
    return msgspec.convert(checkpoints.sign(key, stated), Checkpoint)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges of numbers, both ends included, in order and without overlaps."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
