"""Ports of the identity service in the gateway: sessions, users, API keys and CI bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import (
        BindingCreate,
        ClientInfo,
        KeyCreate,
        Login,
        Logout,
        PasswordChange,
        TokenExchangeRequest,
        UserCreate,
        UserPatch,
    )
    from envmgr.server.contracts.identity_resources import (
        ApiKey,
        Binding,
        ChangedUser,
        CurrentPrincipal,
        KeyCounts,
        PublicKeys,
        TokenExchangeResponse,
        TokenPair,
        User,
    )
    from envmgr.server.kit.common.context import Principal, PrincipalRef, RequestContext
    from envmgr.server.kit.common.pages import Page, PageRequest
    from envmgr.server.kit.common.results import Result
    from envmgr.server.kit.telemetry.request_info import Authenticator, RequestInfo


class Principals(Protocol):
    """Principals of credentials that another service has verified."""

    async def resolve(self, ref: PrincipalRef) -> Principal:
        """Return a principal with its present permissions, within `ref.scopes`; raise Unauthenticated."""
        ...


class Sessions(Protocol):
    """Sessions of users."""

    async def login(self, client: ClientInfo, login: Login) -> TokenPair:
        """Start a session; raise InvalidCredentials, TooManyRequests."""
        ...

    async def refresh(self, client: ClientInfo, token: str) -> TokenPair:
        """Exchange a refresh token for new tokens; raise Unauthenticated, RefreshTokenReused."""
        ...

    async def logout(self, context: RequestContext | None, logout: Logout) -> None:
        """End a session."""
        ...

    async def change_password(
        self, context: RequestContext, client: ClientInfo, change: PasswordChange
    ) -> KeyCounts:
        """Change the caller's password, and end all of their sessions."""
        ...

    async def current_principal(self, context: RequestContext) -> CurrentPrincipal:
        """Return the caller's identity and permissions."""
        ...

    async def public_keys(self) -> PublicKeys:
        """Return the keys that verify access tokens."""
        ...


class Users(Protocol):
    """Users."""

    async def create(self, context: RequestContext, new: UserCreate) -> Result[User]:
        """Create a user."""
        ...

    async def get(self, context: RequestContext, ref: str) -> User:
        """Return a user."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[User]:
        """Return a page of users."""
        ...

    async def update(self, context: RequestContext, ref: str, change: UserPatch) -> ChangedUser:
        """Update a user, and end their sessions; with a new password, count their API keys."""
        ...

    async def delete(self, context: RequestContext, ref: str) -> None:
        """Delete a user, and revoke their keys; raise LastAdmin."""
        ...

    async def set_password(self, username: str, password: str, *, revoke_keys: bool = False) -> KeyCounts:
        """Set a user's password as the server's operator."""
        ...


class ApiKeys(Protocol):
    """API keys."""

    async def create(self, context: RequestContext, new: KeyCreate) -> Result[ApiKey]:
        """Create a key; only this result has its secret."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[ApiKey]:
        """Return a page of the caller's keys; for admins, of all."""
        ...

    async def get(self, context: RequestContext, key_id: int) -> ApiKey:
        """Return a key without its secret."""
        ...

    async def revoke(self, context: RequestContext, key_id: int) -> None:
        """Revoke a key."""
        ...


class Bindings(Protocol):
    """CI trust bindings."""

    async def create(self, context: RequestContext, new: BindingCreate) -> Result[Binding]:
        """Create a binding."""
        ...

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Binding]:
        """Return a page of bindings."""
        ...

    async def get(self, context: RequestContext, binding_id: int) -> Binding:
        """Return a binding."""
        ...

    async def delete(self, context: RequestContext, binding_id: int) -> None:
        """Delete a binding."""
        ...


class TokenExchange(Protocol):
    """Exchange of CI tokens for access tokens (RFC 8693)."""

    async def exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        """Exchange a CI system's OIDC token; raise TokenRefused, IssuerUnavailable."""
        ...


class DenialLog(Protocol):
    """Record of denied requests."""

    async def record_denial(self, info: RequestInfo, status: int) -> None:
        """Record a denied request before its response is sent."""
        ...


class Identity(Protocol):
    """The identity service."""

    @property
    def authenticator(self) -> Authenticator:
        """Return the authenticator of requests."""
        ...

    @property
    def principals(self) -> Principals:
        """Return the port of principals."""
        ...

    @property
    def denials(self) -> DenialLog:
        """Return the record of denied requests."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Return the port of sessions."""
        ...

    @property
    def users(self) -> Users:
        """Return the port of users."""
        ...

    @property
    def keys(self) -> ApiKeys:
        """Return the port of API keys."""
        ...

    @property
    def bindings(self) -> Bindings:
        """Return the port of CI trust bindings."""
        ...

    @property
    def exchange(self) -> TokenExchange:
        """Return the port of the token exchange."""
        ...

    async def create_initial_admin(self, password: str = "") -> str | None:
        """Create the first admin if no user exists; return the generated password, if any."""
        ...
