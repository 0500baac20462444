"""The use cases of apps: each one unit of work, and its event in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from envmgr.server.app import domain, store
from envmgr.server.contracts.deletion import leaving
from envmgr.server.contracts.events import APP_CREATED, APP_DELETED, APP_UPDATED
from envmgr.server.contracts.requests import AppPut, VersionPut
from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.preconditions import require_app, require_unchanged, tag_of
from envmgr.server.kit.common.problems import Conflict, Forbidden, NotFound
from envmgr.server.kit.common.results import Answer
from envmgr.server.kit.db.idempotency import complete, once
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from envmgr.server.contracts.ports import Deployments, Versions
    from envmgr.server.contracts.requests import AppChange, AppNew
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class AppService:
    """Apps, in this process (implements `contracts.ports.Apps`)."""

    def __init__(self, database: Database, versions: Versions, deployments: Deployments) -> None:
        self._database = database
        self._versions = versions
        self._deployments = deployments

    async def create(self, call: Call, new: AppNew) -> Answer[App]:
        """Register an app, and its first version where one is named.

        The version is registered second: repeating the request with the same Idempotency-Key after a failure
        between the two goes on where it stopped; once both are there, it answers the same again and does nothing.
        """
        require_app(call, new.name)
        if new.version is not UNSET and "versions:write" not in call.principal.scopes:
            raise Forbidden("your credential may not register versions (versions:write)")
        answer = await self._database.write(
            once(call, App, lambda transaction: _create(transaction, call, new))
        )
        if new.version is UNSET or answer.value.version is not UNSET:
            return answer
        inner = msgspec.structs.replace(call, idempotency=None)
        version = await self._versions.put(inner, str(answer.value.id), new.version, VersionPut())
        whole = msgspec.structs.replace(answer.value, version=version.value)
        await self._database.write(lambda transaction: complete(transaction, call, whole))
        return Answer(whole, created=answer.created, replayed=answer.replayed)

    async def get(self, call: Call, ref: str) -> App:
        """Return an app."""
        return await self._database.lookup(lambda reader: _get(reader, call, ref))

    async def list(self, call: Call, paging: Paging) -> Page[App]:
        """Return a page of apps."""
        return await self._database.read(lambda reader: store.page(reader, paging, call.principal.apps))

    async def put(self, call: Call, ref: str, put: AppPut) -> App:
        """Say all of an app."""
        return await self._database.write(lambda transaction: _put(transaction, call, ref, put))

    async def change(self, call: Call, ref: str, change: AppChange) -> App:
        """Say some of an app."""

        def unit(transaction: Transaction) -> App:
            app = _get(transaction, call, ref)
            return _put(transaction, call, ref, domain.merged(app, change))

        return await self._database.write(unit)

    async def delete(self, call: Call, ref: str, *, force: bool) -> None:
        """Remove an app; one with deployed versions only by force."""
        app = await self.get(call, ref)
        require_unchanged(call, tag_of(app))
        leave = await self._deployments.leave(call, app_id=app.id, force=force)
        if leave.note is None:
            raise domain.in_use(app, leave.places)
        async with leaving(self._deployments, call, leave):
            await self._database.write(lambda transaction: _delete(transaction, call, ref, app.id))


def _get(reader: Reader, call: Call, ref: str) -> App:
    app = store.find(reader, ref)
    if app is None:
        raise NotFound(f"there is no app {ref!r}")
    require_app(call, app.name)
    return app


def _create(transaction: Transaction, call: Call, new: AppNew) -> App:
    try:
        app = store.add(transaction, new.name, new.description)
    except UniqueViolation:
        raise domain.name_taken(new.name) from None
    transaction.emit(domain.happened(APP_CREATED, app, call))
    return app


def _put(transaction: Transaction, call: Call, ref: str, put: AppPut) -> App:
    old = _get(transaction, call, ref)
    require_unchanged(call, tag_of(old))
    require_app(call, put.name)
    if not domain.differs(old, put):
        return old
    try:
        app = store.change(transaction, old, put)
    except UniqueViolation:
        raise domain.name_taken(put.name) from None
    transaction.emit(domain.happened(APP_UPDATED, app, call, old.name))
    return app


def _delete(transaction: Transaction, call: Call, ref: str, app_id: int) -> None:
    app = _get(transaction, call, ref)
    if app.id != app_id:
        raise Conflict(f"{ref!r} became the name of another app just now: decide anew")
    require_unchanged(call, tag_of(app))
    store.remove(transaction, app.id)
    transaction.emit(domain.happened(APP_DELETED, app, call))
