"""Composition of the audit service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.audit.api.audit_log import routes
from envmgr.server.audit.event_handlers import subscriptions
from envmgr.server.audit.service.audit_service import AuditService
from envmgr.server.audit.service.checkpoint_jobs import PUBLISH_KIND, publish_handler
from envmgr.server.audit.service.signing_key import configured_key, private_key
from envmgr.server.audit.store import HEAD
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.partitions_job import partitions_job
from envmgr.server.kit.runtime.service_module import ScheduledJob, ServiceModule, cleanup_job

if TYPE_CHECKING:
    from envmgr.server.audit.service.checkpoint_destinations import CheckpointDestination
    from envmgr.server.kit.db.sql import Database

NAME = "audit"
POLICY = RequestPolicy()
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "entry"
"""A table that only this service's database has, in each revision."""
CHECKPOINT_CHECK_INTERVAL_SECONDS = 60.0
"""Seconds between checks whether a checkpoint is due."""
__all__ = [
    "HEAD",
    "MIGRATIONS",
    "NAME",
    "OWN_TABLE",
    "POLICY",
    "configured_key",
    "make",
    "module",
    "private_key",
]


def make(database: Database, key: bytes, destination: CheckpointDestination | None = None) -> AuditService:
    """Create the service; `key` signs its checkpoints (see `private_key`), which jobs publish."""
    return AuditService(database, key, destination)


def module(database: Database, audit: AuditService) -> ServiceModule:
    """Create what runs it."""
    destination = audit.checkpoint_destination
    dead_letters = DeadLetters(database, NAME)
    return ServiceModule(
        name=NAME,
        routes=routes(audit),
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=dead_letters,
        subscriptions=subscriptions(audit, dead_letters),
        jobs=[
            cleanup_job(NAME, database),
            partitions_job(NAME, database),
            ScheduledJob(f"{NAME}-checkpoint", CHECKPOINT_CHECK_INTERVAL_SECONDS, audit.checkpoint_if_due),
        ],
        job_handlers={PUBLISH_KIND: publish_handler(destination)} if destination else {},
        begin_shutdown=audit.close_streams,
        close=audit.checkpoint_if_changed,
    )
