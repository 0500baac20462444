"""Writes down who was refused, in the gateway's outbox, before the refusal leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.gateway import domain
from envmgr.server.gateway.events import ACCESS_DENIED
from envmgr.server.kit.common.events import Happening
from envmgr.server.kit.security.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.telemetry.request_info import Seen

_TOLD = frozenset({"wrong-password", "refresh-reused"})
"""Refusals that have an event of their own."""
_LONGEST = 200


class SecurityLog:
    """The gateway's record of what was refused (implements `contracts.ports.Security`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, type_: str, actor: str, subject: str, data: Mapping[str, object]) -> None:
        """Write down that something happened."""
        happening = Happening(type=type_, subject=subject, data=data, actor=actor)
        await self._database.write(lambda transaction: transaction.emit(happening))

    async def denied(self, seen: Seen, status: int) -> None:
        """Write down that a request was refused."""
        if seen.problem in _TOLD:
            return
        actor = seen.actor or domain.NOBODY
        data: dict[str, object] = {
            "method": seen.method[:_LONGEST],
            "path": redacted(_plain(seen.path[:_LONGEST])),
            "status": status,
            "problem": seen.problem,
            "reason": redacted(_plain(seen.reason[:_LONGEST])),
            "address": seen.client,
            "request_id": seen.request_id,
        }
        happening = Happening(
            type=ACCESS_DENIED,
            subject=f"access/{actor}",
            data=data,
            actor=actor,
            traceparent=seen.traceparent,
        )
        await self._database.write(lambda transaction: transaction.emit(happening))


def _plain(text: str) -> str:
    """Spell out what cannot be stored or shown as it is."""
    return "".join(c if c.isprintable() else f"%{ord(c):02X}" for c in text)
