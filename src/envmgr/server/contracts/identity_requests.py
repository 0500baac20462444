"""Request bodies of the identity port, and the client of a request without a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from envmgr.server.contracts.fields import AppName, Line, Username
from envmgr.server.contracts.identity_resources import HumanRole
from envmgr.server.contracts.requests import Request
from envmgr.server.kit.common.context import Scope
from envmgr.server.kit.http.client_address import client_network
from envmgr.server.kit.http.validation_messages import described_pattern

_YEAR = 366 * 24 * 3600
_PLAIN = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$(?!\n)"
Password = Annotated[str, Meta(min_length=1, max_length=1024, pattern=_PLAIN)]
RevokeKeys = Annotated[
    bool, Meta(description="Revoke all API keys of the user, too; otherwise they stay valid.")
]
NewPassword = Annotated[str, Meta(max_length=1024, pattern=_PLAIN, extra_json_schema={"minLength": 12})]
"""The minimum length is documented here, and enforced where the error can explain it."""
UsernameInput = Annotated[str, Meta(min_length=1, max_length=256, pattern=_PLAIN)]
"""A username as typed; looked up verbatim."""
TokenText = Annotated[
    str,
    described_pattern(
        "printable ASCII without spaces", min_length=1, max_length=4096, pattern=r"^[!-~]+$(?!\n)"
    ),
]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=20)]
Apps = Annotated[tuple[AppName, ...], Meta(min_length=1, max_length=200)]
Lifetime = Annotated[int, Meta(ge=60, le=5 * _YEAR, description="Seconds.", examples=[7_776_000])]
Issuer = Annotated[
    str,
    described_pattern(
        "an https:// or http:// URL without spaces",
        max_length=500,
        pattern=r"^https?://[!-~]+$(?!\n)",
        examples=["https://token.actions.githubusercontent.com"],
    ),
]
Audience = Annotated[
    str, Meta(min_length=1, max_length=500, pattern=r"^[!-~]+$(?!\n)", examples=["https://alm.example"])
]
ClaimName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[!-~]+$(?!\n)")]
Claims = Annotated[
    Mapping[ClaimName, Annotated[str, Meta(max_length=500)]],
    Meta(min_length=1, examples=[{"repository_id": "123456789", "ref": "refs/heads/main"}]),
]


class Login(Request, frozen=True, kw_only=True):
    """Username and password."""

    username: UsernameInput
    password: Password


class RefreshRequest(Request, frozen=True, kw_only=True):
    """A refresh token to rotate."""

    refresh_token: TokenText


class Logout(Request, frozen=True, kw_only=True):
    """Sign-out from the session of the refresh token, or of the caller."""

    refresh_token: TokenText | UnsetType = UNSET


class PasswordChange(Request, frozen=True, kw_only=True):
    """The current and the new password."""

    current: Password
    new: NewPassword
    revoke_keys: RevokeKeys = False


class UserCreate(Request, frozen=True, kw_only=True):
    """A new user."""

    username: Username
    password: NewPassword
    role: HumanRole = "user"


class UserPatch(Request, frozen=True, kw_only=True):
    """Changes to a user; they revoke the user's sessions, and API keys only with `revoke_keys`."""

    role: HumanRole | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET
    revoke_keys: RevokeKeys = False


class KeyCreate(Request, frozen=True, kw_only=True):
    """A new API key, with at most its creator's permissions."""

    name: Annotated[Line, Meta(min_length=1)]
    scopes: Scopes
    app: AppName | UnsetType = UNSET
    apps: Apps | UnsetType = UNSET
    expires_in: Lifetime | UnsetType = UNSET


class BindingCreate(Request, frozen=True, kw_only=True):
    """A new OIDC binding: issuer, required claims and granted scopes."""

    name: Line = ""
    issuer: Issuer
    audience: Audience
    claims: Claims
    scopes: Scopes
    apps: Apps | UnsetType = UNSET
    lifetime: Annotated[int, Meta(ge=60, le=900)] = 900


class TokenExchangeRequest(Request, frozen=True, kw_only=True):
    """A token exchange request (RFC 8693, section 2.1)."""

    grant_type: str
    subject_token: str
    subject_token_type: str
    requested_token_type: str | UnsetType = UNSET
    audience: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Network address and trace context of a client without a credential."""

    address: str
    traceparent: str = ""

    @property
    def network(self) -> str:
        """Return the key for rate limits: the address, or the /64 network of an IPv6 address."""
        return client_network(self.address)
