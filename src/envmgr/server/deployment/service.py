"""The use cases of deployments and environments: each one unit of work, with its events in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from envmgr.server.contracts.ports import Leave
from envmgr.server.contracts.resources import Deployment, Environment, StatusEntry
from envmgr.server.deployment import (
    deletion_holds,
    domain,
    environment_rules,
    environments,
    placements,
    store,
    transitions,
)
from envmgr.server.deployment.matrix import matrix
from envmgr.server.kit.common.context import system
from envmgr.server.kit.common.preconditions import require_app, require_unchanged, tag_of
from envmgr.server.kit.db.idempotency import once
from envmgr.server.kit.messaging.outbox import newest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.server.contracts.ports import Apps, Versions
    from envmgr.server.contracts.requests import (
        DeploymentNew,
        EnvironmentChange,
        EnvironmentNew,
        EnvironmentPut,
        StatusNew,
    )
    from envmgr.server.contracts.resources import Matrix
    from envmgr.server.deployment.domain import Held
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class DeploymentService:
    """Deployments and environments, in this process (implements `contracts.ports.Deployments`)."""

    def __init__(self, database: Database, versions: Versions, apps: Apps) -> None:
        self._database = database
        self._versions = versions
        self._apps = apps

    async def create(self, call: Call, new: DeploymentNew) -> Answer[Deployment]:
        """Begin a deployment; its environment is made by its first use."""
        version = await self._versions.get(replace(call, idempotency=None, if_match=None), new.version_id)
        # Events may take longer than a note holds; whether the caller may touch the app is looked at below.
        await self._apps.get(system("deployment", call.traceparent), str(version.app_id))
        order = domain.Order(
            version.id, version.app_id, version.app, version.tag, new.environment, new.reason, domain.by(call)
        )

        def unit(transaction: Transaction) -> Deployment:
            known = transitions.known(transaction, order)
            if known is None:
                raise domain.unknown_version(order.version_id)
            require_app(call, known.app)
            return transitions.begin(transaction, known)

        return await self._database.write(once(call, Deployment, unit))

    async def get(self, call: Call, deployment_id: int) -> Deployment:
        """Return a deployment."""
        return await self._database.lookup(lambda reader: _get(reader, call, deployment_id).deployment)

    async def list(self, call: Call, paging: Paging) -> Page[Deployment]:
        """Return a page of deployments; the filter `app` is an app's id or name, and one that is not is NotFound."""
        if "app" in paging.filters:
            owner = await self._apps.get(call, str(paging.filters["app"]))
            paging = paging.where(app=owner.id)

        def unit(reader: Reader) -> Page[Deployment]:
            return store.page(reader, paging, placements.theirs(reader, call.principal))

        return await self._database.read(unit)

    async def advance(self, call: Call, deployment_id: int, new: StatusNew) -> Answer[StatusEntry]:
        """Take a deployment a step further."""

        def unit(transaction: Transaction) -> StatusEntry:
            held = _get(transaction, call, deployment_id)
            require_unchanged(call, tag_of(held.deployment))
            return transitions.advance(transaction, held, new, domain.by(call))[1]

        return await self._database.write(once(call, StatusEntry, unit))

    async def put(self, call: Call, deployment_id: int, new: StatusNew) -> Deployment:
        """Say what a deployment has come to; saying it again changes nothing."""

        def unit(transaction: Transaction) -> Deployment:
            held = _get(transaction, call, deployment_id)
            require_unchanged(call, tag_of(held.deployment))
            if domain.is_said_already(held.deployment, new):
                return held.deployment
            return transitions.advance(transaction, held, new, domain.by(call))[0]

        return await self._database.write(unit)

    async def statuses(self, call: Call, deployment_id: int, paging: Paging) -> Page[StatusEntry]:
        """Return a page of a deployment's history."""

        def unit(reader: Reader) -> Page[StatusEntry]:
            _get(reader, call, deployment_id)
            return store.statuses(reader, deployment_id, paging)

        return await self._database.read(unit)

    async def delete(self, call: Call, deployment_id: int) -> None:
        """Remove a deployment that is history only."""

        def unit(transaction: Transaction) -> None:
            held = _get(transaction, call, deployment_id)
            require_unchanged(call, tag_of(held.deployment))
            transitions.remove(transaction, held, domain.by(call))

        await self._database.write(unit)

    async def leave(
        self,
        call: Call,  # noqa: ARG002 - whoever asks has looked at what the caller may do
        *,
        app_id: int | None = None,
        version_id: int | None = None,
        force: bool = False,
    ) -> Leave:
        """Deploy an app or a version no more, as it is about to be deleted; but where it stands, only by force."""

        def unit(transaction: Transaction) -> Leave:
            standing = _standing(transaction, app_id, version_id)
            if standing and not force:
                return Leave(standing)
            return Leave(standing, deletion_holds.note(transaction, app_id=app_id, version_id=version_id))

        return await self._database.write(unit)

    async def stay(self, call: Call, leave: Leave) -> None:  # noqa: ARG002 - whoever asks got the number of the note
        """Take back that something leaves: it was not deleted."""
        note = leave.note
        if note is not None:
            await self._database.write(lambda transaction: deletion_holds.withdraw(transaction, note))

    async def environments(self, call: Call, paging: Paging) -> Page[Environment]:
        """Return a page of environments."""
        return await self._database.read(lambda reader: environments.page(reader, paging, call.principal))

    async def environment(self, call: Call, name: str) -> Environment:
        """Return an environment."""
        found = await self._database.lookup(lambda reader: environments.get(reader, name))
        return environment_rules.shown_to(found, call.principal)

    async def create_environment(self, call: Call, new: EnvironmentNew) -> Answer[Environment]:
        """Make an environment."""
        _require_sound(call, new)
        return await self._database.write(
            once(call, Environment, lambda transaction: environments.create(transaction, call, new.name, new))
        )

    async def put_environment(self, call: Call, name: str, put: EnvironmentPut) -> Answer[Environment]:
        """Say all of an environment, new or not."""
        _require_sound(call, put)
        return await self._database.write(lambda transaction: environments.put_(transaction, call, name, put))

    async def change_environment(self, call: Call, name: str, change: EnvironmentChange) -> Environment:
        """Say some of an environment."""
        _require_sound(call, change)
        return await self._database.write(
            lambda transaction: environments.change(transaction, call, name, change)
        )

    async def delete_environment(self, call: Call, name: str) -> None:
        """Remove an environment that nothing was ever deployed to."""
        environment_rules.require_all_apps(call.principal)
        await self._database.write(lambda transaction: environments.remove(transaction, call, name))

    async def matrix(self, call: Call, environment: str | None) -> Matrix:
        """Return what stands where."""
        return await self._database.read(lambda reader: matrix(reader, call.principal, environment))

    async def told(self, call: Call) -> int:  # noqa: ARG002 - a number, whatever the caller may see
        """Return the number of the newest event that was told."""
        return await self._database.lookup(newest)

    async def under_way(self) -> Mapping[str, int]:
        """Count the deployments that are on their way, by status."""
        return await self._database.read(store.count_active)


def _get(reader: Reader, call: Call, deployment_id: int) -> Held:
    held = store.find(reader, deployment_id)
    if held is None or not _is_for(reader, call, held.deployment):
        raise domain.unknown(deployment_id)
    require_app(call, held.deployment.app)
    return held


def _is_for(reader: Reader, call: Call, deployment: Deployment) -> bool:
    """Say whether there is a deployment, for a caller: what is left of an app that went is not of the next one."""
    if call.principal.apps is None:
        return True
    name = placements.name_of(reader, deployment.app_id, deployment.app)
    return name is not None and not deletion_holds.is_leaving(reader, deployment.app_id)


def _standing(reader: Reader, app_id: int | None, version_id: int | None) -> int:
    of_app = 0 if app_id is None else placements.count_of_app(reader, app_id)
    return of_app if version_id is None else placements.count_of_version(reader, version_id)


def _require_sound(call: Call, said: EnvironmentPut | EnvironmentChange) -> None:
    environment_rules.require_all_apps(call.principal)
    if said.rules is not UNSET:
        environment_rules.require_sound(said.rules)
