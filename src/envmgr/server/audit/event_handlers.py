"""What the audit does about events: it writes down every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events import ALL_EVENTS

if TYPE_CHECKING:
    from envmgr.server.audit.service.audit_service import AuditService
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "audit-log"


def subscriptions(service: AuditService, dead_letters: DeadLetters) -> list[Subscription]:
    """Subscribe to everything, in batches as they come: each is one transaction."""
    return [dead_letters.subscription(CONSUMER, [ALL_EVENTS], service.append)]
