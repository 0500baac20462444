"""Authorization of units of work, checked again in the transaction that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.db.sql import Transaction

T = TypeVar("T")


def with_authorization(
    context: RequestContext, work: Callable[[Transaction], T]
) -> Callable[[Transaction], T]:
    """Return a unit that first checks the caller's permissions; raise Unauthenticated, Forbidden.

    Permissions are those as of a moment after the transaction began, the same for all units committed with it.
    """

    def unit(transaction: Transaction) -> T:
        if context.current_permissions is not None:
            transaction.share(context.current_permissions).require(context.principal)
        return work(transaction)

    return unit
