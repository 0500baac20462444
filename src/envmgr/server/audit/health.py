"""How the audit is, for readiness and for metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.kit.health import Check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from envmgr.server.audit.service import AuditService
    from envmgr.server.kit.metrics import Metrics


def check(audit: AuditService) -> Check:
    """Make the check of the log. A gap is told and does not make the server unready: what it lacks may yet come."""

    async def look() -> str:
        vitals = await audit.vitals()
        gaps = [f"{count} of {service}" for service, count in vitals.missing.items() if count]
        lacks = f"; events that have not come: {', '.join(gaps)}" if gaps else ""
        return f"{vitals.seq} entries, signed up to {vitals.signed}{lacks}"

    return Check("audit", look)


def gauge(audit: AuditService, metrics: Metrics) -> Callable[[], Awaitable[None]]:
    """Make what measures the log."""

    async def measure() -> None:
        vitals = await audit.vitals()
        metrics.show("alm_audit_entries", "Entries in the audit.", "", {"": vitals.seq})
        metrics.show("alm_audit_signed_entries", "Entries that a checkpoint covers.", "", {"": vitals.signed})
        metrics.show(
            "alm_audit_missing_events", "Events that a later one came before.", "service", vitals.missing
        )

    return measure
