"""Composition of the worker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.service_module import ServiceModule, cleanup_job
from envmgr.server.worker.event_handlers import subscription
from envmgr.server.worker.service.worker import NAME, Worker
from envmgr.server.worker.store import HEAD

if TYPE_CHECKING:
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.messaging.bus import Bus
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics

POLICY = RequestPolicy()
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "event_count"
"""A table that only this service's database has, in each revision."""
__all__ = ["HEAD", "MIGRATIONS", "NAME", "OWN_TABLE", "POLICY", "make", "module"]


def make(database: Database, bus: Bus, log: Log, metrics: Metrics) -> Worker:
    """Create the worker."""
    return Worker(database, bus, log, metrics)


def module(database: Database, worker: Worker) -> ServiceModule:
    """Create what runs it."""
    return ServiceModule(
        name=NAME,
        routes=[],
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=worker.dead_letters,
        subscriptions=[subscription(database, worker.dead_letters)],
        jobs=[cleanup_job(NAME, database)],
    )
