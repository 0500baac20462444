"""Use cases of versions: each one unit of work, with its event in the same transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.contracts.events.version import VersionCreated, VersionDeleted, VersionUpdated
from envmgr.server.contracts.resources import Version
from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.common.problems import Conflict, NotFound, PreconditionFailed
from envmgr.server.kit.common.results import Result
from envmgr.server.kit.common.threads import run_in_thread
from envmgr.server.kit.db.authorization import with_authorization
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.version.domain import lock_parser, range_matching, version_model
from envmgr.server.version.service import read_barrier, tag_conflicts, usage
from envmgr.server.version.store import app_projection, lock_store, version_rows

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.contracts.ports.versions import ToolQuery
    from envmgr.server.contracts.requests import VersionPatch, VersionPut
    from envmgr.server.contracts.resources import App, Artifact, LockedTool, LockFile, Usage
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

LARGE_LOCK_CHARS = 64 * 2**10
"""Longer locks are parsed in a thread, to keep the event loop responsive."""
MAX_CONCURRENT_PARSES = 2
"""Large locks parsed at the same time: each needs many times its size in memory."""


class VersionService:
    """Versions in this process (implements `contracts.ports.Versions`)."""

    def __init__(self, database: Database, apps: Apps) -> None:
        self._database = database
        self._apps = apps
        self._reading = asyncio.Semaphore(MAX_CONCURRENT_PARSES)

    async def create(self, context: RequestContext, app: str, tag: str, new: VersionPut) -> Result[Version]:
        """Create a version with a new tag."""
        owner = await self._apps.get(context, app)
        push = await self._read(new)
        return await self._database.write(
            with_authorization(
                context,
                idempotent(
                    context, Version, lambda transaction: _create(transaction, context, owner, tag, push)
                ),
            )
        )

    async def upsert(self, context: RequestContext, app: str, tag: str, put: VersionPut) -> Result[Version]:
        """Create a version, or return the existing one; raise VersionContentMismatch for different content."""
        owner = await self._apps.get(context, app)
        push = await self._read(put)
        return await self._database.write(
            with_authorization(context, lambda transaction: _put(transaction, context, owner, tag, push))
        )

    async def get(self, context: RequestContext, version_id: int) -> Version:
        """Return a version."""
        return await self._database.read_inline(lambda reader: _get(reader, context, version_id))

    async def find(self, context: RequestContext, app: str, tag: str) -> Version:
        """Return a version of an app by tag."""
        owner = await self._apps.get(context, app)
        result = await self._database.read_inline(lambda reader: version_rows.find_tag(reader, owner.id, tag))
        if result is None:
            raise NotFound(f"version {owner.name}@{tag} not found")
        return result

    async def lock(self, context: RequestContext, version_id: int) -> LockFile:
        """Return the lock file of a version."""
        version = await self.get(context, version_id)
        result = await self._database.read_inline(lambda reader: version_rows.lock(reader, version_id))
        if result is None:
            raise NotFound(f"version {version.app}@{version.tag} has no lock file")
        return result

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Version]:
        """Return a page of versions; raise NotFound if the filter `app` names an unknown app."""
        if "app" in paging.filters:
            owner = await self._apps.get(context, str(paging.filters["app"]))
            paging = paging.with_filters(app=owner.id)
        return await self._database.read(
            lambda reader: version_rows.page(reader, paging, context.principal.apps)
        )

    async def replace(self, context: RequestContext, version_id: int, put: VersionPut) -> Version:
        """Replace a version; the build content must be unchanged."""
        push = await self._read(put)
        return await self._database.write(
            with_authorization(context, lambda transaction: _replace(transaction, context, version_id, push))
        )

    async def update(self, context: RequestContext, version_id: int, change: VersionPatch) -> Version:
        """Update a version."""
        return await self._database.write(
            with_authorization(context, lambda transaction: _change(transaction, context, version_id, change))
        )

    async def delete(self, context: RequestContext, version_id: int) -> None:
        """Delete a version; call under a deletion hold."""
        await self._database.write(
            with_authorization(context, lambda transaction: _delete(transaction, context, version_id))
        )

    async def usage(
        self, context: RequestContext, query: ToolQuery, paging: PageRequest, up_to: int
    ) -> Usage:
        """Return the deployed versions locked with a tool in a range, of the apps that the caller may see.

        Raise ProjectionBehind until deployment events up to the sequence `up_to` are consumed.
        """
        usage_query = usage.UsageQuery(
            tool=query.tool,
            spec=range_matching.read(query.spec),
            environment=query.environment,
            apps=context.principal.apps,
            limit=paging.limit,
            cursor=paging.cursor,
        )
        await read_barrier.wait_until_consumed(self._database, up_to)
        return await self._database.read(lambda reader: usage.find_usage(reader, usage_query))

    async def _read(self, put: VersionPut) -> version_model.VersionSubmission:
        """Parse a push; a lock that is already stored is not parsed again."""
        submitted = put.toolchain
        if submitted is None:
            return version_model.build_submission(put, None, ())
        lock_parser.check_digest(submitted.lock, submitted.lock_digest)
        lock_digest = lock_parser.digest_of(submitted.lock)
        tools = await self._database.read_inline(lambda reader: _known_tools(reader, lock_digest))
        if tools is None:
            tools = await self._tools(submitted.lock)
        return version_model.build_submission(put, lock_digest, tools)

    async def _tools(self, lock: str) -> tuple[LockedTool, ...]:
        if len(lock) <= LARGE_LOCK_CHARS:
            return lock_parser.read(lock)
        async with self._reading:
            return await run_in_thread(None, lambda: lock_parser.read(lock))


def _known_tools(reader: Reader, lock_digest: str) -> tuple[LockedTool, ...] | None:
    tools = lock_store.tools(reader, lock_digest)
    return tools if tools or lock_store.has_lock(reader, lock_digest) else None


def _get(reader: Reader, context: RequestContext, version_id: int) -> Version:
    version = version_rows.find(reader, version_id)
    if version is None or not context.principal.can_access(version.app_id):
        raise NotFound(f"version {version_id} not found")
    return version


def _create(
    transaction: Transaction,
    context: RequestContext,
    app: App,
    tag: str,
    submission: version_model.VersionSubmission,
) -> Version:
    name = _current_app_name(transaction, app)
    existing = version_rows.find_tag(transaction, app.id, tag)
    if existing is None:
        version = _add(transaction, context, app.id, name, tag, submission)
        if version is not None:
            return version
        existing = _find_existing(transaction, app.id, tag)
    raise tag_conflicts.tag_taken(transaction, context, existing, submission)


def _put(
    transaction: Transaction,
    context: RequestContext,
    app: App,
    tag: str,
    submission: version_model.VersionSubmission,
) -> Result[Version]:
    name = _current_app_name(transaction, app)
    if context.if_match is None:
        # Most tags are new: to look first would be one more statement for each.
        version = _add(transaction, context, app.id, name, tag, submission)
        if version is not None:
            return Result(version)
        existing = _find_existing(transaction, app.id, tag)
    else:
        existing = _find_expected(transaction, app.id, name, tag)
    require_match(context, etag_of(existing))
    tag_conflicts.require_same_content(transaction, context, existing, submission)
    return Result(existing, created=False)


def _find_expected(transaction: Transaction, app_id: int, app: str, tag: str) -> Version:
    """Return the version that the caller has the ETag of; raise PreconditionFailed if it is absent."""
    version = version_rows.find_tag(transaction, app_id, tag)
    if version is None:
        raise PreconditionFailed(f"version {app}@{tag} not found: omit If-Match to register it")
    return version


def _find_existing(transaction: Transaction, app_id: int, tag: str) -> Version:
    """Return the version that has a tag; raise Conflict if it was registered and deleted concurrently."""
    version = version_rows.find_tag(transaction, app_id, tag)
    if version is None:
        raise Conflict(f"version {tag} was registered concurrently; retry")
    return version


def _add(
    transaction: Transaction,
    context: RequestContext,
    app_id: int,
    name: str,
    tag: str,
    submission: version_model.VersionSubmission,
) -> Version | None:
    """Insert a version with its lock and its event; return None where its app has the tag."""
    if submission.content.lock_digest is not None:
        lock_store.add(transaction, submission.content.lock_digest, submission.lock, submission.tools)
    version = version_rows.add(transaction, app_id, name, tag, submission)
    if version is not None:
        transaction.emit(version_model.version_event_for(VersionCreated, version, context))
    return version


def _current_app_name(transaction: Transaction, app: App) -> str:
    """Return an app's name: a consumed event may be newer than the response of its service."""
    update = app_projection.get(transaction, app.id)
    if update is None:
        return app.name
    if update.deleted:
        raise NotFound(f"app {app.name!r} not found")
    return update.name if update.updated_at >= parse_rfc3339(app.updated_at) else app.name


def _replace(
    transaction: Transaction,
    context: RequestContext,
    version_id: int,
    submission: version_model.VersionSubmission,
) -> Version:
    existing = _get(transaction, context, version_id)
    require_match(context, etag_of(existing))
    tag_conflicts.require_same_content(transaction, context, existing, submission)
    return _update_metadata(transaction, context, existing, submission.metadata, submission.content.artifacts)


def _change(
    transaction: Transaction, context: RequestContext, version_id: int, change: VersionPatch
) -> Version:
    existing = _get(transaction, context, version_id)
    require_match(context, etag_of(existing))
    return _update_metadata(
        transaction, context, existing, version_model.apply_patch(existing, change), existing.artifacts
    )


def _update_metadata(
    transaction: Transaction,
    context: RequestContext,
    existing: Version,
    metadata: version_model.VersionMetadata,
    artifacts: tuple[Artifact, ...],
) -> Version:
    if not version_model.has_changes(existing, metadata, artifacts):
        return existing
    version = version_rows.update_metadata(transaction, existing, metadata, artifacts)
    transaction.emit(version_model.version_event_for(VersionUpdated, version, context))
    return version


def _delete(transaction: Transaction, context: RequestContext, version_id: int) -> None:
    version = _get(transaction, context, version_id)
    require_match(context, etag_of(version))
    version_rows.remove(transaction, version)
    transaction.emit(version_model.version_event_for(VersionDeleted, version, context))
