"""API keys: for programs, made by people, who can give them no more than they have."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from envmgr.server.gateway import domain
from envmgr.server.gateway.events import API_KEY_CREATED, API_KEY_REVOKED
from envmgr.server.gateway.resources import ApiKey
from envmgr.server.gateway.store import api_keys, sessions
from envmgr.server.kit.common.preconditions import require_unchanged
from envmgr.server.kit.common.problems import InvalidFields, NotFound, Unauthenticated
from envmgr.server.kit.db.idempotency import once
from envmgr.server.kit.db.pagination import Paging

if TYPE_CHECKING:
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.response_encryption import Vault
    from envmgr.server.gateway.requests import KeyNew
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

ONLY_STATE = "1"
"""A key is as it was made, until it is revoked."""


class KeyService:
    """API keys."""

    def __init__(self, database: Database, authenticator: Authenticator, vault: Vault) -> None:
        self._database = database
        self._authenticator = authenticator
        self._vault = vault

    async def create(self, call: Call, new: KeyNew) -> Answer[ApiKey]:
        """Make a key; only this answer shows it."""
        session_id = domain.session_of(call.principal)
        apps = _apps(new)
        domain.require_scopes(call.principal, new.scopes, apps)
        secret = secrets.token_urlsafe(32)

        def unit(transaction: Transaction) -> ApiKey:
            session = sessions.live(transaction, session_id, transaction.now)
            if session is None:
                raise Unauthenticated("the session has ended: sign in again", error="invalid_token")
            until = None if new.expires_in is UNSET else transaction.now + new.expires_in * 1000
            key = api_keys.add(transaction, _named(new, session.user_id, apps), until)
            token = f"{domain.KEY}_{key.id}_{secret}"
            api_keys.set_hash(transaction, key.id, domain.digest(token))
            transaction.emit(domain.of_key(API_KEY_CREATED, key, call))
            return msgspec.structs.replace(key, key=token)

        return await self._database.write(once(call, ApiKey, unit, self._vault))

    async def list(self, call: Call, paging: Paging) -> Page[ApiKey]:
        """Return a page of keys: the caller's own, or for admins all."""
        filters = dict(paging.filters)
        if not _rules(call):
            domain.session_of(call.principal)
            filters["user_id"] = call.principal.user_id or 0
        narrowed = Paging(paging.limit, paging.cursor, paging.sort, filters)
        return await self._database.read(lambda reader: api_keys.page(reader, narrowed))

    async def get(self, call: Call, key_id: int) -> ApiKey:
        """Return a key: one of the caller's own, or for admins any. Raise NotFound."""
        _require_session(call)
        return await self._database.lookup(lambda reader: _found(reader, call, key_id))

    async def revoke(self, call: Call, key_id: int) -> None:
        """Revoke a key, at once and for good."""
        _require_session(call)

        def unit(transaction: Transaction) -> None:
            key = _found(transaction, call, key_id)
            require_unchanged(call, ONLY_STATE)
            api_keys.revoke(transaction, key_id)
            transaction.emit(domain.of_key(API_KEY_REVOKED, key, call))

        await self._authenticator.change(unit)


def _rules(call: Call) -> bool:
    return "users:admin" in call.principal.scopes and call.principal.apps is None


def _require_session(call: Call) -> None:
    if not _rules(call):
        domain.session_of(call.principal)


def _found(reader: Reader, call: Call, key_id: int) -> ApiKey:
    key = api_keys.get(reader, key_id)
    if key is None or not (_rules(call) or key.user_id == call.principal.user_id):
        raise NotFound(f"you have no key {key_id}")
    return key


def _apps(new: KeyNew) -> tuple[str, ...] | None:
    if new.app is not UNSET and new.apps is not UNSET:
        raise InvalidFields("say either app or apps", errors=[("/apps", "app is there already")])
    if new.app is not UNSET:
        return (new.app,)
    return None if new.apps is UNSET else tuple(sorted(set(new.apps)))


def _named(new: KeyNew, user_id: int, apps: tuple[str, ...] | None) -> ApiKey:
    return ApiKey(
        id=0,
        name=new.name,
        user_id=user_id,
        scopes=tuple(sorted(set(new.scopes))),
        apps=apps,
        created_at="",
        expires_at=None,
        last_used_at=None,
    )
