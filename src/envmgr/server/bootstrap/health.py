"""Readiness checks and gauges of an embedded server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.bootstrap.databases import OLDER_COPY_HINT, expected_revisions
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.http.health import Check, Health
from envmgr.server.kit.runtime import health_checks

if TYPE_CHECKING:
    from envmgr.server.audit.service.truncation_check import TruncationCheck
    from envmgr.server.bootstrap.backend import DatabaseBackend
    from envmgr.server.bootstrap.composition import Services
    from envmgr.server.contracts.ports.worker import WorkerState
    from envmgr.server.kit.telemetry.metrics import Metrics


def create_health(services: Services, backend: DatabaseBackend, metrics: Metrics) -> Health:
    """Return the readiness checks and gauges of a server."""
    databases, modules, worker = services.databases, services.modules, services.worker
    return Health(
        metrics,
        checks=[
            *backend.checks(),
            health_checks.database_check(databases),
            health_checks.migration_check(databases, expected_revisions()),
            Check("bus", services.bus.check),
            health_checks.event_backlog_check(modules, services.consumer_lag, worker.problems),
            Check("consistency", partial(_consistency, services)),
            Check("audit", services.truncation_check.status),
        ],
        gauges=[
            health_checks.backlog_gauges(metrics, modules, services.consumer_lag),
            health_checks.pool_gauges(metrics, databases),
            partial(audit_gauges, services.truncation_check, metrics),
            partial(event_gauges, worker, metrics),
        ],
    )


async def _consistency(services: Services) -> str:
    if older := await services.older_copies():
        raise ServiceUnavailable(f"{'; '.join(older)}; {OLDER_COPY_HINT}")
    return "all databases of one time"


async def audit_gauges(truncation_check: TruncationCheck, metrics: Metrics) -> None:
    """Set the gauges of the audit log."""
    condition = await truncation_check.inspect()
    result, cut = condition.stats, bool(condition.truncations)
    metrics.set_gauge("alm_audit_truncated", "1 if the audit log has been truncated.", "", {"": int(cut)})
    metrics.set_gauge("alm_audit_entries", "Entries of the audit log.", "", {"": result.last_seq})
    metrics.set_gauge(
        "alm_audit_signed_entries",
        "Entries covered by the latest checkpoint.",
        "",
        {"": result.signed_seq},
    )
    metrics.set_gauge(
        "alm_audit_missing_events",
        "Gaps in the event sequence.",
        "service",
        await truncation_check.missing_events(result),
    )


async def event_gauges(worker: WorkerState, metrics: Metrics) -> None:
    """Set the gauge of the events that the worker has counted."""
    metrics.set_gauge("alm_events_recorded", "Distinct events recorded.", "type", await worker.event_counts())
