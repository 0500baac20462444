"""The rules of who may come in, and who may let others in: pure."""

from __future__ import annotations

import hashlib
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
    from collections.abc import Iterable

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
    """Return what is stored of a token: as it is 32 random bytes, a fast hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()


def parse_token_id(token: str, kind: str) -> int:
    """Return the id in `<kind>_<id>_<secret>`; 0, which nothing has, where it is no such token."""
    parts = token.split("_", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] != kind or not (parts[1].isascii() and parts[1].isdecimal()):
        return 0
    return int(parts[1]) if len(parts[1]) <= len("9" * 16) else 0


def require_good_password(username: str, password: str, pointer: str) -> None:
    """Raise InvalidFields for a password that is too short, or is the name."""
    if len(password) < MIN_PASSWORD_LENGTH:
        detail = f"a password has {MIN_PASSWORD_LENGTH} characters or more"
    elif password.casefold() == username.casefold():
        detail = "the password is the username"
    else:
        return
    raise InvalidFields("choose another password", errors=[(pointer, detail)])


def require_unrestricted(principal: Principal) -> None:
    """Raise Forbidden for who is let in for some apps only: people and issuers are for all."""
    if principal.apps is not None:
        raise Forbidden("your credential is for some apps only")


def require_role_at_least(principal: Principal, role: Role) -> None:
    """Raise Forbidden for who could do less than somebody whom they would create or change."""
    require_unrestricted(principal)
    if not principal.scopes >= SCOPES_BY_ROLE[role]:
        raise Forbidden(f"your credential can do less than a user with the role {role}")


def require_grantable_scopes(
    principal: Principal, scopes: Iterable[Scope], apps: Iterable[str] | None
) -> None:
    """Raise Forbidden for who would give away more than they have."""
    if missing := sorted(set(scopes) - principal.scopes):
        raise Forbidden(f"you cannot give what you do not have: {', '.join(missing)}")
    if principal.apps is not None and (apps is None or not principal.apps.issuperset(apps)):
        raise Forbidden("you cannot give access to apps that you have no access to")


def require_session(principal: Principal) -> int:
    """Return the session that somebody signed in with. Raise Forbidden for keys and jobs."""
    kind, _, number = principal.credential.partition(":")
    if kind != "session":
        raise Forbidden("this is for who signed in with a password, not for keys and jobs")
    return int(number)


def name_taken(username: str) -> AlreadyExists:
    """Say that a name cannot be given."""
    return AlreadyExists(
        f"there is, or was, a user {username!r}: names are not given again, as the audit calls people by them",
        username=username,
    )


def last_admin(username: str) -> LastAdmin:
    """Say why an admin must stay one."""
    return LastAdmin(f"{username} is the last active admin: make another one first")


def no_user(ref: str) -> NotFound:
    """Say that there is no such user."""
    return NotFound(f"there is no user {ref!r}")


def gateway_event(data: EventData, subject: str, context: RequestContext) -> DomainEvent:
    """Create an event that a request caused."""
    return DomainEvent(
        subject=subject, data=data, actor=context.principal.actor, traceparent=context.traceparent
    )


def user_event(kind: type[UserData], user: User, context: RequestContext) -> DomainEvent:
    """Create an event about a user."""
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
    """Create an event about an API key, without its secret."""
    data = kind(
        key_id=key.id,
        name=key.name,
        user_id=key.user_id,
        scopes=key.scopes,
        apps=key.apps,
        expires_at=key.expires_at,
    )
    return gateway_event(data, f"key/{key.id}", context)


def binding_event(kind: type[BindingData], binding: Binding, context: RequestContext) -> DomainEvent:
    """Create an event about a CI trust binding."""
    data = kind(
        binding_id=binding.id,
        name=binding.name,
        issuer=binding.issuer,
        audience=binding.audience,
        claims=binding.claims,
        scopes=binding.scopes,
        apps=binding.apps,
        lifetime=binding.lifetime,
    )
    return gateway_event(data, f"binding/{binding.id}", context)


_STABLE_CLAIMS = {
    "https://token.actions.githubusercontent.com": frozenset({"repository_id", "repository_owner_id"}),
    "https://gitlab.com": frozenset({"project_id", "namespace_id"}),
    "https://agent.buildkite.com": frozenset({"pipeline_id", "organization_id"}),
    "https://oidc.circleci.com": frozenset({"oidc.circleci.com/project-id"}),
}


def stable_claims(issuer: str) -> frozenset[str]:
    """Return the claims of an issuer's tokens of which one names a job's project for good, whatever it is called.

    Of an issuer that is not known here, that may be its `sub`, or an id as those here call it.
    """
    for known, claims in _STABLE_CLAIMS.items():
        if issuer == known or issuer.startswith(f"{known}/"):
            return claims
    return frozenset({"sub"}).union(*_STABLE_CLAIMS.values())
