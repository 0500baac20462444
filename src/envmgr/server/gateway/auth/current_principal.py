"""Present permissions of principals, read from the gateway's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from envmgr.server.gateway.store import api_keys, oidc_bindings, sessions
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Principal
from envmgr.server.kit.common.ids import as_id, is_id
from envmgr.server.kit.common.problems import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, MutableMapping

    from envmgr.server.contracts.identity_resources import Binding
    from envmgr.server.gateway.store.api_keys import ActiveKey
    from envmgr.server.gateway.store.sessions import Session
    from envmgr.server.kit.common.context import PrincipalRef, RequestContext, Scope
    from envmgr.server.kit.db.sql import Database, Reader, Transaction

T = TypeVar("T")
_NEVER = 2**63 - 1
"""When a credential without a time limit expires, in milliseconds."""


def with_authorization(
    context: RequestContext, work: Callable[[Transaction], T]
) -> Callable[[Transaction], T]:
    """Return a unit of work that first checks the caller in its own transaction."""

    def unit(transaction: Transaction) -> T:
        require_current(transaction, context.principal, transaction.now)
        return work(transaction)

    return unit


class StoredPermissions:
    """Permissions as stored (implements `kit.common.context.CurrentPermissions`).

    `expiries` has the principals checked since the database last changed, and when each one's credential expires: only
    time can have ended it.
    """

    def __init__(self, database: Database, expiries: MutableMapping[Principal, int]) -> None:
        self._database = database
        self._expiries = expiries

    def require(self, principal: Principal) -> None:
        """Raise Unauthenticated or Forbidden if a principal has lost a permission."""
        now = now_ms()
        if self._expiries.get(principal, 0) <= now:
            self._expiries[principal] = self._database.read_blocking(
                lambda reader: require_current(reader, principal, now)
            )


def require_current(reader: Reader, principal: Principal, now: int) -> int:
    """Return when a principal's credential expires, in milliseconds.

    Raise Unauthenticated for an ended credential, Forbidden for one that lost scopes. A principal without a credential
    is the server itself. The apps of a credential never change.
    """
    if not principal.credential:
        return _NEVER
    kind, _, number = principal.credential.partition(":")
    grant = _GRANTS[kind](reader, int(number), now)
    if grant is None:
        raise Unauthenticated("the credential was revoked or has expired", error="invalid_token")
    scopes, expires_at = grant
    if missing := sorted(principal.scopes - scopes):
        raise Forbidden(f"missing scope {missing[0]}: permissions were reduced during the request")
    return expires_at


def resolve(reader: Reader, ref: PrincipalRef, now: int) -> Principal:
    """Return a principal with its present permissions, within the scopes of `ref`; raise Unauthenticated."""
    kind, _, number = ref.credential.partition(":")
    find = _PRINCIPALS.get(kind)
    principal = find(reader, ref, as_id(number), now) if find and is_id(number) else None
    if principal is None or principal.actor != ref.actor:
        raise Unauthenticated("the credential was revoked or has expired", error="invalid_token")
    return structs.replace(principal, scopes=principal.scopes & ref.scopes)


def session_principal(session: Session) -> Principal:
    """Return the principal of an active session."""
    return Principal(
        actor=f"user:{session.username}",
        role=session.role,
        scopes=SCOPES_BY_ROLE[session.role],
        user_id=session.user_id,
        credential=f"session:{session.id}",
    )


def key_principal(key_id: int, key: ActiveKey) -> Principal:
    """Return the principal of an active API key."""
    return Principal(
        actor=f"key:{key_id}",
        role="ci",
        scopes=key.scopes & SCOPES_BY_ROLE[key.role],
        apps=key.apps,
        user_id=key.user_id,
        credential=f"key:{key_id}",
    )


def binding_principal(binding: Binding, actor: str, scopes: Collection[str]) -> Principal:
    """Return the principal of an exchanged token: a CI job that a binding accepted."""
    return Principal(
        actor=actor,
        role="ci",
        scopes=frozenset(scope for scope in binding.scopes if scope in scopes),
        apps=None if binding.app_ids is None else frozenset(binding.app_ids),
        credential=f"oidc:{binding.id}",
    )


def _resolve_session(reader: Reader, _ref: PrincipalRef, session_id: int, now: int) -> Principal | None:
    session = sessions.find_active(reader, session_id, now)
    return None if session is None else session_principal(session)


def _resolve_key(reader: Reader, _ref: PrincipalRef, key_id: int, now: int) -> Principal | None:
    key = api_keys.find_active(reader, key_id, now)
    return None if key is None else key_principal(key_id, key)


def _resolve_binding(reader: Reader, ref: PrincipalRef, binding_id: int, _now: int) -> Principal | None:
    binding = oidc_bindings.get(reader, binding_id)
    if binding is None or not ref.actor.startswith(f"oidc:{binding_id}/"):
        return None
    return binding_principal(binding, ref.actor, ref.scopes)


_PRINCIPALS: dict[str, Callable[[Reader, PrincipalRef, int, int], Principal | None]] = {
    "session": _resolve_session,
    "key": _resolve_key,
    "oidc": _resolve_binding,
}


def _of_session(reader: Reader, session_id: int, now: int) -> tuple[frozenset[Scope], int] | None:
    session = sessions.find_active(reader, session_id, now)
    return None if session is None else (SCOPES_BY_ROLE[session.role], session.expires_at)


def _of_key(reader: Reader, key_id: int, now: int) -> tuple[frozenset[Scope], int] | None:
    key = api_keys.find_active(reader, key_id, now)
    if key is None:
        return None
    return key.scopes & SCOPES_BY_ROLE[key.role], _NEVER if key.expires_at is None else key.expires_at


def _of_binding(reader: Reader, binding_id: int, _now: int) -> tuple[frozenset[Scope], int] | None:
    binding = oidc_bindings.get(reader, binding_id)
    return None if binding is None else (frozenset(binding.scopes), _NEVER)


_GRANTS: dict[str, Callable[[Reader, int, int], tuple[frozenset[Scope], int] | None]] = {
    "session": _of_session,
    "key": _of_key,
    "oidc": _of_binding,
}
