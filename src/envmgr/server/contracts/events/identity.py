"""Events of the gateway: sign-in, denials, users, API keys, CI trust bindings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import UNSET, UnsetType

from envmgr.server.contracts.fields import Id, Timestamp
from envmgr.server.kit.common.events import EventData


class LoginSucceeded(EventData, frozen=True, kw_only=True):
    """A user signed in."""

    TYPE: ClassVar[str] = "LoginSucceeded"

    user_id: Id
    session_id: Id
    address: str


class LoginFailed(EventData, frozen=True, kw_only=True):
    """A sign-in was refused."""

    TYPE: ClassVar[str] = "LoginFailed"

    username: str
    """The user's name; empty for an unknown one, which may be a mistyped password."""
    account: str
    address: str
    reason: str


class LoggedOut(EventData, frozen=True, kw_only=True):
    """A user signed out."""

    TYPE: ClassVar[str] = "LoggedOut"

    user_id: Id | None
    session_id: Id


class RefreshReused(EventData, frozen=True, kw_only=True):
    """A refresh token was used a second time."""

    TYPE: ClassVar[str] = "RefreshReused"

    user_id: Id | None
    session_id: Id
    address: str
    ended: bool
    """Whether this revoked the session; False if it had ended before."""


class PasswordChanged(EventData, frozen=True, kw_only=True):
    """A user changed their password."""

    TYPE: ClassVar[str] = "PasswordChanged"

    user_id: Id


class AccessDenied(EventData, frozen=True, kw_only=True):
    """A request was refused."""

    TYPE: ClassVar[str] = "AccessDenied"

    method: str
    path: str
    status: int
    problem: str
    reason: str
    issuer: str | UnsetType = UNSET
    """The issuer of the token, if a token exchange was refused."""
    address: str
    request_id: str | UnsetType = UNSET


class TokenExchanged(EventData, frozen=True, kw_only=True):
    """A CI job exchanged its OIDC token for an access token."""

    TYPE: ClassVar[str] = "TokenExchanged"

    binding_id: Id
    issuer: str
    claims: Mapping[str, str]
    scopes: tuple[str, ...]
    app_ids: tuple[Id, ...] | None
    expires_in: int
    address: str


class UserData(EventData, frozen=True, kw_only=True):
    """The user as they are after the event."""

    user_id: Id
    username: str
    role: str
    active: bool
    created_at: Timestamp
    updated_at: Timestamp


class UserCreated(UserData, frozen=True, kw_only=True):
    """A user was created."""

    TYPE: ClassVar[str] = "UserCreated"


class UserUpdated(UserData, frozen=True, kw_only=True):
    """A user was changed."""

    TYPE: ClassVar[str] = "UserUpdated"


class UserDeleted(UserData, frozen=True, kw_only=True):
    """A user was deleted."""

    TYPE: ClassVar[str] = "UserDeleted"


class ApiKeyData(EventData, frozen=True, kw_only=True):
    """The API key, without its secret."""

    key_id: Id
    name: str
    user_id: Id
    scopes: tuple[str, ...]
    app_ids: tuple[Id, ...] | None
    expires_at: Timestamp | None


class ApiKeyCreated(ApiKeyData, frozen=True, kw_only=True):
    """An API key was created."""

    TYPE: ClassVar[str] = "ApiKeyCreated"


class ApiKeyRevoked(ApiKeyData, frozen=True, kw_only=True):
    """An API key was revoked."""

    TYPE: ClassVar[str] = "ApiKeyRevoked"


class BindingData(EventData, frozen=True, kw_only=True):
    """The CI trust binding."""

    binding_id: Id
    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    scopes: tuple[str, ...]
    app_ids: tuple[Id, ...] | None
    lifetime: int


class BindingCreated(BindingData, frozen=True, kw_only=True):
    """A CI trust binding was created."""

    TYPE: ClassVar[str] = "BindingCreated"


class BindingDeleted(BindingData, frozen=True, kw_only=True):
    """A CI trust binding was deleted."""

    TYPE: ClassVar[str] = "BindingDeleted"
