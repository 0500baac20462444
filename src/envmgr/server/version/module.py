"""Composition of the version service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.service_module import ServiceModule, cleanup_job
from envmgr.server.version.api.versions import POLICY, routes
from envmgr.server.version.event_handlers import subscriptions
from envmgr.server.version.service.version_service import VersionService
from envmgr.server.version.store.version_rows import HEAD

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.contracts.ports.versions import Versions
    from envmgr.server.kit.db.sql import Database

NAME = "version"
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "version"
"""A table that only this service's database has, in each revision."""
__all__ = ["HEAD", "MIGRATIONS", "NAME", "OWN_TABLE", "POLICY", "make", "module"]


def make(database: Database, apps: Apps) -> VersionService:
    """Create the service."""
    return VersionService(database, apps)


def module(database: Database, versions: Versions, deployments: Deployments) -> ServiceModule:
    """Create what runs it."""
    dead_letters = DeadLetters(database, NAME)
    return ServiceModule(
        name=NAME,
        routes=routes(versions, deployments),
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=dead_letters,
        subscriptions=subscriptions(database, dead_letters),
        jobs=[cleanup_job(NAME, database)],
    )
