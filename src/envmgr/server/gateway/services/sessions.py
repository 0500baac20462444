"""Signing in, going on, and signing out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.gateway import domain
from envmgr.server.gateway.events import (
    LOGGED_OUT,
    LOGIN_FAILED,
    LOGIN_SUCCEEDED,
    PASSWORD_CHANGED,
    REFRESH_REUSED,
)
from envmgr.server.gateway.resources import Tokens
from envmgr.server.gateway.store import failed_logins, sessions, users
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.events import Happening
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import TooMany, Unauthenticated, Unavailable
from envmgr.server.kit.http.client_address import site
from envmgr.server.kit.security.tokens import Claims, InvalidToken

if TYPE_CHECKING:
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.login_throttle import Limits
    from envmgr.server.gateway.requests import Login, Logout, PasswordChange
    from envmgr.server.gateway.resources import User
    from envmgr.server.gateway.store.sessions import Session
    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.db.sql import Database, Reader, Transaction
    from envmgr.server.kit.http.rate_limit import Allowance
    from envmgr.server.kit.security.passwords import Passwords
    from envmgr.server.kit.security.tokens import Keyring


@dataclass(frozen=True, slots=True)
class Origin:
    """Where somebody without a credential asks from."""

    address: str
    traceparent: str = ""

    @property
    def site(self) -> str:
        """Name who is counted: an address, or the network of which an IPv6 address is chosen freely."""
        return site(self.address)


@dataclass(frozen=True, slots=True)
class Parts:
    """What signing in is made of."""

    database: Database
    authenticator: Authenticator
    keyring: Keyring
    passwords: Passwords
    limits: Limits
    heard: Allowance
    """How many sign-ins that were not even tried are written down, for each address."""


class SessionService:
    """The sessions of people."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._database = parts.database

    async def login(self, origin: Origin, login: Login) -> Tokens:
        """Begin a session. Raise WrongPassword, TooMany."""
        account = self._account(login.username)
        try:
            async with self._parts.limits.turn(account, origin.site):
                proof = await self._verified(origin, account, login.username, login.password)
        except TooMany:
            await self._note_limited(origin, account)
            raise
        user, token = proof.user, _Given()

        def unit(transaction: Transaction) -> Session:
            if users.password(transaction, user.id) != proof.stored:
                raise _wrong()
            failed_logins.clear(transaction, account, origin.site)
            session_id = sessions.begin(transaction, user.id, origin.address, 0)
            token.give(transaction, session_id)
            transaction.emit(
                Happening(
                    type=LOGIN_SUCCEEDED,
                    subject=f"user/{user.id}",
                    data={"user_id": user.id, "session_id": session_id, "address": origin.address},
                    actor=f"user:{user.username}",
                    traceparent=origin.traceparent,
                )
            )
            session = sessions.live(transaction, session_id, transaction.now)
            if session is None:
                raise _wrong()
            return session

        return self._tokens(await self._database.write(unit), token.text)

    async def refresh(self, origin: Origin, token: str) -> Tokens:
        """Go on with a session: its token is used up, and another given. Raise Unauthenticated, RefreshReused."""
        session_id, hashed = domain.split(token, domain.REFRESH), domain.digest(token)
        following = _Given()

        def unit(transaction: Transaction) -> Session | None:
            unused = sessions.is_unused(transaction, session_id, hashed)
            if unused is False:
                _end_reused(transaction, session_id, origin)
                return None
            session = sessions.live(transaction, session_id, transaction.now) if unused else None
            if session is None:
                raise Unauthenticated(
                    "the refresh token is unknown or expired: sign in", error="invalid_grant"
                )
            sessions.use(transaction, hashed)
            following.give(transaction, session_id)
            return session

        session = await self._parts.authenticator.change(unit)
        if session is None:
            raise domain.RefreshReused(
                "it was used before, so somebody has a copy: the session has ended, sign in again",
                error="invalid_grant",
            )
        return self._tokens(session, following.text)

    async def logout(self, call: Call | None, logout: Logout) -> None:
        """End the session of the refresh token that is given, or of who asks."""
        if logout.refresh_token is not UNSET:
            token = logout.refresh_token
            session_id, hashed = domain.split(token, domain.REFRESH), domain.digest(token)
        elif call is not None:
            session_id, hashed = domain.session_of(call.principal), None
        else:
            raise Unauthenticated("send the refresh token of the session to end, or its access token")

        def unit(transaction: Transaction) -> None:
            if hashed is not None and sessions.is_unused(transaction, session_id, hashed) is None:
                raise Unauthenticated("the refresh token is unknown", error="invalid_grant")
            if sessions.end(transaction, session_id):
                transaction.emit(_logged_out(transaction, session_id))

        await self._parts.authenticator.change(unit)

    async def change_password(self, call: Call, origin: Origin, change: PasswordChange) -> None:
        """Give the caller another password, and end their sessions, this one too. Raise WrongPassword, TooMany."""
        session_id = domain.session_of(call.principal)
        username = call.principal.actor.removeprefix("user:")
        domain.require_good_password(username, change.new, "/new")
        account = self._account(username)
        async with self._parts.limits.turn(account, origin.site):
            user = (await self._verified(origin, account, username, change.current)).user
        hashed = await self._parts.passwords.hashed(change.new)

        def unit(transaction: Transaction) -> None:
            if sessions.live(transaction, session_id, transaction.now) is None:
                raise Unauthenticated("the session has ended: sign in again", error="invalid_token")
            users.set_password(transaction, user.id, hashed)
            failed_logins.clear(transaction, account, origin.site)
            sessions.end_all(transaction, user.id)
            transaction.emit(domain.about(PASSWORD_CHANGED, f"user/{user.id}", {"user_id": user.id}, call))

        await self._parts.authenticator.change(unit)

    async def _verified(self, origin: Origin, account: str, username: str, password: str) -> _Proof:
        """Return the user whose password it is; write down that it is not. Raise WrongPassword."""

        def find(reader: Reader) -> tuple[User | None, str | None]:
            found = users.by_name(reader, username)
            return found, users.password(reader, found.id) if found and found.active else None

        user, stored = await self._database.lookup(find)
        passwords = self._parts.passwords
        if not await passwords.is_right(stored, password) or user is None or stored is None:
            await self._note_failure(origin, account, user)
            raise _wrong()
        if passwords.is_old(stored):
            stored = await self._rehash(user, stored, password)
        return _Proof(user, stored)

    async def _rehash(self, user: User, stored: str, password: str) -> str:
        hashed = await self._parts.passwords.hashed(password)

        def unit(transaction: Transaction) -> None:
            if users.password(transaction, user.id) == stored:
                users.set_password(transaction, user.id, hashed)

        await self._database.write(unit)
        return hashed

    async def _note_failure(self, origin: Origin, account: str, user: User | None) -> None:
        def unit(transaction: Transaction) -> None:
            failed_logins.add(transaction, account, origin.site)
            transaction.emit(_login_failed(origin, account, user, "wrong password"))

        await self._database.write(unit)

    async def _note_limited(self, origin: Origin, account: str) -> None:
        if self._parts.heard.take(origin.site):
            happening = _login_failed(origin, account, None, "too many failures")
            await self._database.write(lambda transaction: transaction.emit(happening))

    def _account(self, username: str) -> str:
        """Name an account in the list of failures: not in clear, as what is typed for a name may be a password."""
        folded = username.casefold().encode()
        return hmac.new(self._parts.keyring.secret, b"account\0" + folded, hashlib.sha256).hexdigest()[:32]

    def _tokens(self, session: Session, refresh: str) -> Tokens:
        now, keyring = now_ms() // 1000, self._parts.keyring
        claims = Claims(
            sub=f"user:{session.username}",
            sid=str(session.id),
            jti=uuid7(),
            iss=keyring.issuer,
            aud=keyring.audience,
            iat=now,
            nbf=now,
            exp=now + domain.ACCESS_SECONDS,
        )
        try:
            access = keyring.sign(claims)
        except InvalidToken as error:
            raise Unavailable(str(error), retry_after=60) from None
        return Tokens(access_token=access, expires_in=domain.ACCESS_SECONDS, refresh_token=refresh)


@dataclass(frozen=True, slots=True)
class _Proof:
    """Somebody whose password was right, and what of it was stored at that time."""

    user: User
    stored: str


class _Given:
    """A refresh token on its way to a session; its secret is chosen once, however often the unit runs."""

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(32)
        self.text = ""

    def give(self, transaction: Transaction, session_id: int) -> None:
        self.text = f"{domain.REFRESH}_{session_id}_{self._secret}"
        until = transaction.now + domain.REFRESH_MS
        sessions.give(transaction, session_id, domain.digest(self.text), until)


def _wrong() -> domain.WrongPassword:
    return domain.WrongPassword("check the name and the password", error="invalid_grant")


def _end_reused(transaction: Transaction, session_id: int, origin: Origin) -> None:
    ended = sessions.end(transaction, session_id)
    user_id = sessions.owner(transaction, session_id)
    data = {
        "user_id": user_id,
        "session_id": session_id,
        "address": origin.address,
        "ended": ended,
    }
    transaction.emit(
        Happening(
            type=REFRESH_REUSED,
            subject=f"user/{user_id}",
            data=data,
            actor=domain.NOBODY,
            traceparent=origin.traceparent,
        )
    )


def _logged_out(transaction: Transaction, session_id: int) -> Happening:
    user_id = sessions.owner(transaction, session_id)
    user = users.by_id(transaction, user_id)
    return Happening(
        type=LOGGED_OUT,
        subject=f"user/{user_id}",
        data={"user_id": user_id, "session_id": session_id},
        actor=f"user:{user.username}" if user else domain.NOBODY,
    )


def _login_failed(origin: Origin, account: str, user: User | None, reason: str) -> Happening:
    data = {
        "username": user.username if user else "",
        "account": account,
        "address": origin.address,
        "reason": reason,
    }
    return Happening(
        type=LOGIN_FAILED,
        subject=f"user/{user.id}" if user else f"account/{account}",
        data=data,
        actor=domain.NOBODY,
        traceparent=origin.traceparent,
    )
