"""Processes that hang under load: others take over, and nothing is doubled when they go on."""

from __future__ import annotations

import psutil
import pytest
from nats.js.errors import KeyNotFoundError

from envmgr.server.kit.db.postgresql.leadership import RELAY_LOCK
from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
CONSUMER = "audit-log"
PROBES = 8
"""Requests of which each replica gets some."""
LOCK_HOLDER = f"""
SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objid = {RELAY_LOCK} AND datname = current_database()
"""


def test_what_hanging_processes_had_to_do_is_done_by_others(loaded):
    """Of apps, the process that relays the events; of the audit log, the one that consumes them."""
    relaying = wait_until(lambda: relay_of(loaded.cluster, "app"), "no process relays")
    consuming = wait_until(lambda: consumer_in(loaded, "audit"), "no process consumes")
    with loaded.clients() as crew:
        relaying.pause()
        consuming.pause()
        try:
            wait_until(lambda: relay_of(loaded.cluster, "app") not in {relaying, None}, "no relay takes over")
            wait_until(
                lambda: consumer_in(loaded, "audit") not in {consuming, None}, "no consumer takes over"
            )
            wait_until(lambda: are_answered(loaded, "/apps", "/audits"), "calls to hanging replicas go on")
            await_writes(crew)
        finally:
            relaying.resume()
            consuming.resume()
        await_writes(crew)
    for process in (relaying, consuming):
        assert "Traceback" not in process.output


def relay_of(cluster, service):
    """Return the process that relays a service's events; None if none has the role."""
    ports = {port for (port,) in cluster.execute(service, LOCK_HOLDER)}
    return next((process for process in cluster.replicas[service] if ports & client_ports(process)), None)


def client_ports(process):
    """Return the ports of a process's connections."""
    return {connection.laddr.port for connection in psutil.Process(process.pid).net_connections("tcp")}


def consumer_in(loaded, service):
    """Return the process that consumes events for the audit log; None if none has the lease."""
    owner = loaded.ask_broker(lease_owner)
    return next((process for process in loaded.cluster.replicas[service] if owner == str(process.port)), None)


async def lease_owner(jetstream, names):
    """Return the port of the process that has the lease; empty if none has."""
    bucket = await jetstream.key_value(names.lease_bucket)
    try:
        entry = await bucket.get(CONSUMER)
    except KeyNotFoundError:
        return ""
    return entry.value.decode().rpartition(":")[2]


def are_answered(loaded, *paths):
    """Return whether requests for which a gateway calls replicas in turn succeed."""
    with loaded.cluster.gateway.wire(loaded.login(), timeout=60) as wire:
        return all(wire.ask("GET", path).status == 200 for path in paths for _ in range(PROBES))
