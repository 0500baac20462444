"""Composition of the app service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.app.api import routes
from envmgr.server.app.service import AppService
from envmgr.server.app.store import HEAD
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.service_module import ServiceModule, cleanup_job

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.contracts.ports.versions import Versions
    from envmgr.server.kit.db.sql import Database

NAME = "app"
POLICY = RequestPolicy()
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "app"
"""A table that only this service's database has, in each revision."""
__all__ = ["HEAD", "MIGRATIONS", "NAME", "OWN_TABLE", "POLICY", "make", "module"]


def make(database: Database) -> AppService:
    """Create the service."""
    return AppService(database)


def module(database: Database, apps: Apps, versions: Versions, deployments: Deployments) -> ServiceModule:
    """Create what runs it."""
    return ServiceModule(
        name=NAME,
        routes=routes(apps, versions, deployments),
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=DeadLetters(database, NAME),
        jobs=[cleanup_job(NAME, database)],
    )
