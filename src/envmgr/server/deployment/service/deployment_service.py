"""Use cases of deployments and environments: one unit of work each, events included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from envmgr.server.contracts.ports.deployments import DeletionHold
from envmgr.server.contracts.resources import Deployment, Environment, StatusEntry
from envmgr.server.deployment.domain import deployment_model, environment_rules
from envmgr.server.deployment.service import environments, transitions
from envmgr.server.deployment.service.matrix import matrix
from envmgr.server.deployment.store import deletion_holds, deployment_rows, environment_rows, placements
from envmgr.server.kit.common.context import system_context
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.db.authorization import with_authorization
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.kit.messaging.outbox import latest_sequence

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.versions import Versions
    from envmgr.server.contracts.requests import (
        DeploymentCreate,
        EnvironmentCreate,
        EnvironmentPatch,
        EnvironmentPut,
        StatusCreate,
    )
    from envmgr.server.contracts.resources import Matrix
    from envmgr.server.deployment.domain.deployment_model import DeploymentRecord
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class DeploymentService:
    """Deployments and environments in this process (implements `contracts.ports.Deployments`)."""

    def __init__(self, database: Database, versions: Versions, apps: Apps) -> None:
        self._database = database
        self._versions = versions
        self._apps = apps

    async def create(self, context: RequestContext, new: DeploymentCreate) -> Result[Deployment]:
        """Create a deployment, and its environment on first use."""
        version = await self._versions.get(replace(context, idempotency=None, if_match=None), new.version_id)
        # Events may take longer than a deletion hold lasts; the version's service has checked the caller's access.
        await self._apps.get(system_context("deployment", context.traceparent), str(version.app_id))
        request = deployment_model.DeploymentRequest(
            version.id,
            version.app_id,
            version.app,
            version.tag,
            new.environment,
            new.reason,
            deployment_model.initiator(context),
        )

        def create(transaction: Transaction) -> Deployment:
            resolved = transitions.resolve_request(transaction, request)
            if resolved is None:
                raise deployment_model.version_not_found(request.version_id)
            return transitions.create(transaction, resolved)

        return await self._database.write(
            with_authorization(context, idempotent(context, Deployment, create))
        )

    async def get(self, context: RequestContext, deployment_id: int) -> Deployment:
        """Return a deployment."""
        return await self._database.read_inline(
            lambda reader: _get(reader, context, deployment_id).deployment
        )

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Deployment]:
        """Return a page of deployments; raise NotFound if the filter `app` names an unknown app."""
        if "app" in paging.filters:
            owner = await self._apps.get(context, str(paging.filters["app"]))
            paging = paging.with_filters(app=owner.id)

        def read_page(reader: Reader) -> Page[Deployment]:
            visible = placements.visible_apps(reader, context.principal)
            return deployment_rows.page(reader, _with_current_name(reader, paging), visible)

        return await self._database.read(read_page)

    async def add_status(
        self, context: RequestContext, deployment_id: int, new: StatusCreate
    ) -> Result[StatusEntry]:
        """Add a status to a deployment."""

        def add(transaction: Transaction) -> StatusEntry:
            record = _get(transaction, context, deployment_id)
            require_match(context, etag_of(record.deployment))
            return transitions.transition(transaction, record, new, deployment_model.initiator(context))[1]

        return await self._database.write(with_authorization(context, idempotent(context, StatusEntry, add)))

    async def set_status(self, context: RequestContext, deployment_id: int, new: StatusCreate) -> Deployment:
        """Set a deployment's status; a repeated call changes nothing."""

        def set_new(transaction: Transaction) -> Deployment:
            record = _get(transaction, context, deployment_id)
            require_match(context, etag_of(record.deployment))
            if deployment_model.is_noop(record.deployment, new):
                return record.deployment
            return transitions.transition(transaction, record, new, deployment_model.initiator(context))[0]

        return await self._database.write(with_authorization(context, set_new))

    async def list_statuses(
        self, context: RequestContext, deployment_id: int, paging: PageRequest
    ) -> Page[StatusEntry]:
        """Return a page of a deployment's history."""

        def read_page(reader: Reader) -> Page[StatusEntry]:
            _get(reader, context, deployment_id)
            return deployment_rows.statuses(reader, deployment_id, paging)

        return await self._database.read(read_page)

    async def delete(self, context: RequestContext, deployment_id: int) -> None:
        """Delete an inactive, superseded deployment."""

        def delete(transaction: Transaction) -> None:
            record = _get(transaction, context, deployment_id)
            require_match(context, etag_of(record.deployment))
            transitions.delete(transaction, record, deployment_model.initiator(context))

        await self._database.write(with_authorization(context, delete))

    async def begin_deletion(
        self,
        context: RequestContext,
        *,
        app_id: int | None = None,
        version_id: int | None = None,
        force: bool = False,
    ) -> DeletionHold:
        """Block new deployments of an app or a version; if it is deployed, only with `force`."""

        def place_hold(transaction: Transaction) -> DeletionHold:
            active = _active_placements(transaction, app_id, version_id)
            if active and not force:
                return DeletionHold(active)
            return DeletionHold(
                active, deletion_holds.place_hold(transaction, app_id=app_id, version_id=version_id)
            )

        return await self._database.write(with_authorization(context, place_hold))

    async def cancel_deletion(self, context: RequestContext, hold: DeletionHold) -> None:  # noqa: ARG002 - the hold is the authorization
        """Release a hold: the app or version was not deleted."""
        hold_id = hold.hold_id
        if hold_id is not None:
            await self._database.write(lambda transaction: deletion_holds.release_hold(transaction, hold_id))

    async def list_environments(self, context: RequestContext, paging: PageRequest) -> Page[Environment]:
        """Return a page of environments."""
        return await self._database.read(
            lambda reader: environment_rows.page(
                reader, paging, placements.visible_names(reader, context.principal)
            )
        )

    async def get_environment(self, context: RequestContext, name: str) -> Environment:
        """Return an environment."""

        def unit(reader: Reader) -> Environment:
            names = placements.visible_names(reader, context.principal)
            return environment_rules.visible_with(environments.get(reader, name), names)

        return await self._database.read_inline(unit)

    async def create_environment(
        self, context: RequestContext, new: EnvironmentCreate
    ) -> Result[Environment]:
        """Create an environment."""
        _validate_rules(context, new)
        return await self._database.write(
            with_authorization(
                context,
                idempotent(
                    context,
                    Environment,
                    lambda transaction: environments.create(transaction, context, new.name, new),
                ),
            )
        )

    async def replace_environment(
        self, context: RequestContext, name: str, put: EnvironmentPut
    ) -> Result[Environment]:
        """Create or replace an environment."""
        _validate_rules(context, put)
        return await self._database.write(
            with_authorization(
                context, lambda transaction: environments.upsert(transaction, context, name, put)
            )
        )

    async def update_environment(
        self, context: RequestContext, name: str, change: EnvironmentPatch
    ) -> Environment:
        """Update an environment."""
        _validate_rules(context, change)
        return await self._database.write(
            with_authorization(
                context, lambda transaction: environments.change(transaction, context, name, change)
            )
        )

    async def delete_environment(self, context: RequestContext, name: str) -> None:
        """Delete an environment without deployment history."""
        environment_rules.require_all_apps(context.principal)
        await self._database.write(
            with_authorization(context, lambda transaction: environments.remove(transaction, context, name))
        )

    async def matrix(self, context: RequestContext, environment: str | None) -> Matrix:
        """Return the deployment matrix."""
        return await self._database.read(lambda reader: matrix(reader, context.principal, environment))

    async def latest_sequence(self, context: RequestContext) -> int:  # noqa: ARG002 - not restricted by access
        """Return the sequence of the newest event."""
        return await latest_sequence(self._database)


def _with_current_name(reader: Reader, paging: PageRequest) -> PageRequest:
    """Return a page request whose filter has the environment's name as it was first written."""
    name = paging.filters.get("environment")
    environment = None if name is None else environment_rows.find(reader, str(name))
    return paging if environment is None else paging.with_filters(environment=environment.name)


def _get(reader: Reader, context: RequestContext, deployment_id: int) -> DeploymentRecord:
    record = deployment_rows.find(reader, deployment_id)
    if record is None or not _is_visible(reader, context, record.deployment):
        raise deployment_model.deployment_not_found(deployment_id)
    return record


def _is_visible(reader: Reader, context: RequestContext, deployment: Deployment) -> bool:
    """Return whether the caller may see a deployment; those of deleted apps require access to all apps."""
    if context.principal.apps is None:
        return True
    return context.principal.can_access(deployment.app_id) and placements.is_visible(
        reader, deployment.app_id
    )


def _active_placements(reader: Reader, app_id: int | None, version_id: int | None) -> int:
    of_app = 0 if app_id is None else placements.count_active_for_app(reader, app_id)
    return of_app if version_id is None else placements.count_active_for_version(reader, version_id)


def _validate_rules(context: RequestContext, change: EnvironmentPut | EnvironmentPatch) -> None:
    environment_rules.require_all_apps(context.principal)
    if change.rules is not UNSET:
        environment_rules.validate(change.rules)
