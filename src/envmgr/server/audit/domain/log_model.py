"""The rules of the audit log: how events become links of its chain, and when it is signed. Pure."""

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
    """How long the chain is, and its last hash."""

    seq: int = 0
    hash: bytes = GENESIS_HASH


class SequenceConflict(Conflict):
    """A source tells an event under a number that it gave to another one."""

    slug, title = "sequence-conflict", "Event sequence conflict"


def sequence_conflict(event: EventEnvelope, existing_id: str) -> SequenceConflict:
    """Say why an event cannot be written down."""
    return SequenceConflict(
        f"{event.source} tells event {event.sequence} as {event.id}, and has told it as {existing_id} before"
    )


def build_entries(head: Head, events: Iterable[EventEnvelope]) -> list[AuditEntry]:
    """Make the entries of events that follow a head; ValueError for one that cannot be hashed."""
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
    """Return what the hash of an event's entry covers: `kit.hashchain.CONTENT`."""
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


def exceeds_signing_threshold(head: Head, last: Checkpoint | None) -> bool:
    """Say whether enough came since the chain was signed for it to be signed again at once."""
    return head.seq - (last.seq if last else 0) >= SIGN_AFTER_ENTRIES


def is_checkpoint_due(head: Head, last: Checkpoint | None, now: int) -> bool:
    """Say whether the chain is to be signed by now: something came, and the last time is long ago."""
    waited = now - (last.timestamp if last else 0)
    return head.seq > (last.seq if last else 0) and waited >= SIGN_AFTER_MS


def is_current(last: Checkpoint, head: Head, key: bytes) -> bool:
    """Say whether a checkpoint by this key says all there is to say."""
    return last.seq == head.seq and last.public_key == checkpoints.public_key(key)


def sign_checkpoint(key: bytes, origin: str, head: Head, last: Checkpoint | None, now: int) -> Checkpoint:
    """Sign where the chain stands."""
    previous = checkpoints.fingerprint(msgspec.structs.asdict(last)) if last else ""
    stated = {
        "origin": origin,
        "seq": head.seq,
        "hash": head.hash.hex(),
        "timestamp": now,
        "previous": previous,
    }
    return msgspec.convert(checkpoints.sign(key, stated), Checkpoint)
