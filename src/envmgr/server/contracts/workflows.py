"""Use cases that span services, composed of calls to their ports, to avoid cyclic calls."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from envmgr.server.contracts.problems import AppInUse, VersionInUse
from envmgr.server.contracts.requests import VersionPut
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.common.problems import Forbidden, Problem
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.deployments import DeletionHold, Deployments
    from envmgr.server.contracts.ports.versions import ToolQuery, Versions
    from envmgr.server.contracts.requests import AppCreate
    from envmgr.server.contracts.resources import App, Usage
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest


async def create_app(apps: Apps, versions: Versions, context: RequestContext, new: AppCreate) -> Result[App]:
    """Create an app, and its first version if `new` names one.

    A repeated request with the same Idempotency-Key resumes after a failure between the two steps; once both
    are done, it returns the first result.
    """
    if new.version is not UNSET and "versions:write" not in context.principal.scopes:
        raise Forbidden("missing scope versions:write")
    result = await apps.create(context, new)
    if new.version is UNSET or result.value.version is not UNSET:
        return result
    inner = replace(context, idempotency=None)
    version = await versions.upsert(inner, str(result.value.id), new.version, VersionPut())
    app = replace(result.value, version=version.value)
    await apps.complete_creation(context, app)
    return Result(app, created=result.created, replayed=result.replayed)


async def delete_app(
    apps: Apps, deployments: Deployments, context: RequestContext, ref: str, *, force: bool
) -> None:
    """Delete an app; raise AppInUse if versions of it are deployed, unless `force`."""
    app = await apps.get(context, ref)
    require_match(context, etag_of(app))
    hold = await deployments.begin_deletion(context, app_id=app.id, force=force)
    if hold.hold_id is None:
        raise AppInUse(
            f"app {app.name!r} is deployed in {hold.active_placements} environment(s): "
            "retire the deployments, or use ?force=true"
        )
    async with _released_on_error(deployments, context, hold):
        await apps.delete(context, ref, app.id)


async def delete_version(
    versions: Versions, deployments: Deployments, context: RequestContext, version_id: int
) -> None:
    """Delete a version; raise VersionInUse if it is deployed."""
    version = await versions.get(context, version_id)
    require_match(context, etag_of(version))
    hold = await deployments.begin_deletion(context, version_id=version_id)
    if hold.hold_id is None:
        raise VersionInUse(
            f"{version.app}@{version.tag} is deployed or being deployed in {hold.active_placements} environment(s): "
            "deploy another version there first"
        )
    async with _released_on_error(deployments, context, hold):
        await versions.delete(context, version_id)


async def find_usage(
    versions: Versions,
    deployments: Deployments,
    context: RequestContext,
    query: ToolQuery,
    paging: PageRequest,
) -> Usage:
    """Return the deployed versions locked with a tool in a range, with every deployment answered before.

    Raise NotFound for an unknown environment, ProjectionBehind while recent deployments are being processed.
    """
    if query.environment is not None:
        environment = await deployments.get_environment(context, query.environment)
        query = replace(query, environment=environment.name)
    return await versions.usage(context, query, paging, await deployments.latest_sequence(context))


@asynccontextmanager
async def _released_on_error(
    deployments: Deployments, context: RequestContext, hold: DeletionHold
) -> AsyncIterator[None]:
    """Release a hold if the deletion fails.

    After a cancellation the outcome is unknown: the hold is left to expire.
    """
    try:
        yield
    except Exception:
        with suppress(Problem):
            await deployments.cancel_deletion(context, hold)
        raise
