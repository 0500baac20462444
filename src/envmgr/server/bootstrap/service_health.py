"""Readiness checks and gauges of one service in a process of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from envmgr.server.bootstrap.databases import expected_revisions
from envmgr.server.bootstrap.health import audit_gauges, event_gauges
from envmgr.server.bootstrap.older_copy_guard import RESTORE_HINT
from envmgr.server.kit.common.problems import Problem, ServiceUnavailable
from envmgr.server.kit.http.health import Check, Health
from envmgr.server.kit.runtime import health_checks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from envmgr.server.bootstrap.peers import Peers
    from envmgr.server.bootstrap.service_parts import ServiceParts
    from envmgr.server.kit.grpc.channel import PeerChannel
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.messaging.consumer_lag import ConsumerLag
    from envmgr.server.kit.telemetry.metrics import Metrics


def create_service_health(
    parts: ServiceParts,
    bus: Bus,
    peers: Peers,
    lag: ConsumerLag,
    metrics: Metrics,
    find_missing: Callable[[], Awaitable[Sequence[str]]],
) -> Health:
    """Return the readiness checks and gauges of a service.

    `find_missing` returns what the database lacks of what the peers that were reached have recorded.
    """
    module = parts.module
    databases = {module.name: module.database}
    health = Health(
        metrics,
        checks=[
            health_checks.database_check(databases),
            health_checks.migration_check(databases, expected_revisions(), f" --service {module.name}"),
            Check("bus", bus.check),
            health_checks.event_backlog_check([module], lag, parts.background.problems),
            Check("consistency", partial(_consistency, find_missing, peers)),
            peer_check(parts.required_peers, peers),
        ],
        gauges=[
            health_checks.backlog_gauges(metrics, [module], lag),
            health_checks.pool_gauges(metrics, databases),
            partial(_breaker_gauges, peers, metrics),
        ],
    )
    if parts.truncation_check is not None:
        health.checks.append(Check("audit", parts.truncation_check.status))
        health.gauges.append(partial(audit_gauges, parts.truncation_check, metrics))
    if parts.worker is not None:
        health.gauges.append(partial(event_gauges, parts.worker, metrics))
    return health


async def _consistency(find_missing: Callable[[], Awaitable[Sequence[str]]], peers: Peers) -> str:
    if missing := await find_missing():
        raise ServiceUnavailable("; ".join([*missing, RESTORE_HINT]))
    if unknown := peers.event_states.unknown:
        return f"not compared yet with {', '.join(unknown)}"
    return "of one time with all other databases"


def peer_check(required: Collection[str], peers: Peers) -> Check:
    """Return the check of the peers: that required ones answer, and not all refuse this service."""
    return Check("peers", partial(_peers, required, peers))


async def _peers(required: Collection[str], peers: Peers) -> str:
    channels = list(peers.channels.values())
    problems = await asyncio.gather(*map(_problem_of, channels))
    away = {channel.peer: problem for channel, problem in zip(channels, problems, strict=True) if problem}
    refusals = {peer: refusal for peer, refusal in peers.event_states.refusals.items() if peer not in away}
    # Where all that answer refuse this service, the fault is its own: without the gateway it can serve no request.
    is_refused = bool(refusals) and len(refusals) == len(channels) - len(away)
    faults = away | refusals
    if serious := [fault for peer, fault in faults.items() if peer in required or is_refused]:
        raise ServiceUnavailable("; ".join(serious))
    return "; ".join(faults.values()) if faults else f"{len(channels)} services reachable"


async def _breaker_gauges(peers: Peers, metrics: Metrics) -> None:
    metrics.set_gauge(
        "alm_circuit_breaker_open",
        "1 if calls of the service are refused after repeated failures, until one succeeds.",
        "peer",
        {name: int(channel.breaker.state != "closed") for name, channel in peers.channels.items()},
    )


async def _problem_of(channel: PeerChannel) -> str:
    try:
        await channel.check()
    except Problem as problem:
        return problem.detail.removesuffix("; retry")
    return ""
