"""The use cases of versions: each one unit of work, and its event in the same transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envmgr.server.contracts.deletion import leaving
from envmgr.server.contracts.events import VERSION_CREATED, VERSION_DELETED, VERSION_UPDATED
from envmgr.server.contracts.resources import Version
from envmgr.server.kit.common.clock import parse_rfc3339
from envmgr.server.kit.common.preconditions import require_app, require_unchanged, tag_of
from envmgr.server.kit.common.problems import NotFound, Stale
from envmgr.server.kit.common.results import Answer
from envmgr.server.kit.db.idempotency import once
from envmgr.server.version import (
    app_projection,
    consumer_offset,
    domain,
    lock_parser,
    lock_store,
    range_matching,
    store,
    usage,
)

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Apps, Deployments
    from envmgr.server.contracts.requests import VersionChange, VersionPut
    from envmgr.server.contracts.resources import App, Artifact, Lock, Tool, Usage
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

LARGE = 64 * 2**10
"""A lock of more characters is read in a thread, so that nobody else waits for it."""
AT_ONCE = 2
"""Such locks that are read at the same time: each takes many times its size for a moment."""


class VersionService:
    """Versions, in this process (implements `contracts.ports.Versions`)."""

    def __init__(self, database: Database, apps: Apps, deployments: Deployments) -> None:
        self._database = database
        self._apps = apps
        self._deployments = deployments
        self._reading = asyncio.Semaphore(AT_ONCE)

    async def create(self, call: Call, app: str, tag: str, new: VersionPut) -> Answer[Version]:
        """Register a version under a tag that its app does not have yet."""
        owner = await self._apps.get(call, app)
        push = await self._read(new)
        return await self._database.write(
            once(call, Version, lambda transaction: _create(transaction, call, owner, tag, push))
        )

    async def put(self, call: Call, app: str, tag: str, put: VersionPut) -> Answer[Version]:
        """Register a version, or find it there as it is; with other content raise VersionContentMismatch."""
        owner = await self._apps.get(call, app)
        push = await self._read(put)
        return await self._database.write(lambda transaction: _put(transaction, call, owner, tag, push))

    async def get(self, call: Call, version_id: int) -> Version:
        """Return a version."""
        return await self._database.lookup(lambda reader: _get(reader, call, version_id))

    async def find(self, call: Call, app: str, tag: str) -> Version:
        """Return the version of an app by its tag."""
        owner = await self._apps.get(call, app)
        found = await self._database.lookup(lambda reader: store.find_tag(reader, owner.id, tag))
        if found is None:
            raise NotFound(f"{owner.name} has no version {tag!r}")
        return found

    async def lock(self, call: Call, version_id: int) -> Lock:
        """Return the lock that a version was built with."""
        version = await self.get(call, version_id)
        found = await self._database.lookup(lambda reader: store.lock(reader, version_id))
        if found is None:
            raise NotFound(f"{version.app} {version.tag} came without a lock")
        return found

    async def list(self, call: Call, paging: Paging) -> Page[Version]:
        """Return a page of versions; the filter `app` names an app by id or name, and one that is not is NotFound."""
        if "app" in paging.filters:
            owner = await self._apps.get(call, str(paging.filters["app"]))
            paging = paging.where(app=owner.id)
        return await self._database.read(lambda reader: store.page(reader, paging, call.principal.apps))

    async def replace(self, call: Call, version_id: int, put: VersionPut) -> Version:
        """Say all of a version; what was built must stay the same."""
        push = await self._read(put)
        return await self._database.write(lambda transaction: _replace(transaction, call, version_id, push))

    async def change(self, call: Call, version_id: int, change: VersionChange) -> Version:
        """Say some of a version."""
        return await self._database.write(lambda transaction: _change(transaction, call, version_id, change))

    async def delete(self, call: Call, version_id: int) -> None:
        """Remove a version that stands nowhere."""
        version = await self.get(call, version_id)
        require_unchanged(call, tag_of(version))
        leave = await self._deployments.leave(call, version_id=version_id)
        if leave.note is None:
            raise domain.in_use(version, leave.places)
        async with leaving(self._deployments, call, leave):
            await self._database.write(lambda transaction: _delete(transaction, call, version_id))

    async def usage(self, call: Call, tool: str, spec: str, environment: str | None, paging: Paging) -> Usage:
        """Tell which deployed versions a range of a tool touches, of the apps that the caller may see.

        Knows of every deployment that was answered before, or raises NotHeardYet; and NotFound for an environment
        that is not.
        """
        question = usage.Question(
            tool=tool,
            spec=range_matching.read(spec),
            environment=environment,
            apps=call.principal.apps,
            limit=paging.limit,
            cursor=paging.cursor,
        )
        if environment is not None:
            await self._deployments.environment(call, environment)
        await consumer_offset.wait(self._database, await self._deployments.told(call))
        return await self._database.read(lambda reader: usage.answer(reader, question))

    async def _read(self, put: VersionPut) -> domain.Push:
        """Read what a push says; a lock that is here already needs no reading again."""
        sent = put.toolchain
        if sent is None:
            return domain.pushed(put, None, ())
        lock_parser.check_digest(sent.lock, sent.lock_digest)
        lock_digest = lock_parser.digest_of(sent.lock)
        tools = await self._database.lookup(lambda reader: _known_tools(reader, lock_digest))
        if tools is None:
            tools = await self._tools(sent.lock)
        return domain.pushed(put, lock_digest, tools)

    async def _tools(self, lock: str) -> tuple[Tool, ...]:
        if len(lock) <= LARGE:
            return lock_parser.read(lock)
        async with self._reading:
            return await asyncio.to_thread(lock_parser.read, lock)


def _known_tools(reader: Reader, lock_digest: str) -> tuple[Tool, ...] | None:
    return lock_store.tools(reader, lock_digest) if lock_store.is_known(reader, lock_digest) else None


def _get(reader: Reader, call: Call, version_id: int) -> Version:
    version = store.find(reader, version_id)
    if version is None:
        raise NotFound(f"there is no version {version_id}")
    require_app(call, version.app)
    return version


def _create(transaction: Transaction, call: Call, app: App, tag: str, push: domain.Push) -> Version:
    name = _name(transaction, app)
    if store.find_tag(transaction, app.id, tag):
        raise domain.tag_taken(name, tag)
    return _add(transaction, call, app.id, name, tag, push)


def _put(transaction: Transaction, call: Call, app: App, tag: str, push: domain.Push) -> Answer[Version]:
    name = _name(transaction, app)
    have = store.find_tag(transaction, app.id, tag)
    if have:
        require_unchanged(call, tag_of(have))
        domain.require_same(have, push.content)
        return Answer(have, created=False)
    if call.if_match is not None:
        raise Stale(f"{name} has no version {tag} (any more): send it without If-Match to register it")
    return Answer(_add(transaction, call, app.id, name, tag, push))


def _add(
    transaction: Transaction, call: Call, app_id: int, name: str, tag: str, push: domain.Push
) -> Version:
    if push.content.lock_digest is not None:
        lock_store.add(transaction, push.content.lock_digest, push.lock, push.tools)
    version = store.add(transaction, app_id, name, tag, push)
    transaction.emit(domain.done(VERSION_CREATED, version, call))
    return version


def _name(transaction: Transaction, app: App) -> str:
    """Return what an app is called: events may have told something newer than its service did a moment ago."""
    told = app_projection.find(transaction, app.id)
    if told is None:
        return app.name
    if told.deleted:
        raise NotFound(f"there is no app {app.name!r}")
    return told.name if told.updated_at >= parse_rfc3339(app.updated_at) else app.name


def _replace(transaction: Transaction, call: Call, version_id: int, push: domain.Push) -> Version:
    have = _get(transaction, call, version_id)
    require_unchanged(call, tag_of(have))
    domain.require_same(have, push.content)
    return _say(transaction, call, have, push.notes, push.content.artifacts)


def _change(transaction: Transaction, call: Call, version_id: int, change: VersionChange) -> Version:
    have = _get(transaction, call, version_id)
    require_unchanged(call, tag_of(have))
    return _say(transaction, call, have, domain.merged(have, change), have.artifacts)


def _say(
    transaction: Transaction,
    call: Call,
    have: Version,
    notes: domain.Notes,
    artifacts: tuple[Artifact, ...],
) -> Version:
    if not domain.differs(have, notes, artifacts):
        return have
    version = store.change(transaction, have, notes, artifacts)
    transaction.emit(domain.done(VERSION_UPDATED, version, call))
    return version


def _delete(transaction: Transaction, call: Call, version_id: int) -> None:
    version = _get(transaction, call, version_id)
    require_unchanged(call, tag_of(version))
    store.remove(transaction, version)
    transaction.emit(domain.done(VERSION_DELETED, version, call))
