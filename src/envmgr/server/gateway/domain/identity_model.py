"""Identity and access rules: pure."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from envmgr.server.contracts.problems import LastAdmin
from envmgr.server.kit.common.context import SCOPES_BY_ROLE
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    Forbidden,
    InvalidFields,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envmgr.server.contracts.events.identity import ApiKeyData, BindingData, UserData
    from envmgr.server.contracts.identity_resources import ApiKey, Binding, User
    from envmgr.server.kit.common.context import Principal, RequestContext, Role, Scope
    from envmgr.server.kit.common.events import EventData

ACCESS_SECONDS = 15 * 60
REFRESH_MS = 30 * 24 * 3600 * 1000
MIN_PASSWORD_LENGTH = 12
KEY, REFRESH = "evm", "evr"
ANONYMOUS = "anonymous"
_PARTS = 3


def hash_token(token: str) -> str:
    """Return the stored digest of a token; with 32 random bytes, a fast hash is as strong as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()


def parse_token_id(token: str, kind: str) -> int:
    """Return the ID in `<kind>_<id>_<secret>`; 0, which is never used, for any other text."""
    parts = token.split("_", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != kind or not (parts[1].isascii() and parts[1].isdecimal()):
        return 0
    return int(parts[1]) if len(parts[1]) <= len("9" * 16) else 0


def require_good_password(username: str, password: str, pointer: str) -> None:
    """Raise InvalidFields for a password that is too short or equals the username."""
    if len(password) < MIN_PASSWORD_LENGTH:
        detail = f"password must be at least {MIN_PASSWORD_LENGTH} characters"
    elif password.casefold() == username.casefold():
        detail = "password must differ from the username"
    else:
        return
    raise InvalidFields("choose another password", errors=[(pointer, detail)])


def require_unrestricted(principal: Principal) -> None:
    """Raise Forbidden for a principal limited to some apps."""
    if principal.apps is not None:
        raise Forbidden("your credential is limited to some apps")


def require_role_at_least(principal: Principal, role: Role) -> None:
    """Raise Forbidden unless the principal has all scopes of the role."""
    require_unrestricted(principal)
    if not principal.scopes >= SCOPES_BY_ROLE[role]:
        raise Forbidden(f"your role is lower than {role}")


def require_grantable_scopes(
    principal: Principal, scopes: Iterable[Scope], app_ids: Iterable[int] | None
) -> None:
    """Raise Forbidden for scopes or apps that the principal does not have."""
    if missing := sorted(set(scopes) - principal.scopes):
        raise Forbidden(f"cannot grant scopes you do not have: {', '.join(missing)}")
    if principal.apps is not None and (app_ids is None or not principal.apps.issuperset(app_ids)):
        raise Forbidden("cannot grant access to apps you cannot access")


def require_session(principal: Principal) -> int:
    """Return the ID of the principal's session; raise Forbidden for keys and CI tokens."""
    kind, _, number = principal.credential.partition(":")
    if kind != "session":
        raise Forbidden("requires an interactive session, not an API key or CI token")
    return int(number)


def name_taken(username: str) -> AlreadyExists:
    """Return the problem for a username that was ever used."""
    return AlreadyExists(
        f"username {username!r} is or was in use; usernames are never reused",
        username=username,
    )


def last_admin(username: str) -> LastAdmin:
    """Return the problem for removing the last admin."""
    return LastAdmin(f"{username} is the last active admin; create another admin first")


def no_user(ref: str) -> NotFound:
    """Return the problem for an unknown user."""
    return NotFound(f"user {ref!r} not found")


def gateway_event(data: EventData, subject: str, context: RequestContext) -> DomainEvent:
    """Return an event caused by a request."""
    return DomainEvent(
        subject=subject, data=data, actor=context.principal.actor, traceparent=context.traceparent
    )


def user_event(kind: type[UserData], user: User, context: RequestContext) -> DomainEvent:
    """Return an event about a user."""
    data = kind(
        user_id=user.id,
        username=user.username,
        role=user.role,
        active=user.active,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )
    return gateway_event(data, f"user/{user.id}", context)


def api_key_event(kind: type[ApiKeyData], key: ApiKey, context: RequestContext) -> DomainEvent:
    """Return an event about an API key, without its secret."""
    data = kind(
        key_id=key.id,
        name=key.name,
        user_id=key.user_id,
        scopes=key.scopes,
        app_ids=key.app_ids,
        expires_at=key.expires_at,
    )
    return gateway_event(data, f"key/{key.id}", context)


def binding_event(kind: type[BindingData], binding: Binding, context: RequestContext) -> DomainEvent:
    """Return an event about an OIDC binding."""
    data = kind(
        binding_id=binding.id,
        name=binding.name,
        issuer=binding.issuer,
        audience=binding.audience,
        claims=binding.claims,
        scopes=binding.scopes,
        app_ids=binding.app_ids,
        lifetime=binding.lifetime,
    )
    return gateway_event(data, f"binding/{binding.id}", context)


_STABLE_CLAIMS = {
    "https://token.actions.githubusercontent.com": frozenset({"repository_id", "repository_owner_id"}),
    "https://gitlab.com": frozenset({"project_id", "namespace_id"}),
    "https://agent.buildkite.com": frozenset({"pipeline_id", "organization_id"}),
    "https://oidc.circleci.com": frozenset({"oidc.circleci.com/project-id"}),
}


_GITHUB = "https://token.actions.githubusercontent.com"
_IMMUTABLE_SUB = re.compile(r"repo:[^@/:]+@[0-9]+/[^@/:]+@[0-9]+:.+")
"""GitHub's subjects with the IDs of owner and repository: `repo:octo@12/shop@34:ref:refs/heads/main`."""


def has_immutable_subject(issuer: str, claims: Mapping[str, str]) -> bool:
    """Return whether the claims have a subject of GitHub Actions that contains permanent IDs."""
    return _is_github(issuer) and _IMMUTABLE_SUB.fullmatch(claims.get("sub", "")) is not None


def subject_hint(issuer: str) -> str:
    """Return the form of the subject that an issuer's binding may have in place of an ID claim, if any."""
    if not _is_github(issuer):
        return ""
    return "; or a sub with the IDs of owner and repository: repo:OWNER@ID/REPOSITORY@ID:ref:refs/heads/main"


def _is_github(issuer: str) -> bool:
    return issuer == _GITHUB or issuer.startswith(f"{_GITHUB}/")


def stable_claims(issuer: str) -> frozenset[str]:
    """Return the claims of an issuer that identify a project permanently, independent of its name.

    For an unknown issuer, that may be `sub`, or any of the known ID claims.
    """
    for known_issuer, claims in _STABLE_CLAIMS.items():
        if issuer == known_issuer or issuer.startswith(f"{known_issuer}/"):
            return claims
    return frozenset({"sub"}).union(*_STABLE_CLAIMS.values())
