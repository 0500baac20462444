"""Security events: denials, recorded in the gateway's outbox before the response is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events.identity import AccessDenied
from envmgr.server.gateway.domain import identity_model
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.security.redaction import redact

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.telemetry.request_info import RequestInfo

_REPORTED_ELSEWHERE = frozenset({"invalid-credentials", "refresh-token-reused"})
"""Problems with events of their own."""
_MAX_FIELD_CHARS = 200


class SecurityEventLog:
    """Recorder of denied requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_denial(self, info: RequestInfo, status: int) -> None:
        """Record a denied request."""
        if info.problem in _REPORTED_ELSEWHERE:
            return
        actor = info.actor or identity_model.ANONYMOUS
        data = AccessDenied(
            method=info.method[:_MAX_FIELD_CHARS],
            path=redact(_escape_unprintable(info.path[:_MAX_FIELD_CHARS])),
            status=status,
            problem=info.problem,
            reason=redact(_escape_unprintable(info.reason[:_MAX_FIELD_CHARS])),
            address=info.client,
            request_id=info.request_id,
        )
        event = DomainEvent(subject=f"access/{actor}", data=data, actor=actor, traceparent=info.traceparent)
        await self._database.write(lambda transaction: transaction.emit(event))


def _escape_unprintable(text: str) -> str:
    """Return a text with unprintable characters percent-encoded."""
    return "".join(c if c.isprintable() else f"%{ord(c):02X}" for c in text)
