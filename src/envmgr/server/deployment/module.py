"""Composition of the deployment service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.contracts.projections import MATRIX_KIND, USAGE_KIND
from envmgr.server.deployment.api.deployments import routes
from envmgr.server.deployment.event_handlers import subscriptions
from envmgr.server.deployment.service import auto_deploy
from envmgr.server.deployment.service.deployment_service import DeploymentService
from envmgr.server.deployment.service.rebuild import rebuild_matrix, republish_placements
from envmgr.server.deployment.store.deployment_rows import HEAD
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.jobs.batch_job import batch_handler
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.partitions_job import partitions_job
from envmgr.server.kit.runtime.service_module import ServiceModule, cleanup_job

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.deployments import Deployments
    from envmgr.server.contracts.ports.versions import Versions
    from envmgr.server.kit.db.sql import Database

NAME = "deployment"
POLICY = RequestPolicy()
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "deployment"
"""A table that only this service's database has, in each revision."""
__all__ = ["HEAD", "MIGRATIONS", "NAME", "OWN_TABLE", "POLICY", "make", "module"]


def make(database: Database, versions: Versions, apps: Apps) -> DeploymentService:
    """Create the service."""
    return DeploymentService(database, versions, apps)


def module(database: Database, deployments: Deployments) -> ServiceModule:
    """Create what runs it."""
    dead_letters = DeadLetters(database, NAME)
    return ServiceModule(
        name=NAME,
        routes=routes(deployments),
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=dead_letters,
        subscriptions=subscriptions(database, dead_letters),
        job_handlers={
            MATRIX_KIND: batch_handler(database, rebuild_matrix),
            USAGE_KIND: batch_handler(database, republish_placements),
        },
        job_units={auto_deploy.KIND: auto_deploy.run},
        jobs=[cleanup_job(NAME, database), partitions_job(NAME, database)],
    )
