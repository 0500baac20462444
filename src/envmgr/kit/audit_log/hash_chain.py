"""Hash chain of the audit log: each entry's hash covers its content and the previous hash.

h_0 is 32 zero bytes; h_n = SHA-256(0x00 ‖ h_(n-1) ‖ n as eight bytes, big-endian ‖ canonical JSON of the content).
An entry is the mapping that the API returns: `CONTENT`, `seq`, `prev_hash` and `hash` (lower-case hexadecimal).
"""

from __future__ import annotations

from envmgr.kit.audit_log.canonical_json import canonicalize
from envmgr.kit.audit_log.sequence_gaps import SequenceTracker, subtract_ranges
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

GENESIS_HASH = bytes(32)
CONTENT = (
    "id",
    "source_service",
    "source_sequence",
    "event_type",
    "actor",
    "resource",
    "payload",
    "timestamp",
)
_MEMBERS = frozenset({*CONTENT, "seq", "event", "prev_hash", "hash"})
"""Fields of an entry: its hash covers no others."""
CHANGED, REMOVED, INSERTED, REORDERED = "changed", "removed", "inserted", "reordered"
GAP, REPEATED, REWRITTEN, TRUNCATED = "gap", "repeated", "rewritten", "truncated"
GAP_RECORDED = "SequenceGapRecorded"
"""Type of the entry by which an operator records that events of a source were lost."""


@frozen
class Finding:
    """A difference from the written log; `seq` is the position in the chain, 0 without one.

    `kind`: `changed`, `removed`, `inserted`, `reordered`; `gap` and `repeated` for a source's sequence numbers;
    `rewritten` and `truncated` against a checkpoint.
    """

    kind: str
    seq: int
    detail: str


@frozen
class RecordedGap:
    """Events of a source that an operator recorded as lost, in the entry `seq`."""

    seq: int
    source: str
    first: int
    last: int
    actor: str


def entry_hash(prev: bytes, n: int, content: Mapping[str, object]) -> bytes:
    """Return the hash of entry `n`; raise ValueError if the content cannot be serialized."""
    from hashlib import sha256

    return sha256(b"\0" + prev + n.to_bytes(8, "big") + canonicalize(dict(content))).digest()


def content_of(entry: Mapping[str, object]) -> dict[str, object]:
    """Return the hashed part of an entry; raise KeyError if a field is missing."""
    return {name: entry[name] for name in CONTENT}


class Verifier:
    """Verifier of a log, read oldest entry first, in constant memory.

    `checkpoints` must have valid signatures; entries are compared with them.
    """

    def __init__(self, checkpoints: Iterable[Mapping[str, object]] = ()) -> None:
        self.seq = 0
        """Sequence number of the last entry read."""
        self.recorded_gaps: list[RecordedGap] = []
        self._positions = SequenceTracker()
        self._previous: tuple[int, str | None] = (0, GENESIS_HASH.hex())
        self._sources: dict[str, SequenceTracker] = {}
        self._signed: dict[int, set[str]] = {}
        for checkpoint in checkpoints:
            self._signed.setdefault(_require_sequence(checkpoint["seq"]), set()).add(str(checkpoint["hash"]))

    def add(self, entry: Mapping[str, object]) -> list[Finding]:
        """Verify the next entry and return the findings at or right before it."""
        try:
            seq = _require_sequence(entry["seq"])
        except (KeyError, ValueError):
            return [Finding(INSERTED, 0, f"entry after {self._previous[0]} has no sequence number")]
        findings = [
            *self._check_position(seq),
            *self._check_link(seq, entry),
            *self._check_source_sequence(seq, entry),
        ]
        self.seq = max(self.seq, seq)
        self.recorded_gaps += _recorded_gap(seq, entry)
        return findings

    def finish(self) -> list[Finding]:
        """Return the findings that are only known at the end of the log."""
        findings = [
            Finding(REMOVED, low, f"{_entries(low, high)} missing") for low, high in self._positions.gaps()
        ]
        cause = "missing with the removed entries, or never received" if findings else "never received"
        for source, numbers in sorted(self._sources.items()):
            gaps = subtract_ranges(numbers.gaps(), self._accepted_ranges(source))
            findings += [_gap(source, low, high, cause) for low, high in gaps]
        return [*findings, *self._check_end()]

    def _accepted_ranges(self, source: str) -> list[tuple[int, int]]:
        return [(gap.first, gap.last) for gap in self.recorded_gaps if gap.source == source]

    def _check_position(self, seq: int) -> Iterator[Finding]:
        match self._positions.add(seq):
            case "late":
                yield Finding(REORDERED, seq, f"entry {seq} out of order (after {self._positions.last})")
            case "again":
                yield Finding(INSERTED, seq, f"duplicate entry {seq}")

    def _check_link(self, seq: int, entry: Mapping[str, object]) -> Iterator[Finding]:
        """Check an entry against its hash, the previous entry, and the checkpoints that cover it."""
        previous_seq, previous_hash = self._previous
        problem = _problem(seq, entry)
        hash_hex = None if problem else str(entry["hash"])
        self._previous = seq, hash_hex
        if problem:
            yield Finding(CHANGED, seq, f"entry {seq}: {problem}")
        elif seq == previous_seq + 1 and previous_hash not in {None, entry["prev_hash"]}:
            yield _not_linked(seq)
        if hash_hex and self._signed.get(seq, {hash_hex}) != {hash_hex}:
            yield Finding(
                REWRITTEN,
                seq,
                f"entry {seq}: hash {hash_hex} does not match the checkpoint's {self._others(seq, hash_hex)}",
            )

    def _others(self, seq: int, hash_hex: str) -> str:
        return ", ".join(sorted(self._signed[seq] - {hash_hex}))

    def _check_source_sequence(self, seq: int, entry: Mapping[str, object]) -> Iterator[Finding]:
        """Check the sequence of an entry against the earlier ones of its source."""
        source, number = str(entry.get("source_service")), entry.get("source_sequence")
        if type(number) is not int or number < 1:
            return  # `_problem` reports it
        if self._sources.setdefault(source, SequenceTracker()).add(number) == "again":
            yield Finding(REPEATED, seq, f"entry {seq}: duplicate event {number} of {source}")

    def _check_end(self) -> Iterator[Finding]:
        last = max(self._signed, default=0)
        if last > self.seq:
            yield Finding(
                TRUNCATED,
                self.seq + 1,
                f"log ends at entry {self.seq}, but a checkpoint covers entry {last}",
            )
        if self._signed.get(0, {GENESIS_HASH.hex()}) != {GENESIS_HASH.hex()}:
            yield Finding(REWRITTEN, 0, "checkpoint for an empty log has a non-zero hash")


def _problem(seq: int, entry: Mapping[str, object]) -> str | None:
    """Return why an entry does not match its hash, else None."""
    try:
        prev = bytes.fromhex(_require_string(entry["prev_hash"]))
        is_hash = len(prev) == len(GENESIS_HASH) and prev.hex() == entry["prev_hash"]
        if _require_sequence(entry["source_sequence"]) < 1 or not is_hash:
            return "malformed hash or number"
        if entry.get("event", entry["event_type"]) != entry["event_type"]:
            return "event types differ"
        if more := sorted(entry.keys() - _MEMBERS):
            return f"unexpected fields: {', '.join(more)}"
        computed = entry_hash(prev, seq, content_of(entry)).hex()
    except KeyError as error:
        return f"field {error.args[0]} missing"
    except (ValueError, OverflowError) as error:
        return f"invalid content: {error}"
    return None if computed == entry.get("hash") else "hash mismatch"


def _recorded_gap(seq: int, entry: Mapping[str, object]) -> Iterator[RecordedGap]:
    """Yield the gap that an entry records, if it is an entry of that type."""
    payload = entry.get("payload")
    if entry.get("event_type") != GAP_RECORDED or not isinstance(payload, dict):
        return
    source, first, last = (payload.get(name) for name in ("service", "first", "last"))
    if type(first) is int and type(last) is int and first <= last:
        yield RecordedGap(seq, str(source), first, last, str(entry.get("actor")))


def _not_linked(seq: int) -> Finding:
    if seq == 1:
        return Finding(CHANGED, 1, "entry 1 does not start the chain")
    return Finding(CHANGED, seq - 1, f"entry {seq}'s prev_hash does not match entry {seq - 1}")


def _gap(source: str, low: int, high: int, cause: str) -> Finding:
    events = f"event {low}" if low == high else f"events {low} to {high}"
    return Finding(GAP, 0, f"{events} of {source} {cause}")


def _entries(low: int, high: int) -> str:
    return f"entry {low} is" if low == high else f"entries {low} to {high} are"


def _require_sequence(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"invalid sequence number {value!r}")
    return value


def _require_string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")  # noqa: TRY004 - data of the wrong shape, not a wrong call
    return value
