"""Who can sign in, for admins to say."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from envmgr.server.gateway import domain
from envmgr.server.gateway.events import USER_CREATED, USER_DELETED, USER_UPDATED
from envmgr.server.gateway.resources import User
from envmgr.server.gateway.store import sessions, users
from envmgr.server.kit.common.context import system
from envmgr.server.kit.common.preconditions import require_unchanged, tag_of
from envmgr.server.kit.db.idempotency import once
from envmgr.server.kit.db.sql import UniqueViolation

if TYPE_CHECKING:
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.response_encryption import Vault
    from envmgr.server.gateway.requests import UserChange, UserNew
    from envmgr.server.gateway.resources import HumanRole
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.common.results import Answer
    from envmgr.server.kit.db.pagination import Page, Paging
    from envmgr.server.kit.db.sql import Database, Reader, Transaction
    from envmgr.server.kit.security.passwords import Passwords

ADMIN = "admin"


class UserService:
    """Users."""

    def __init__(
        self, database: Database, authenticator: Authenticator, passwords: Passwords, vault: Vault
    ) -> None:
        self._database = database
        self._authenticator = authenticator
        self._passwords = passwords
        self._vault = vault

    async def bootstrap(self, password: str = "") -> str | None:
        """Make the user `admin` where there has never been a user; return its password if that was done just now.

        A password given later changes nothing: that of an admin who is there is changed by POST /auth/password.
        """
        if not await self._database.lookup(users.is_empty):
            return None
        chosen = password or secrets.token_urlsafe(18)
        if password:
            domain.require_good_password(ADMIN, password, "/password")
        hashed = await self._passwords.hashed(chosen)

        def unit(transaction: Transaction) -> bool:
            if not users.is_empty(transaction):
                return False
            _add(transaction, system("bootstrap"), ADMIN, hashed, "admin")
            return True

        made = await self._database.write(unit)
        return chosen if made else None

    async def create(self, call: Call, new: UserNew) -> Answer[User]:
        """Let somebody sign in."""
        domain.require_reach(call.principal, new.role)
        domain.require_good_password(new.username, new.password, "/password")
        hashed = await self._passwords.hashed(new.password)
        unit = once(
            call,
            User,
            lambda transaction: _add(transaction, call, new.username, hashed, new.role),
            self._vault,
        )
        return await self._database.write(unit)

    async def get(self, call: Call, ref: str) -> User:
        """Return a user."""
        domain.require_everywhere(call.principal)
        return await self._database.lookup(lambda reader: _get(reader, ref))

    async def list(self, call: Call, paging: Paging) -> Page[User]:
        """Return a page of users."""
        domain.require_everywhere(call.principal)
        return await self._database.read(lambda reader: users.page(reader, paging))

    async def change(self, call: Call, ref: str, change: UserChange) -> User:
        """Change a user; whatever changes ends their sessions. Raise LastAdmin."""
        domain.require_everywhere(call.principal)
        hashed = None
        if change.password is not UNSET:
            user = await self.get(call, ref)
            domain.require_good_password(user.username, change.password, "/password")
            hashed = await self._passwords.hashed(change.password)
        return await self._authenticator.change(
            lambda transaction: _change(transaction, call, ref, change, hashed)
        )

    async def delete(self, call: Call, ref: str) -> None:
        """Remove a user. Raise LastAdmin."""
        domain.require_everywhere(call.principal)
        await self._authenticator.change(lambda transaction: _delete(transaction, call, ref))

    async def set_password(self, username: str, password: str) -> User:
        """Give a user another password, and let them in again: for who has the data directory in their hands."""
        domain.require_good_password(username, password, "/password")
        hashed = await self._passwords.hashed(password)

        def unit(transaction: Transaction) -> User:
            user = _get(transaction, username)
            call = system("recovery")
            users.set_password(transaction, user.id, hashed)
            sessions.end_all(transaction, user.id)
            return _write(transaction, call, user, msgspec.structs.replace(user, active=True))

        return await self._authenticator.change(unit)


def _get(reader: Reader, ref: str) -> User:
    user = users.find(reader, ref)
    if user is None:
        raise domain.no_user(ref)
    return user


def _add(transaction: Transaction, call: Call, username: str, hashed: str, role: HumanRole) -> User:
    try:
        user = users.add(transaction, username, hashed, role)
    except UniqueViolation:
        raise domain.name_taken(username) from None
    transaction.emit(domain.of_user(USER_CREATED, user, call))
    return user


def _change(transaction: Transaction, call: Call, ref: str, change: UserChange, hashed: str | None) -> User:
    old = _get(transaction, ref)
    require_unchanged(call, tag_of(old))
    role = old.role if change.role is UNSET else change.role
    active = old.active if change.active is UNSET else change.active
    domain.require_reach(call.principal, old.role)
    domain.require_reach(call.principal, role)
    new = msgspec.structs.replace(old, role=role, active=active)
    if new == old and hashed is None:
        return old
    _require_an_admin(transaction, old, new)
    if hashed is not None:
        users.set_password(transaction, old.id, hashed)
    sessions.end_all(transaction, old.id)
    return _write(transaction, call, old, new)


def _write(transaction: Transaction, call: Call, old: User, new: User) -> User:
    user = users.change(transaction, old, new)
    transaction.emit(domain.of_user(USER_UPDATED, user, call))
    return user


def _delete(transaction: Transaction, call: Call, ref: str) -> None:
    user = _get(transaction, ref)
    require_unchanged(call, tag_of(user))
    domain.require_reach(call.principal, user.role)
    _require_an_admin(transaction, user, None)
    users.remove(transaction, user.id)
    sessions.end_all(transaction, user.id)
    transaction.emit(domain.of_user(USER_DELETED, user, call))


def _require_an_admin(reader: Reader, old: User, new: User | None) -> None:
    was = old.role == "admin" and old.active
    stays = new is not None and new.role == "admin" and new.active
    if was and not stays and users.other_admins(reader, old.id) == 0:
        raise domain.last_admin(old.username)
