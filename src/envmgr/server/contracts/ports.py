"""What services offer one another: each port has a local implementation (the service) and may have remote ones.

All raise leaves of `kit.problems`. `ref` names an app by id or by name. Lists are newest first and come as pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from envmgr.server.contracts.requests import (
        AppCreate,
        AppPatch,
        AppPut,
        DeploymentCreate,
        EnvironmentCreate,
        EnvironmentPatch,
        EnvironmentPut,
        StatusCreate,
        VersionPatch,
        VersionPut,
    )
    from envmgr.server.contracts.resources import (
        App,
        AuditEntry,
        Checkpoint,
        Deployment,
        Environment,
        LockFile,
        Matrix,
        StatusEntry,
        Usage,
        Version,
    )
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result


class Apps(Protocol):
    """Apps."""

    async def create(self, context: RequestContext, new: AppCreate) -> Result[App]:
        """Make one."""
        ...

    async def get(self, context: RequestContext, ref: str) -> App:
        """Return one."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[App]:
        """Return a page of them."""
        ...

    async def replace(self, context: RequestContext, ref: str, put: AppPut) -> App:
        """Say all of one."""
        ...

    async def update(self, context: RequestContext, ref: str, change: AppPatch) -> App:
        """Say some of one."""
        ...

    async def delete(self, context: RequestContext, ref: str, *, force: bool) -> None:
        """Remove one."""
        ...


class Versions(Protocol):
    """Versions and their toolchains."""

    async def create(self, context: RequestContext, app: str, tag: str, new: VersionPut) -> Result[Version]:
        """Make one."""
        ...

    async def upsert(self, context: RequestContext, app: str, tag: str, put: VersionPut) -> Result[Version]:
        """Register a version, or find it there with the same content; other content is `ContentMismatch`."""
        ...

    async def get(self, context: RequestContext, version_id: int) -> Version:
        """Return one."""
        ...

    async def find(self, context: RequestContext, app: str, tag: str) -> Version:
        """Return the version of an app by its tag."""
        ...

    async def lock(self, context: RequestContext, version_id: int) -> LockFile:
        """Return the lock it was built with."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Version]:
        """Return a page of them."""
        ...

    async def replace(self, context: RequestContext, version_id: int, put: VersionPut) -> Version:
        """Say all of one; what was built must stay the same."""
        ...

    async def update(self, context: RequestContext, version_id: int, change: VersionPatch) -> Version:
        """Say some of one."""
        ...

    async def delete(self, context: RequestContext, version_id: int) -> None:
        """Remove one."""
        ...

    async def usage(
        self, context: RequestContext, tool: str, spec: str, environment: str | None, paging: PageRequest
    ) -> Usage:
        """Tell which deployed versions a range of a tool touches."""
        ...


class DeletionHold(Struct, frozen=True):
    """In how many places something stands that is to be deleted; where it may be, the number of the note of that."""

    active_placements: int
    hold_id: int | None = None


class Deployments(Protocol):
    """Deployments, environments, and what stands where."""

    async def create(self, context: RequestContext, new: DeploymentCreate) -> Result[Deployment]:
        """Make one."""
        ...

    async def get(self, context: RequestContext, deployment_id: int) -> Deployment:
        """Return one."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Deployment]:
        """Return a page of them."""
        ...

    async def add_status(
        self, context: RequestContext, deployment_id: int, new: StatusCreate
    ) -> Result[StatusEntry]:
        """Take one a step further."""
        ...

    async def set_status(self, context: RequestContext, deployment_id: int, new: StatusCreate) -> Deployment:
        """Say all of one."""
        ...

    async def list_statuses(
        self, context: RequestContext, deployment_id: int, paging: PageRequest
    ) -> Page[StatusEntry]:
        """Return a page of its history."""
        ...

    async def delete(self, context: RequestContext, deployment_id: int) -> None:
        """Remove one."""
        ...

    async def begin_deletion(
        self,
        context: RequestContext,
        *,
        app_id: int | None = None,
        version_id: int | None = None,
        force: bool = False,
    ) -> DeletionHold:
        """Deploy an app or a version no more: it is about to be deleted. Where it stands, only by force."""
        ...

    async def cancel_deletion(self, context: RequestContext, hold: DeletionHold) -> None:
        """Deploy it again: it was not deleted."""
        ...

    async def latest_sequence(self, context: RequestContext) -> int:
        """Return the number of the newest event that was told: who has all up to it knows what stands where."""
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
        """Make an environment."""
        ...

    async def replace_environment(
        self, context: RequestContext, name: str, put: EnvironmentPut
    ) -> Result[Environment]:
        """Say all of an environment, new or not."""
        ...

    async def update_environment(
        self, context: RequestContext, name: str, change: EnvironmentPatch
    ) -> Environment:
        """Say some of an environment."""
        ...

    async def delete_environment(self, context: RequestContext, name: str) -> None:
        """Remove an environment that nothing was ever deployed to."""
        ...

    async def matrix(self, context: RequestContext, environment: str | None) -> Matrix:
        """Return what stands where."""
        ...


class Audit(Protocol):
    """The audit log: it only grows."""

    async def list(
        self, context: RequestContext, paging: PageRequest, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries, of a span of time (milliseconds since 1970)."""
        ...

    async def get(self, context: RequestContext, seq: int) -> AuditEntry:
        """Return one."""
        ...

    async def newest(self, context: RequestContext, limit: int) -> Sequence[AuditEntry]:
        """Return the newest entries, newest first."""
        ...

    async def checkpoints(self, context: RequestContext, paging: PageRequest) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        ...

    async def checkpoint(self, context: RequestContext) -> Result[Checkpoint]:
        """Sign where the chain stands now."""
        ...

    def follow(self, context: RequestContext, after: int | None) -> AsyncIterator[AuditEntry]:
        """Give what comes after an entry, as it comes; without one, what comes from now on."""
        ...


class SecurityEvents(Protocol):
    """Takes note of what was refused, and of who came in."""

    async def record(self, type_: str, actor: str, subject: str, data: Mapping[str, object]) -> None:
        """Write down that something happened."""
        ...
