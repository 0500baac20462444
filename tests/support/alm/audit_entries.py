"""Audit logs of any length, rebuilt logs, and signed checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.audit_log import checkpoint
from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, content_of, entry_hash
from support.alm.hash_chains import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from support.alm.hash_chains import Entry

KEY, OTHER_KEY = bytes(range(32)), bytes(32)


def entries(count: int) -> Iterator[Entry]:
    """Yield the entries of a log that two services write in turn."""
    return linked(
        entry_of(seq, (seq + 1) // 2, "app" if seq % 2 else "version", "user:ada")
        for seq in range(1, count + 1)
    )


def linked(log: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries with new numbers and hashes, as the owner of the database could write them."""
    before = GENESIS_HASH
    for seq, entry in enumerate(log, 1):
        fresh = {**entry, "seq": seq, "prev_hash": before.hex()}
        before = entry_hash(before, seq, content_of(fresh))
        yield {**fresh, "hash": before.hex()}


def checkpoints(log: Sequence[Entry], *seqs: int, key: bytes = KEY) -> list[Entry]:
    """Return signed checkpoints of a log at some of its entries."""
    signed_checkpoints: list[Entry] = []
    for seq in seqs:
        stated = {
            "origin": "alm/test",
            "seq": seq,
            "hash": log[seq - 1]["hash"],
            "timestamp": 1_700_000_000_000 + seq,
            "previous": checkpoint.fingerprint(signed_checkpoints[-1]) if signed_checkpoints else "",
        }
        signed_checkpoints.append(checkpoint.sign(key, stated))
    return signed_checkpoints
