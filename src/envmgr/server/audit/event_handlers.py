"""Event handlers of the audit log: every event becomes an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.audit.store import CONSUMER
from envmgr.server.contracts.events import ALL_EVENTS

if TYPE_CHECKING:
    from envmgr.server.audit.service.audit_service import AuditService
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters


def subscriptions(service: AuditService, dead_letters: DeadLetters) -> list[Subscription]:
    """Return the subscription to all events, one transaction a batch."""
    return [dead_letters.subscription(CONSUMER, [ALL_EVENTS], service.append)]
