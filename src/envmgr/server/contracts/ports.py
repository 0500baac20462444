"""What services offer one another: each port has a local implementation (the service) and may have remote ones.

All raise leaves of `kit.problems`. `ref` names an app by id or by name. Lists are newest first and come as pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from envmgr.server.contracts.requests import (
        AppChange,
        AppNew,
        AppPut,
        DeploymentNew,
        EnvironmentChange,
        EnvironmentNew,
        EnvironmentPut,
        StatusNew,
        VersionChange,
        VersionPut,
    )
    from envmgr.server.contracts.resources import (
        App,
        AuditEntry,
        Checkpoint,
        Deployment,
        Environment,
        Lock,
        Matrix,
        StatusEntry,
        Usage,
        Version,
    )
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page, Paging


class Apps(Protocol):
    """Apps."""

    async def create(self, call: Call, new: AppNew) -> Answer[App]:
        """Make one."""
        ...

    async def get(self, call: Call, ref: str) -> App:
        """Return one."""
        ...

    async def list(self, call: Call, paging: Paging) -> Page[App]:
        """Return a page of them."""
        ...

    async def put(self, call: Call, ref: str, put: AppPut) -> App:
        """Say all of one."""
        ...

    async def change(self, call: Call, ref: str, change: AppChange) -> App:
        """Say some of one."""
        ...

    async def delete(self, call: Call, ref: str, *, force: bool) -> None:
        """Remove one."""
        ...


class Versions(Protocol):
    """Versions and their toolchains."""

    async def create(self, call: Call, app: str, tag: str, new: VersionPut) -> Answer[Version]:
        """Make one."""
        ...

    async def put(self, call: Call, app: str, tag: str, put: VersionPut) -> Answer[Version]:
        """Register a version, or find it there with the same content; other content is `ContentMismatch`."""
        ...

    async def get(self, call: Call, version_id: int) -> Version:
        """Return one."""
        ...

    async def find(self, call: Call, app: str, tag: str) -> Version:
        """Return the version of an app by its tag."""
        ...

    async def lock(self, call: Call, version_id: int) -> Lock:
        """Return the lock it was built with."""
        ...

    async def list(self, call: Call, paging: Paging) -> Page[Version]:
        """Return a page of them."""
        ...

    async def replace(self, call: Call, version_id: int, put: VersionPut) -> Version:
        """Say all of one; what was built must stay the same."""
        ...

    async def change(self, call: Call, version_id: int, change: VersionChange) -> Version:
        """Say some of one."""
        ...

    async def delete(self, call: Call, version_id: int) -> None:
        """Remove one."""
        ...

    async def usage(self, call: Call, tool: str, spec: str, environment: str | None, paging: Paging) -> Usage:
        """Tell which deployed versions a range of a tool touches."""
        ...


class Leave(Struct, frozen=True):
    """In how many places something stands that is to be deleted; where it may be, the number of the note of that."""

    places: int
    note: int | None = None


class Deployments(Protocol):
    """Deployments, environments, and what stands where."""

    async def create(self, call: Call, new: DeploymentNew) -> Answer[Deployment]:
        """Make one."""
        ...

    async def get(self, call: Call, deployment_id: int) -> Deployment:
        """Return one."""
        ...

    async def list(self, call: Call, paging: Paging) -> Page[Deployment]:
        """Return a page of them."""
        ...

    async def advance(self, call: Call, deployment_id: int, new: StatusNew) -> Answer[StatusEntry]:
        """Take one a step further."""
        ...

    async def put(self, call: Call, deployment_id: int, new: StatusNew) -> Deployment:
        """Say all of one."""
        ...

    async def statuses(self, call: Call, deployment_id: int, paging: Paging) -> Page[StatusEntry]:
        """Return a page of its history."""
        ...

    async def delete(self, call: Call, deployment_id: int) -> None:
        """Remove one."""
        ...

    async def leave(
        self, call: Call, *, app_id: int | None = None, version_id: int | None = None, force: bool = False
    ) -> Leave:
        """Deploy an app or a version no more: it is about to be deleted. Where it stands, only by force."""
        ...

    async def stay(self, call: Call, leave: Leave) -> None:
        """Deploy it again: it was not deleted."""
        ...

    async def told(self, call: Call) -> int:
        """Return the number of the newest event that was told: who has all up to it knows what stands where."""
        ...

    async def environments(self, call: Call, paging: Paging) -> Page[Environment]:
        """Return a page of environments."""
        ...

    async def environment(self, call: Call, name: str) -> Environment:
        """Return an environment."""
        ...

    async def create_environment(self, call: Call, new: EnvironmentNew) -> Answer[Environment]:
        """Make an environment."""
        ...

    async def put_environment(self, call: Call, name: str, put: EnvironmentPut) -> Answer[Environment]:
        """Say all of an environment, new or not."""
        ...

    async def change_environment(self, call: Call, name: str, change: EnvironmentChange) -> Environment:
        """Say some of an environment."""
        ...

    async def delete_environment(self, call: Call, name: str) -> None:
        """Remove an environment that nothing was ever deployed to."""
        ...

    async def matrix(self, call: Call, environment: str | None) -> Matrix:
        """Return what stands where."""
        ...


class Audit(Protocol):
    """The audit log: it only grows."""

    async def list(
        self, call: Call, paging: Paging, since: int | None, until: int | None
    ) -> Page[AuditEntry]:
        """Return a page of entries, of a span of time (milliseconds since 1970)."""
        ...

    async def get(self, call: Call, seq: int) -> AuditEntry:
        """Return one."""
        ...

    async def newest(self, call: Call, limit: int) -> Sequence[AuditEntry]:
        """Return the newest entries, newest first."""
        ...

    async def checkpoints(self, call: Call, paging: Paging) -> Page[Checkpoint]:
        """Return a page of checkpoints."""
        ...

    async def checkpoint(self, call: Call) -> Answer[Checkpoint]:
        """Sign where the chain stands now."""
        ...

    def follow(self, call: Call, after: int | None) -> AsyncIterator[AuditEntry]:
        """Give what comes after an entry, as it comes; without one, what comes from now on."""
        ...


class Security(Protocol):
    """Takes note of what was refused, and of who came in."""

    async def record(self, type_: str, actor: str, subject: str, data: Mapping[str, object]) -> None:
        """Write down that something happened."""
        ...
