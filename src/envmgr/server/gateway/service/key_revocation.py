"""API keys of a user whose password changes: they stay valid unless their revocation is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.server.contracts.events.identity import ApiKeyRevoked
from envmgr.server.contracts.identity_resources import KeyCounts
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import api_keys

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.db.sql import Transaction


def count_keys(transaction: Transaction, user_id: int) -> KeyCounts:
    """Return the numbers of a user's keys, which all stay valid."""
    active = api_keys.active_of_user(transaction, user_id, transaction.now)
    return KeyCounts(active_keys=len(active), revoked_keys=0)


def revoke_keys(transaction: Transaction, context: RequestContext, user_id: int) -> KeyCounts:
    """Revoke all keys of a user, each with its event; return their numbers."""
    active = api_keys.active_of_user(transaction, user_id, transaction.now)
    for key in active:
        api_keys.revoke(transaction, key.id)
        transaction.emit(identity_model.api_key_event(ApiKeyRevoked, key, context))
    return KeyCounts(active_keys=0, revoked_keys=len(active))
