"""Use cases of sign-in, refresh and sign-out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.events.identity import (
    LoggedOut,
    LoginFailed,
    LoginSucceeded,
    PasswordChanged,
    RefreshReused,
)
from envmgr.server.contracts.identity_resources import CurrentPrincipal, PublicKeys, TokenPair
from envmgr.server.contracts.problems import InvalidCredentials, RefreshTokenReused
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.service.key_revocation import count_keys, revoke_keys
from envmgr.server.gateway.store import failed_logins, sessions, users
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import ServiceUnavailable, TooManyRequests, Unauthenticated
from envmgr.server.kit.security.tokens import Claims, InvalidToken

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import ClientInfo, Login, Logout, PasswordChange
    from envmgr.server.contracts.identity_resources import KeyCounts, User
    from envmgr.server.gateway.auth.authenticator import Authenticator
    from envmgr.server.gateway.auth.login_throttle import LoginThrottle
    from envmgr.server.gateway.service.app_names import AppNames
    from envmgr.server.gateway.store.sessions import Session
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.db.sql import Database, Reader, Transaction
    from envmgr.server.kit.http.rate_limit import RateLimiter
    from envmgr.server.kit.security.passwords import Argon2PasswordHasher
    from envmgr.server.kit.security.tokens import Keyring


@dataclass(frozen=True, slots=True)
class SessionDependencies:
    """Dependencies of the session service."""

    database: Database
    authenticator: Authenticator
    keyring: Keyring
    passwords: Argon2PasswordHasher
    login_throttle: LoginThrottle
    denial_limiter: RateLimiter
    """Limits the throttled sign-ins recorded for each address."""
    app_names: AppNames


class SessionService:
    """User sessions."""

    def __init__(self, dependencies: SessionDependencies) -> None:
        self._dependencies = dependencies
        self._database = dependencies.database

    async def login(self, client: ClientInfo, login: Login) -> TokenPair:
        """Create a session; raise InvalidCredentials, TooManyRequests."""
        account = self._account_key(login.username)
        try:
            async with self._dependencies.login_throttle.attempt(account, client.network):
                verified = await self._verify_user(client, account, login.username, login.password)
        except TooManyRequests:
            await self._record_throttled(client, account)
            raise
        user, token = verified.user, _NewRefreshToken()

        def create_session(transaction: Transaction) -> Session:
            if users.password(transaction, user.id) != verified.stored:
                raise _invalid_credentials()
            failed_logins.clear(transaction, account, client.network)
            session_id = sessions.create(transaction, user.id, client.address, 0)
            token.store(transaction, session_id)
            transaction.emit(
                DomainEvent(
                    subject=f"user/{user.id}",
                    data=LoginSucceeded(user_id=user.id, session_id=session_id, address=client.address),
                    actor=f"user:{user.username}",
                    traceparent=client.traceparent,
                )
            )
            session = sessions.find_active(transaction, session_id, transaction.now)
            if session is None:
                raise _invalid_credentials()
            return session

        return self._tokens(await self._database.write(create_session), token.text)

    async def refresh(self, client: ClientInfo, token: str) -> TokenPair:
        """Rotate a session's refresh token; raise Unauthenticated, RefreshTokenReused."""
        session_id, hashed = (
            identity_model.parse_token_id(token, identity_model.REFRESH),
            identity_model.hash_token(token),
        )
        successor = _NewRefreshToken()

        def rotate(transaction: Transaction) -> Session | None:
            is_first_use = sessions.mark_used(transaction, session_id, hashed)
            if not is_first_use and sessions.has_refresh_token(transaction, session_id, hashed):
                _revoke_reused(transaction, session_id, client)
                return None
            session = sessions.find_active(transaction, session_id, transaction.now) if is_first_use else None
            if session is None:
                raise Unauthenticated("invalid or expired refresh token", error="invalid_grant")
            successor.store(transaction, session_id)
            return session

        session = await self._dependencies.authenticator.write_and_invalidate(rotate)
        if session is None:
            raise RefreshTokenReused(
                "refresh token reuse detected: session revoked, sign in again",
                error="invalid_grant",
            )
        return self._tokens(session, successor.text)

    async def logout(self, context: RequestContext | None, logout: Logout) -> None:
        """Revoke the session of the refresh token, or the caller's."""
        if logout.refresh_token is not UNSET:
            token = logout.refresh_token
            session_id, hashed = (
                identity_model.parse_token_id(token, identity_model.REFRESH),
                identity_model.hash_token(token),
            )
        elif context is not None:
            session_id, hashed = identity_model.require_session(context.principal), None
        else:
            raise Unauthenticated("send the session's refresh or access token")

        def revoke(transaction: Transaction) -> None:
            if hashed is not None and not sessions.has_refresh_token(transaction, session_id, hashed):
                raise Unauthenticated("invalid refresh token", error="invalid_grant")
            if sessions.revoke(transaction, session_id):
                transaction.emit(_logged_out(transaction, session_id))

        await self._dependencies.authenticator.write_and_invalidate(revoke)

    async def current_principal(self, context: RequestContext) -> CurrentPrincipal:
        """Return the caller's identity and permissions."""
        principal = context.principal
        current = CurrentPrincipal(
            actor=principal.actor,
            role=principal.role,
            scopes=tuple(sorted(principal.scopes)),
            app_ids=None if principal.apps is None else tuple(sorted(principal.apps)),
            apps=None,
            user_id=principal.user_id,
        )
        return (await self._dependencies.app_names.fill_in([current]))[0]

    async def public_keys(self) -> PublicKeys:
        """Return the keys that verify access tokens."""
        return PublicKeys(tuple(self._dependencies.keyring.jwks()["keys"]))

    async def change_password(
        self, context: RequestContext, client: ClientInfo, change: PasswordChange
    ) -> KeyCounts:
        """Change a password and revoke the user's sessions; raise InvalidCredentials, TooManyRequests."""
        session_id = identity_model.require_session(context.principal)
        username = context.principal.actor.removeprefix("user:")
        identity_model.require_good_password(username, change.new, "/new")
        account = self._account_key(username)
        async with self._dependencies.login_throttle.attempt(account, client.network):
            proof = await self._verify_user(client, account, username, change.current)
        user = proof.user
        hashed = await self._dependencies.passwords.hash(change.new)

        def set_password(transaction: Transaction) -> KeyCounts:
            if sessions.find_active(transaction, session_id, transaction.now) is None:
                raise Unauthenticated("session expired; sign in again", error="invalid_token")
            if users.password(transaction, user.id) != proof.stored:
                raise _invalid_credentials()
            users.set_password(transaction, user.id, hashed)
            failed_logins.clear(transaction, account, client.network)
            sessions.revoke_all(transaction, user.id)
            transaction.emit(
                identity_model.gateway_event(PasswordChanged(user_id=user.id), f"user/{user.id}", context)
            )
            if change.revoke_keys:
                return revoke_keys(transaction, context, user.id)
            return count_keys(transaction, user.id)

        return await self._dependencies.authenticator.write_and_invalidate(set_password)

    async def _verify_user(
        self, client: ClientInfo, account: str, username: str, password: str
    ) -> _VerifiedUser:
        """Return the user if the password is right, else record the failure; raise InvalidCredentials."""

        def find(reader: Reader) -> tuple[User | None, str | None]:
            user = users.by_name(reader, username)
            return user, users.password(reader, user.id) if user and user.active else None

        user, stored = await self._database.read_inline(find)
        passwords = self._dependencies.passwords
        if not await passwords.verify(stored, password) or user is None or stored is None:
            await self._record_failure(client, account, user)
            raise _invalid_credentials()
        if passwords.should_rehash(stored):
            stored = await self._rehash(user, stored, password)
        return _VerifiedUser(user, stored)

    async def _rehash(self, user: User, stored: str, password: str) -> str:
        hashed = await self._dependencies.passwords.hash(password)

        def replace_hash(transaction: Transaction) -> None:
            if users.password(transaction, user.id) == stored:
                users.set_password(transaction, user.id, hashed)

        await self._database.write(replace_hash)
        return hashed

    async def _record_failure(self, client: ClientInfo, account: str, user: User | None) -> None:
        def add_failure(transaction: Transaction) -> None:
            failed_logins.add(transaction, account, client.network)
            transaction.emit(_login_failed(client, account, user, "wrong password"))

        await self._database.write(add_failure)

    async def _record_throttled(self, client: ClientInfo, account: str) -> None:
        if self._dependencies.denial_limiter.allow(client.network):
            event = _login_failed(client, account, None, "too many failures")
            await self._database.write(lambda transaction: transaction.emit(event))

    def _account_key(self, username: str) -> str:
        """Return the key of an account's failures: a digest, since users may type a password as username."""
        folded = username.casefold().encode()
        return hmac.new(self._dependencies.keyring.secret, b"account\0" + folded, hashlib.sha256).hexdigest()[
            :32
        ]

    def _tokens(self, session: Session, refresh: str) -> TokenPair:
        now, keyring = now_ms() // 1000, self._dependencies.keyring
        claims = Claims(
            sub=f"user:{session.username}",
            sid=str(session.id),
            jti=uuid7(),
            iss=keyring.issuer,
            aud=keyring.audience,
            iat=now,
            nbf=now,
            exp=now + identity_model.ACCESS_SECONDS,
        )
        try:
            access = keyring.sign(claims)
        except InvalidToken as error:
            raise ServiceUnavailable(str(error), retry_after=60) from None
        return TokenPair(access_token=access, expires_in=identity_model.ACCESS_SECONDS, refresh_token=refresh)


@dataclass(frozen=True, slots=True)
class _VerifiedUser:
    """A user with a verified password, and the hash it was verified against."""

    user: User
    stored: str


class _NewRefreshToken:
    """A new refresh token; its secret is chosen once, however often the unit of work runs."""

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(32)
        self.text = ""

    def store(self, transaction: Transaction, session_id: int) -> None:
        self.text = f"{identity_model.REFRESH}_{session_id}_{self._secret}"
        until = transaction.now + identity_model.REFRESH_MS
        sessions.add_refresh_token(transaction, session_id, identity_model.hash_token(self.text), until)


def _invalid_credentials() -> InvalidCredentials:
    return InvalidCredentials("invalid username or password", error="invalid_grant")


def _revoke_reused(transaction: Transaction, session_id: int, client: ClientInfo) -> None:
    ended = sessions.revoke(transaction, session_id)
    user_id = sessions.owner_of(transaction, session_id)
    data = RefreshReused(user_id=user_id, session_id=session_id, address=client.address, ended=ended)
    transaction.emit(
        DomainEvent(
            subject=f"user/{user_id}",
            data=data,
            actor=identity_model.ANONYMOUS,
            traceparent=client.traceparent,
        )
    )


def _logged_out(transaction: Transaction, session_id: int) -> DomainEvent:
    user_id = sessions.owner_of(transaction, session_id)
    user = users.by_id(transaction, user_id)
    return DomainEvent(
        subject=f"user/{user_id}",
        data=LoggedOut(user_id=user_id, session_id=session_id),
        actor=f"user:{user.username}" if user else identity_model.ANONYMOUS,
    )


def _login_failed(client: ClientInfo, account: str, user: User | None, reason: str) -> DomainEvent:
    data = LoginFailed(
        username=user.username if user else "", account=account, address=client.address, reason=reason
    )
    return DomainEvent(
        subject=f"user/{user.id}" if user else f"account/{account}",
        data=data,
        actor=identity_model.ANONYMOUS,
        traceparent=client.traceparent,
    )
