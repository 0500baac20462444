"""Check that a principal still has its permissions, over the gateway's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from envmgr.server.gateway.store import api_keys, oidc_bindings, sessions
from envmgr.server.kit.common.context import SCOPES_BY_ROLE
from envmgr.server.kit.common.problems import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import Principal, RequestContext, Scope
    from envmgr.server.kit.db.sql import Reader, Transaction

T = TypeVar("T")


def with_authorization(
    context: RequestContext, work: Callable[[Transaction], T]
) -> Callable[[Transaction], T]:
    """Return a unit of work that first checks the caller in its own transaction."""

    def unit(transaction: Transaction) -> T:
        require_current(transaction, context.principal, transaction.now)
        return work(transaction)

    return unit


def require_current(reader: Reader, principal: Principal, now: int) -> None:
    """Raise Unauthenticated for an ended credential, Forbidden for one that lost scopes.

    A principal without a credential is the server itself. The apps of a credential never change.
    """
    if not principal.credential:
        return
    kind, _, number = principal.credential.partition(":")
    scopes = _SCOPES[kind](reader, int(number), now)
    if scopes is None:
        raise Unauthenticated("the credential was revoked or has expired", error="invalid_token")
    if missing := sorted(principal.scopes - scopes):
        raise Forbidden(f"missing scope {missing[0]}: permissions were reduced during the request")


def _of_session(reader: Reader, session_id: int, now: int) -> frozenset[Scope] | None:
    session = sessions.find_active(reader, session_id, now)
    return None if session is None else SCOPES_BY_ROLE[session.role]


def _of_key(reader: Reader, key_id: int, now: int) -> frozenset[Scope] | None:
    key = api_keys.find_active(reader, key_id, now)
    return None if key is None else key.scopes & SCOPES_BY_ROLE[key.role]


def _of_binding(reader: Reader, binding_id: int, _now: int) -> frozenset[Scope] | None:
    binding = oidc_bindings.get(reader, binding_id)
    return None if binding is None else frozenset(binding.scopes)


_SCOPES: dict[str, Callable[[Reader, int, int], frozenset[Scope] | None]] = {
    "session": _of_session,
    "key": _of_key,
    "oidc": _of_binding,
}
