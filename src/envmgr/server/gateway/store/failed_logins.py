"""SQL of failed sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select

from envmgr.server.gateway.store.tables import failed_login
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.db.sql import Reader, Transaction

_ACCOUNT = failed_login.c.account == bindparam("account")
_ADDRESS = failed_login.c.address == bindparam("address")
_RECENT = {
    kind: Statement(
        select(failed_login.c.created_at)
        .where(*conditions, failed_login.c.created_at > bindparam("since"))
        .order_by(failed_login.c.created_at.desc())
        .limit(bindparam("limit"))
    )
    for kind, conditions in {
        "pair": (_ACCOUNT, _ADDRESS),
        "account": (_ACCOUNT,),
        "address": (_ADDRESS,),
    }.items()
}
_INSERT = Statement(
    insert(failed_login).values(
        account=bindparam("account"), address=bindparam("address"), created_at=bindparam("now")
    )
)
_CLEAR = Statement(
    delete(failed_login).where(
        failed_login.c.account == bindparam("target_account"),
        failed_login.c.address == bindparam("target_address"),
    )
)
_PURGE = Statement(delete(failed_login).where(failed_login.c.created_at < bindparam("before")))


def recent(reader: Reader, kind: str, values: dict[str, str], since: int, limit: int) -> Sequence[int]:
    """Return the times of recent failures of a `pair`, `account` or `address`, newest first."""
    return [row[0] for row in reader.all(_RECENT[kind], since=since, limit=limit, **values)]


def add(transaction: Transaction, account: str, address: str) -> None:
    """Insert a failure."""
    transaction.execute(_INSERT, account=account, address=address, now=transaction.now)


def clear(transaction: Transaction, account: str, address: str) -> None:
    """Delete the failures of an account from an address."""
    transaction.execute(_CLEAR, target_account=account, target_address=address)


def purge(transaction: Transaction, before: int) -> None:
    """Delete expired failures."""
    transaction.execute(_PURGE, before=before)
