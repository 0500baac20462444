"""Use cases of API keys: created by users, with at most their own permissions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from envmgr.server.contracts.events.identity import ApiKeyCreated, ApiKeyRevoked
from envmgr.server.contracts.identity_resources import ApiKey
from envmgr.server.gateway.auth.current_principal import with_authorization
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import api_keys, sessions
from envmgr.server.kit.common.pages import Page, PageRequest
from envmgr.server.kit.common.preconditions import IMMUTABLE_ETAG, require_match
from envmgr.server.kit.common.problems import InvalidFields, NotFound, Unauthenticated
from envmgr.server.kit.db.idempotency import idempotent

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import KeyCreate
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.response_encryption import ResponseEncryption
    from envmgr.server.gateway.service.app_names import AppLimit, AppNames
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction


class KeyService:
    """API keys."""

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        response_codec: ResponseEncryption,
        app_names: AppNames,
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._response_codec = response_codec
        self._app_names = app_names

    async def create(self, context: RequestContext, new: KeyCreate) -> Result[ApiKey]:
        """Create a key; only this response contains the secret."""
        session_id = identity_model.require_session(context.principal)
        limit = await self._app_names.resolve(_requested_apps(new))
        identity_model.require_grantable_scopes(context.principal, new.scopes, limit.app_ids)
        secret = secrets.token_urlsafe(32)

        def create(transaction: Transaction) -> ApiKey:
            session = sessions.find_active(transaction, session_id, transaction.now)
            if session is None:
                raise Unauthenticated("session expired; sign in again", error="invalid_token")
            limit.require_known()
            until = None if new.expires_in is UNSET else transaction.now + new.expires_in * 1000
            key = api_keys.add(transaction, _key_of_request(new, session.user_id, limit), until)
            token = f"{identity_model.KEY}_{key.id}_{secret}"
            api_keys.set_hash(transaction, key.id, identity_model.hash_token(token))
            transaction.emit(identity_model.api_key_event(ApiKeyCreated, key, context))
            return msgspec.structs.replace(key, key=token)

        return await self._database.write(
            with_authorization(context, idempotent(context, ApiKey, create, self._response_codec))
        )

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[ApiKey]:
        """Return a page of the caller's keys; for admins, of all keys."""
        filters = dict(paging.filters)
        if not _can_manage_all_keys(context):
            identity_model.require_session(context.principal)
            filters["user_id"] = context.principal.user_id or 0
        narrowed = PageRequest(paging.limit, paging.cursor, paging.sort, filters)
        page = await self._database.read(lambda reader: api_keys.page(reader, narrowed))
        return Page(await self._app_names.fill_in(page.items), page.next)

    async def get(self, context: RequestContext, key_id: int) -> ApiKey:
        """Return a key of the caller; for admins, any key; raise NotFound."""
        _require_session(context)
        key = await self._database.read_inline(lambda reader: _get(reader, context, key_id))
        return (await self._app_names.fill_in([key]))[0]

    async def revoke(self, context: RequestContext, key_id: int) -> None:
        """Revoke a key permanently."""
        _require_session(context)

        def revoke(transaction: Transaction) -> None:
            key = _get(transaction, context, key_id)
            require_match(context, IMMUTABLE_ETAG)
            api_keys.revoke(transaction, key_id)
            transaction.emit(identity_model.api_key_event(ApiKeyRevoked, key, context))

        await self._authenticator.write_and_invalidate(with_authorization(context, revoke))


def _can_manage_all_keys(context: RequestContext) -> bool:
    return "users:admin" in context.principal.scopes and context.principal.apps is None


def _require_session(context: RequestContext) -> None:
    if not _can_manage_all_keys(context):
        identity_model.require_session(context.principal)


def _get(reader: Reader, context: RequestContext, key_id: int) -> ApiKey:
    key = api_keys.get(reader, key_id)
    if key is None or not (_can_manage_all_keys(context) or key.user_id == context.principal.user_id):
        raise NotFound(f"API key {key_id} not found")
    return key


def _requested_apps(new: KeyCreate) -> tuple[str, ...] | None:
    if new.app is not UNSET and new.apps is not UNSET:
        raise InvalidFields("use either app or apps", errors=[("/apps", "use either app or apps")])
    if new.app is not UNSET:
        return (new.app,)
    return None if new.apps is UNSET else new.apps


def _key_of_request(new: KeyCreate, user_id: int, limit: AppLimit) -> ApiKey:
    return ApiKey(
        id=0,
        name=new.name,
        user_id=user_id,
        scopes=tuple(sorted(set(new.scopes))),
        app_ids=limit.app_ids,
        apps=limit.names,
        created_at="",
        expires_at=None,
        last_used_at=None,
    )
