"""Resources of the identity port: users and credentials; secrets only in the response that creates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from envmgr.server.contracts.fields import AppName, Id, Line, Timestamp, Username
from envmgr.server.kit.common.context import Role, Scope

HumanRole = Literal["admin", "user", "viewer"]


class User(Struct, frozen=True, kw_only=True):
    """Somebody who can sign in."""

    id: Id
    username: Username
    role: HumanRole
    active: bool
    created_at: Timestamp
    updated_at: Timestamp
    rev: int


class TokenPair(Struct, frozen=True, kw_only=True):
    """What lets somebody in for a while, and what gets the next one."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - of RFC 6749
    expires_in: int
    refresh_token: str


class TokenExchangeResponse(Struct, frozen=True, kw_only=True):
    """What a token of a CI system was exchanged for (RFC 8693, section 2.2.1)."""

    access_token: str
    issued_token_type: str = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - of RFC 8693
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - of RFC 6749
    expires_in: int
    scope: str


class CurrentPrincipal(Struct, frozen=True, kw_only=True):
    """Who asks, as the server sees them."""

    actor: str
    role: Role
    scopes: tuple[Scope, ...]
    apps: tuple[AppName, ...] | None
    user_id: Id | None


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key for programs; `key` itself only in the answer that made it."""

    id: Id
    name: Line
    user_id: Id
    scopes: tuple[Scope, ...]
    apps: tuple[AppName, ...] | None
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    key: str | UnsetType = UNSET


class Binding(Struct, frozen=True, kw_only=True):
    """Which tokens of which issuer may be exchanged, and for what."""

    id: Id
    name: Line
    issuer: str
    audience: str
    claims: Mapping[str, str]
    scopes: tuple[Scope, ...]
    apps: tuple[AppName, ...] | None
    lifetime: int
    created_by: str
    created_at: Timestamp


class PublicKeys(Struct, frozen=True):
    """The keys that verify this server's tokens (RFC 7517)."""

    keys: tuple[Mapping[str, str], ...]
