"""Use cases of apps: each one unit of work, with its event in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.app import domain, store
from envmgr.server.contracts.resources import App
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.common.problems import Conflict, Forbidden, NotFound
from envmgr.server.kit.db.authorization import with_authorization
from envmgr.server.kit.db.idempotency import idempotent, replace_response
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.contracts.requests import AppCreate, AppPatch, AppPut
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class AppService:
    """Apps in this process (implements `contracts.ports.Apps`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, context: RequestContext, new: AppCreate) -> Result[App]:
        """Create an app, and its first version if requested.

        The version is created second: a retry with the same Idempotency-Key after a failure between the two continues
        there; once both exist, it returns the same response and changes nothing.
        """
        _require_all_apps(context, "create apps")
        return await self._database.write(
            with_authorization(
                context, idempotent(context, App, lambda transaction: _create(transaction, context, new))
            )
        )

    async def complete_creation(self, context: RequestContext, app: App) -> None:
        """Replace the stored response to the context's Idempotency-Key, now that `app.version` is registered."""
        _require_all_apps(context, "create apps")
        await self._database.write(
            with_authorization(context, lambda transaction: replace_response(transaction, context, app))
        )

    async def get(self, context: RequestContext, ref: str) -> App:
        """Return an app."""
        return await self._database.read_inline(lambda reader: _get(reader, context, ref))

    async def find_ids(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return the IDs of the apps that have these names now; unknown names are left out."""
        unique_names = frozenset(names)
        return await self._database.read_inline(lambda reader: store.ids_by_name(reader, unique_names))

    async def find_names(self, app_ids: Iterable[int]) -> Mapping[int, str]:
        """Return the present names of apps; deleted ones are left out."""
        unique_ids = frozenset(app_ids)
        return await self._database.read_inline(lambda reader: store.names(reader, unique_ids))

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[App]:
        """Return a page of apps."""
        return await self._database.read(lambda reader: store.page(reader, paging, context.principal.apps))

    async def replace(self, context: RequestContext, ref: str, put: AppPut) -> App:
        """Replace an app."""
        return await self._database.write(
            with_authorization(context, lambda transaction: _put(transaction, context, ref, put))
        )

    async def update(self, context: RequestContext, ref: str, change: AppPatch) -> App:
        """Update an app."""

        def update(transaction: Transaction) -> App:
            app = _get(transaction, context, ref)
            return _put(transaction, context, ref, domain.apply_patch(app, change))

        return await self._database.write(with_authorization(context, update))

    async def delete(self, context: RequestContext, ref: str, app_id: int) -> None:
        """Delete an app; with active deployments only if forced."""
        await self._database.write(
            with_authorization(context, lambda transaction: _delete(transaction, context, ref, app_id))
        )


def _get(reader: Reader, context: RequestContext, ref: str) -> App:
    app = store.find(reader, ref)
    if app is None or not context.principal.can_access(app.id):
        raise NotFound(f"app {ref!r} not found")
    return app


def _require_all_apps(context: RequestContext, action: str) -> None:
    """Raise Forbidden for callers limited to some apps, before any name can be seen to be taken."""
    if context.principal.apps is not None:
        raise Forbidden(f"a credential limited to some apps cannot {action}")


def _create(transaction: Transaction, context: RequestContext, new: AppCreate) -> App:
    try:
        app = store.add(transaction, new.name, new.description)
    except UniqueViolation:
        raise domain.name_taken(new.name) from None
    transaction.emit(domain.created_event(app, context))
    return app


def _put(transaction: Transaction, context: RequestContext, ref: str, put: AppPut) -> App:
    old = _get(transaction, context, ref)
    require_match(context, etag_of(old))
    if put.name != old.name:
        _require_all_apps(context, "rename apps")
    if not domain.has_changes(old, put):
        return old
    try:
        app = store.update_app(transaction, old, put)
    except UniqueViolation:
        raise domain.name_taken(put.name) from None
    transaction.emit(domain.updated_event(app, old.name, context))
    return app


def _delete(transaction: Transaction, context: RequestContext, ref: str, app_id: int) -> None:
    app = _get(transaction, context, ref)
    if app.id != app_id:
        raise Conflict(f"name {ref!r} was taken by another app; retry")
    require_match(context, etag_of(app))
    store.remove(transaction, app)
    transaction.emit(domain.deleted_event(app, context))
