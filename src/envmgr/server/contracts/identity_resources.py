"""Resources of the identity port: users and credentials; secrets only in create responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from envmgr.server.contracts.fields import AppName, Id, Line, Timestamp, Username
from envmgr.server.kit.common.context import Role, Scope

HumanRole = Literal["admin", "user", "viewer"]


class User(Struct, frozen=True, kw_only=True):
    """A user account."""

    id: Id
    username: Username
    role: HumanRole
    active: bool
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class ChangedUser(User, frozen=True, kw_only=True):
    """A user after a change; with the numbers of API keys after a new password or a revocation."""

    active_keys: Annotated[int, Meta(description="API keys that stay valid.")] | UnsetType = UNSET
    revoked_keys: Annotated[int, Meta(description="API keys that the change revoked.")] | UnsetType = UNSET


class TokenPair(Struct, frozen=True, kw_only=True):
    """An access token and the refresh token for the next one."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - of RFC 6749
    expires_in: int
    refresh_token: str


class TokenExchangeResponse(Struct, frozen=True, kw_only=True):
    """A token exchange response (RFC 8693, section 2.2.1)."""

    access_token: str
    issued_token_type: str = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - of RFC 8693
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - of RFC 6749
    expires_in: int
    scope: str


class CurrentPrincipal(Struct, frozen=True, kw_only=True):
    """The caller's identity and permissions."""

    actor: str
    role: Role
    scopes: tuple[Scope, ...]
    app_ids: tuple[Id, ...] | None
    """The only apps that the caller can access; null for all."""
    apps: tuple[AppName, ...] | None
    """Their present names; deleted apps are left out."""
    user_id: Id | None


class KeyCounts(Struct, frozen=True, kw_only=True):
    """A user's API keys after a change of the password: how many stay valid, and how many it revoked."""

    active_keys: int
    revoked_keys: int


class ApiKey(Struct, frozen=True, kw_only=True):
    """An API key; `key` is set only in the response that created it."""

    id: Id
    name: Line
    user_id: Id
    scopes: tuple[Scope, ...]
    app_ids: tuple[Id, ...] | None
    """The only apps that the key can access; null for all."""
    apps: tuple[AppName, ...] | None = None
    """Their present names; deleted apps are left out."""
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    key: str | UnsetType = UNSET


class Binding(Struct, frozen=True, kw_only=True):
    """An OIDC binding: which tokens of an issuer are accepted, and what they grant."""

    id: Id
    name: Line
    issuer: str
    audience: str
    claims: Mapping[str, str]
    scopes: tuple[Scope, ...]
    app_ids: tuple[Id, ...] | None
    """The only apps that the tokens can access; null for all."""
    apps: tuple[AppName, ...] | None = None
    """Their present names; deleted apps are left out."""
    lifetime: int
    created_by: str
    created_at: Timestamp


class PublicKeys(Struct, frozen=True):
    """The public keys that verify this server's tokens (RFC 7517)."""

    keys: tuple[Mapping[str, str], ...]
