"""Sign-ins that failed, as long as they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select

from envmgr.server.gateway.store.tables import attempt
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.db.sql import Reader, Transaction

_ACCOUNT = attempt.c.account == bindparam("account")
_ADDRESS = attempt.c.address == bindparam("address")
_NEWEST = {
    which: Statement(
        select(attempt.c.at)
        .where(*conditions, attempt.c.at > bindparam("since"))
        .order_by(attempt.c.at.desc())
        .limit(bindparam("most"))
    )
    for which, conditions in {
        "pair": (_ACCOUNT, _ADDRESS),
        "account": (_ACCOUNT,),
        "address": (_ADDRESS,),
    }.items()
}
_INSERT = Statement(
    insert(attempt).values(account=bindparam("account"), address=bindparam("address"), at=bindparam("now"))
)
_CLEAR = Statement(
    delete(attempt).where(attempt.c.account == bindparam("whose"), attempt.c.address == bindparam("where"))
)
_FORGET = Statement(delete(attempt).where(attempt.c.at < bindparam("before")))


def newest(reader: Reader, which: str, values: dict[str, str], since: int, most: int) -> Sequence[int]:
    """Return when the newest failures were: of a `pair`, an `account` or an `address`; newest first."""
    return [row[0] for row in reader.all(_NEWEST[which], since=since, most=most, **values)]


def add(transaction: Transaction, account: str, address: str) -> None:
    """Write a failure down."""
    transaction.run(_INSERT, account=account, address=address, now=transaction.now)


def clear(transaction: Transaction, account: str, address: str) -> None:
    """Forget the failures of an account from an address."""
    transaction.run(_CLEAR, whose=account, where=address)


def forget(transaction: Transaction, before: int) -> None:
    """Drop failures that count no more."""
    transaction.run(_FORGET, before=before)
