"""Verification of an audit log without a server: hash chain, sequence numbers, checkpoints.

Entries are processed as a stream: memory grows with the number of checkpoints only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.audit_log import checkpoint as checkpoint_rules
from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, Finding, RecordedGap, Verifier
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from envmgr.alm.client.fields import Document

MAX_FINDINGS = 100
"""Further findings are counted, not reported."""

FORGED, FOREIGN, EMPTY = "forged", "foreign", "empty"
DEAD_LETTERS = "dead-letters"
"""Kind of the finding that the server has events that it could not record."""


@frozen
class Report:
    """The result of a verification; `omitted` counts the findings after the first MAX_FINDINGS.

    `key` is the public key (base64) that must sign every checkpoint, None without checkpoints.
    `verified_up_to` is the sequence number of the latest entry that a valid checkpoint covers.
    `dead_letters` counts the events that the server could not record, None where that is unknown.
    """

    entries: int
    seq: int
    head: str
    checkpoints: int
    saved_checkpoints: int
    key: str | None
    verified_up_to: int
    findings: tuple[Finding, ...]
    omitted: int
    recorded_gaps: tuple[RecordedGap, ...] = ()
    """Events that were lost, as an operator recorded in the log."""
    dead_letters: int | None = None

    @property
    def is_intact(self) -> bool:
        """Return whether the log is intact: without findings."""
        return not self.findings


class FindingCollector:
    """Stores the first findings, and counts the others."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.omitted = 0

    def add(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)
            else:
                self.omitted += 1


def verify(
    entries: Iterable[Document | Finding],
    checkpoints: Sequence[Document],
    saved: Sequence[Document] = (),
    count_dead_letters: Callable[[], int | None] = lambda: None,
) -> Report:
    """Verify a whole log, oldest entry first, with checkpoints and the number of dead letters.

    Dead letters are counted after the entries, which may take minutes to read.

    A finding among the entries (an unreadable line) is reported with the others. An empty log is a finding, as a
    server writes entries at its first start, unless a checkpoint confirms it.
    """
    key = _key((*saved, *checkpoints))
    trusted = _select_trusted((*saved, *checkpoints), key)
    findings = FindingCollector()
    findings.add(_check_checkpoints(checkpoints, saved, key))
    log = _VerifiedLog(trusted)
    findings.add(log.verify(entries))
    dead_letters = count_dead_letters()
    unrecorded = tuple(_check_dead_letters(dead_letters))
    if not (log.entries or unrecorded or findings.findings or any(_seq(item) == 0 for item in trusted)):
        findings.add([Finding(EMPTY, 0, "the log is empty")])
    return Report(
        entries=log.entries,
        seq=log.verifier.seq,
        head=log.head,
        checkpoints=len(checkpoints),
        saved_checkpoints=len(saved),
        key=key,
        verified_up_to=max(map(_seq, trusted), default=0),
        findings=(*unrecorded, *findings.findings),
        omitted=findings.omitted,
        recorded_gaps=tuple(log.verifier.recorded_gaps),
        dead_letters=dead_letters,
    )


class _VerifiedLog:
    """The entries of a log as far as they are read: their number, and the hash of the last."""

    def __init__(self, trusted: Sequence[Document]) -> None:
        self.verifier = Verifier(trusted)
        self.entries = 0
        self.head = GENESIS_HASH.hex()

    def verify(self, entries: Iterable[Document | Finding]) -> Iterator[Finding]:
        """Verify all entries; yield what is wrong, and the findings among them."""
        for entry in entries:
            if isinstance(entry, Finding):
                yield entry
                continue
            yield from self.verifier.add(entry)
            self.entries += 1
            self.head = str(entry.get("hash"))
        yield from self.verifier.finish()


def _select_trusted(checkpoints: Iterable[Document], key: str | None) -> list[Document]:
    """Return the checkpoints that are signed by the key."""
    return [item for item in checkpoints if checkpoint_rules.verify_error(item, key) is None]


def _key(checkpoints: Sequence[Document]) -> str | None:
    """Return the trusted key: that of the saved checkpoints, else of the log's first one."""
    for checkpoint in checkpoints:
        if isinstance(checkpoint.get("public_key"), str):
            return str(checkpoint["public_key"])
    return None


def _check_dead_letters(count: int | None) -> Iterator[Finding]:
    """Yield a finding for dead letters."""
    if count:  # the log has no gap where no later event of the service was recorded
        events = "1 event" if count == 1 else f"{count} events"
        yield Finding(DEAD_LETTERS, 0, f"{events} could not be recorded")


def _check_checkpoints(
    checkpoints: Sequence[Document], saved: Sequence[Document], key: str | None
) -> Iterator[Finding]:
    for name, group in (("saved checkpoint", saved), ("checkpoint", checkpoints)):
        for checkpoint in group:
            error = checkpoint_rules.verify_error(checkpoint, key)
            if error:
                yield Finding(FORGED, _seq(checkpoint), f"{name} at entry {_seq(checkpoint)}: {error}")
    yield from _check_chain(checkpoints)
    yield from _foreign_checkpoints(checkpoints, saved)


def _foreign_checkpoints(checkpoints: Sequence[Document], saved: Sequence[Document]) -> Iterator[Finding]:
    """Yield a finding for each saved checkpoint of another log."""
    origins = {str(checkpoint.get("origin")) for checkpoint in checkpoints}
    for checkpoint in saved:
        origin = str(checkpoint.get("origin"))
        if origins and origin not in origins:
            own_origins = " or ".join(sorted(origins))
            yield Finding(
                FOREIGN, 0, f"saved checkpoint belongs to another log: {origin}, expected {own_origins}"
            )


def _check_chain(checkpoints: Sequence[Document]) -> Iterator[Finding]:
    """Yield a finding for each checkpoint, oldest first, whose `previous` is not the checkpoint before."""
    previous = ""
    for checkpoint in checkpoints:
        if checkpoint.get("previous") != previous:
            yield Finding(
                FORGED,
                _seq(checkpoint),
                f"checkpoint at entry {_seq(checkpoint)} does not chain to the previous one",
            )
        try:
            previous = checkpoint_rules.fingerprint(checkpoint)
        except (KeyError, ValueError):
            return  # reported already as forged


def _seq(checkpoint: Document) -> int:
    value = checkpoint.get("seq")
    return value if type(value) is int and value >= 0 else 0
