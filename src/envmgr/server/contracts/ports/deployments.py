"""The port of the deployment service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from envmgr.server.contracts.requests import (
        DeploymentCreate,
        EnvironmentCreate,
        EnvironmentPatch,
        EnvironmentPut,
        StatusCreate,
    )
    from envmgr.server.contracts.resources import Deployment, Environment, Matrix, StatusEntry
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result


class DeletionHold(Struct, frozen=True):
    """A hold on an app or a version that is being deleted; `hold_id` is None where it was refused."""

    active_placements: int
    hold_id: int | None = None


class Deployments(Protocol):
    """The deployment service: deployments, environments and their matrix."""

    async def create(self, context: RequestContext, new: DeploymentCreate) -> Result[Deployment]:
        """Create a deployment."""
        ...

    async def get(self, context: RequestContext, deployment_id: int) -> Deployment:
        """Return a deployment."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Deployment]:
        """Return a page of deployments."""
        ...

    async def add_status(
        self, context: RequestContext, deployment_id: int, new: StatusCreate
    ) -> Result[StatusEntry]:
        """Add a status transition."""
        ...

    async def set_status(self, context: RequestContext, deployment_id: int, new: StatusCreate) -> Deployment:
        """Set the status; a repeated call changes nothing."""
        ...

    async def list_statuses(
        self, context: RequestContext, deployment_id: int, paging: PageRequest
    ) -> Page[StatusEntry]:
        """Return a page of a deployment's statuses."""
        ...

    async def delete(self, context: RequestContext, deployment_id: int) -> None:
        """Delete a deployment that is neither current nor active."""
        ...

    async def begin_deletion(
        self,
        context: RequestContext,
        *,
        app_id: int | None = None,
        version_id: int | None = None,
        force: bool = False,
    ) -> DeletionHold:
        """Block new deployments of an app or a version; if it is deployed, only with `force`."""
        ...

    async def cancel_deletion(self, context: RequestContext, hold: DeletionHold) -> None:
        """Release a hold: the app or version was not deleted."""
        ...

    async def latest_sequence(self, context: RequestContext) -> int:
        """Return the sequence of the newest event of this service."""
        ...

    async def list_environments(self, context: RequestContext, paging: PageRequest) -> Page[Environment]:
        """Return a page of environments."""
        ...

    async def get_environment(self, context: RequestContext, name: str) -> Environment:
        """Return an environment."""
        ...

    async def create_environment(
        self, context: RequestContext, new: EnvironmentCreate
    ) -> Result[Environment]:
        """Create an environment."""
        ...

    async def replace_environment(
        self, context: RequestContext, name: str, put: EnvironmentPut
    ) -> Result[Environment]:
        """Create or replace an environment."""
        ...

    async def update_environment(
        self, context: RequestContext, name: str, change: EnvironmentPatch
    ) -> Environment:
        """Update an environment."""
        ...

    async def delete_environment(self, context: RequestContext, name: str) -> None:
        """Delete an environment without deployments."""
        ...

    async def matrix(self, context: RequestContext, environment: str | None) -> Matrix:
        """Return the current deployment of every app in every environment."""
        ...
