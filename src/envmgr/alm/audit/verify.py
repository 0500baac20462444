"""Whether an audit log is what was written: its chain, its sources' numbers, its checkpoints. Pure; needs no server.

What is read once is forgotten: memory grows with the number of checkpoints, not of entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.audit_log import checkpoint as checkpoints_of
from envmgr.kit.audit_log.hash_chain import GENESIS_HASH, Finding, Verifier
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envmgr.alm.client.fields import Document

MAX_FINDINGS = 100
"""How many findings are told; the others are only counted."""

FORGED, FOREIGN, EMPTY = "forged", "foreign", "empty"


@frozen
class Report:
    """What was read, and what is wrong with it; `untold` counts the findings beyond the first `MOST`.

    `key` is the public key (base64) that every checkpoint had to be signed by, None where there was no checkpoint.
    `held_against` is the number of the newest entry that a believed checkpoint speaks of.
    """

    entries: int
    seq: int
    head: str
    checkpoints: int
    saved_checkpoints: int
    key: str | None
    held_against: int
    findings: tuple[Finding, ...]
    omitted: int

    @property
    def is_intact(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.findings


class FindingCollector:
    """Keeps the first findings, and counts the others."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.omitted = 0

    def add(self, found: Iterable[Finding]) -> None:
        """Take more of them."""
        for finding in found:
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)
            else:
                self.omitted += 1


def verify(
    entries: Iterable[Document | Finding],
    checkpoints: Sequence[Document],
    kept: Sequence[Document] = (),
) -> Report:
    """Read a whole log, oldest entry first, with its own checkpoints and those that were kept from before.

    A finding among the entries (a line that cannot be read) is told with the others. So is that there is no entry,
    as a server writes some when it first starts, unless a checkpoint says that there was none.
    """
    key = _key((*kept, *checkpoints))
    findings = FindingCollector()
    findings.add(_of_checkpoints(checkpoints, kept, key))
    believed = [one for one in (*kept, *checkpoints) if checkpoints_of.verify_error(one, key) is None]
    verifier, count, head = Verifier(believed), 0, GENESIS_HASH.hex()
    for entry in entries:
        if isinstance(entry, Finding):
            findings.add([entry])
            continue
        findings.add(verifier.add(entry))
        count, head = count + 1, str(entry.get("hash"))
    findings.add(verifier.finish())
    if not (count or findings.findings or any(_seq(one) == 0 for one in believed)):
        findings.add(
            [Finding(EMPTY, 0, "there is no entry at all, and the log of a server has some at once")]
        )
    return Report(
        entries=count,
        seq=verifier.seq,
        head=head,
        checkpoints=len(checkpoints),
        saved_checkpoints=len(kept),
        key=key,
        held_against=max((_seq(one) for one in believed), default=0),
        findings=tuple(findings.findings),
        omitted=findings.omitted,
    )


def _key(checkpoints: Sequence[Document]) -> str | None:
    """Return the key that is to be believed: that of what was kept, else of the log's first checkpoint."""
    for one in checkpoints:
        if isinstance(one.get("public_key"), str):
            return str(one["public_key"])
    return None


def _of_checkpoints(
    checkpoints: Sequence[Document], kept: Sequence[Document], key: str | None
) -> Iterator[Finding]:
    for name, group in (("the kept checkpoint", kept), ("the checkpoint", checkpoints)):
        for one in group:
            problem = checkpoints_of.verify_error(one, key)
            if problem:
                yield Finding(FORGED, _seq(one), f"{name} at entry {_seq(one)}: {problem}")
    yield from _chained(checkpoints)
    yield from _foreign_checkpoints(checkpoints, kept)


def _foreign_checkpoints(checkpoints: Sequence[Document], kept: Sequence[Document]) -> Iterator[Finding]:
    """Hold where the kept checkpoints come from against where the log's own do, if it has any."""
    origins = {str(one.get("origin")) for one in checkpoints}
    for one in kept:
        origin = str(one.get("origin"))
        if origins and origin not in origins:
            known = " or ".join(sorted(origins))
            yield Finding(
                FOREIGN, 0, f"what was kept is a checkpoint of another log, {origin}; this is {known}"
            )


def _chained(checkpoints: Sequence[Document]) -> Iterator[Finding]:
    """Hold each checkpoint, oldest first, against what it calls its `previous`."""
    previous = ""
    for one in checkpoints:
        if one.get("previous") != previous:
            yield Finding(
                FORGED, _seq(one), f"the checkpoint at entry {_seq(one)} does not follow the one before it"
            )
        try:
            previous = checkpoints_of.fingerprint(one)
        except (KeyError, ValueError):
            return  # which its own problem has told


def _seq(checkpoint: Document) -> int:
    value = checkpoint.get("seq")
    return value if type(value) is int and value >= 0 else 0
