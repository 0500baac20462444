"""Logs as the API returns them, and the findings of the verifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, Finding, Verifier, content_of, entry_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

Entry = dict[str, object]


def chain(
    length: int,
    *,
    actor: str = "user:ada",
    sources: Sequence[str] = (),
    sequences: Sequence[int] = (),
    skip: Collection[int] = (),
    again: Collection[int] = (),
    zero: bytes = GENESIS_HASH,
) -> list[Entry]:
    """Create a valid log; `skip` and `again` omit or repeat events of the source."""
    numbers = sequences or [n for n in range(1, length + 1) if n not in skip for _ in range(1 + (n in again))]
    entries: list[Entry] = []
    prev = zero
    for seq, number in enumerate(numbers, 1):
        source = sources[seq - 1] if sources else "alm"
        entry = entry_of(seq, number, source, actor)
        prev_hash, prev = prev, entry_hash(prev, seq, content_of(entry))
        entries.append({**entry, "prev_hash": prev_hash.hex(), "hash": prev.hex()})
    return entries


def entry_of(seq: int, number: int, source: str, actor: str) -> Entry:
    return {
        "seq": seq,
        "id": f"event-{source}-{number}",
        "source_service": source,
        "source_sequence": number,
        "event_type": "AppUpdated",
        "event": "AppUpdated",
        "actor": actor,
        "resource": f"app/{number}",
        "payload": {"app_id": number, "name": f"shop-{number}"},
        "timestamp": 1_700_000_000_000 + seq,
    }


def relinked(entry: Entry) -> Entry:
    """Return an entry with the hash of its present content."""
    new_hash = entry_hash(bytes.fromhex(str(entry["prev_hash"])), int(str(entry["seq"])), content_of(entry))
    return {**entry, "hash": new_hash.hex()}


def findings(entries: Iterable[Entry], checkpoints: Iterable[Mapping[str, object]] = ()) -> list[Finding]:
    verifier = Verifier(checkpoints)
    matches = [finding for entry in entries for finding in verifier.add(entry)]
    return [*matches, *verifier.finish()]
