"""Use cases of users, managed by admins."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from envmgr.server.contracts.events.identity import UserCreated, UserDeleted, UserUpdated
from envmgr.server.contracts.identity_resources import ChangedUser, User
from envmgr.server.gateway.auth.current_principal import with_authorization
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.service import key_revocation
from envmgr.server.gateway.store import sessions, users
from envmgr.server.kit.common.context import system_context
from envmgr.server.kit.common.preconditions import etag_of, require_match
from envmgr.server.kit.db.idempotency import idempotent
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import UserCreate, UserPatch
    from envmgr.server.contracts.identity_resources import HumanRole, KeyCounts
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.response_encryption import ResponseEncryption
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.db.sql import Database, Reader, Transaction
    from envmgr.server.kit.security.passwords import Argon2PasswordHasher

ADMIN = "admin"


class UserService:
    """Users."""

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        passwords: Argon2PasswordHasher,
        response_codec: ResponseEncryption,
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._passwords = passwords
        self._response_codec = response_codec

    async def create_initial_admin(self, password: str = "") -> str | None:
        """Create the user `admin` if there has never been a user; return its password, else None.

        A password configured later has no effect: POST /auth/password changes it.
        """
        if not await self._database.read_inline(users.is_empty):
            return None
        chosen = password or secrets.token_urlsafe(18)
        if password:
            identity_model.require_good_password(ADMIN, password, "/password")
        hashed = await self._passwords.hash(chosen)

        def create_if_empty(transaction: Transaction) -> bool:
            if not users.is_empty(transaction):
                return False
            _add(transaction, system_context("bootstrap"), ADMIN, hashed, "admin")
            return True

        is_created = await self._database.write(create_if_empty)
        return chosen if is_created else None

    async def create(self, context: RequestContext, new: UserCreate) -> Result[User]:
        """Create a user."""
        identity_model.require_role_at_least(context.principal, new.role)
        identity_model.require_good_password(new.username, new.password, "/password")
        hashed = await self._passwords.hash(new.password)
        unit = idempotent(
            context,
            User,
            lambda transaction: _add(transaction, context, new.username, hashed, new.role),
            self._response_codec,
        )
        return await self._database.write(with_authorization(context, unit))

    async def get(self, context: RequestContext, ref: str) -> User:
        """Return a user."""
        identity_model.require_unrestricted(context.principal)
        return await self._database.read_inline(lambda reader: _get(reader, ref))

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[User]:
        """Return a page of users."""
        identity_model.require_unrestricted(context.principal)
        return await self._database.read(lambda reader: users.page(reader, paging))

    async def update(self, context: RequestContext, ref: str, change: UserPatch) -> ChangedUser:
        """Update a user and revoke their sessions; raise LastAdmin."""
        identity_model.require_unrestricted(context.principal)
        hashed = None
        if change.password is not UNSET:
            user = await self.get(context, ref)
            identity_model.require_good_password(user.username, change.password, "/password")
            hashed = await self._passwords.hash(change.password)
        return await self._authenticator.write_and_invalidate(
            with_authorization(
                context, lambda transaction: _change(transaction, context, ref, change, hashed)
            )
        )

    async def delete(self, context: RequestContext, ref: str) -> None:
        """Delete a user; raise LastAdmin."""
        identity_model.require_unrestricted(context.principal)
        await self._authenticator.write_and_invalidate(
            with_authorization(context, lambda transaction: _delete(transaction, context, ref))
        )

    async def set_password(self, username: str, password: str, *, revoke_keys: bool = False) -> KeyCounts:
        """Reset a user's password and reactivate them; for operators with access to the data directory."""
        identity_model.require_good_password(username, password, "/password")
        hashed = await self._passwords.hash(password)

        def reset(transaction: Transaction) -> KeyCounts:
            user = _get(transaction, username)
            context = system_context("recovery")
            users.set_password(transaction, user.id, hashed)
            sessions.revoke_all(transaction, user.id)
            _write(transaction, context, user, msgspec.structs.replace(user, active=True))
            if revoke_keys:
                return key_revocation.revoke_keys(transaction, context, user.id)
            return key_revocation.count_keys(transaction, user.id)

        return await self._authenticator.write_and_invalidate(reset)


def _get(reader: Reader, ref: str) -> User:
    user = users.find(reader, ref)
    if user is None:
        raise identity_model.no_user(ref)
    return user


def _add(
    transaction: Transaction, context: RequestContext, username: str, hashed: str, role: HumanRole
) -> User:
    try:
        user = users.add(transaction, username, hashed, role)
    except UniqueViolation:
        raise identity_model.name_taken(username) from None
    transaction.emit(identity_model.user_event(UserCreated, user, context))
    return user


def _change(
    transaction: Transaction, context: RequestContext, ref: str, change: UserPatch, hashed: str | None
) -> ChangedUser:
    old = _get(transaction, ref)
    require_match(context, etag_of(old))
    role = old.role if change.role is UNSET else change.role
    active = old.active if change.active is UNSET else change.active
    identity_model.require_role_at_least(context.principal, old.role)
    identity_model.require_role_at_least(context.principal, role)
    new = msgspec.structs.replace(old, role=role, active=active)
    if new == old and hashed is None and not change.revoke_keys:
        return _describe_change(old, None)
    _require_remaining_admin(transaction, old, new)
    if hashed is not None:
        users.set_password(transaction, old.id, hashed)
    sessions.revoke_all(transaction, old.id)
    keys = None
    if change.revoke_keys:
        keys = key_revocation.revoke_keys(transaction, context, old.id)
    elif hashed is not None:
        keys = key_revocation.count_keys(transaction, old.id)
    return _describe_change(_write(transaction, context, old, new), keys)


def _describe_change(user: User, keys: KeyCounts | None) -> ChangedUser:
    counts = {} if keys is None else msgspec.structs.asdict(keys)
    return ChangedUser(**msgspec.structs.asdict(user), **counts)


def _write(transaction: Transaction, context: RequestContext, old: User, new: User) -> User:
    user = users.change(transaction, old, new)
    transaction.emit(identity_model.user_event(UserUpdated, user, context))
    return user


def _delete(transaction: Transaction, context: RequestContext, ref: str) -> None:
    user = _get(transaction, ref)
    require_match(context, etag_of(user))
    identity_model.require_role_at_least(context.principal, user.role)
    _require_remaining_admin(transaction, user, None)
    users.remove(transaction, user)
    sessions.revoke_all(transaction, user.id)
    transaction.emit(identity_model.user_event(UserDeleted, user, context))


def _require_remaining_admin(reader: Reader, old: User, new: User | None) -> None:
    was_admin = old.role == "admin" and old.active
    remains_admin = new is not None and new.role == "admin" and new.active
    if was_admin and not remains_admin and users.other_admins(reader, old.id) == 0:
        raise identity_model.last_admin(old.username)
