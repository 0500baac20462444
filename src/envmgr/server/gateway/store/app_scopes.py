"""SQL of app restrictions of credentials, which follow renames and deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, select, update

from envmgr.server.gateway.store.tables import api_key, binding
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.server.kit.db.sql import Transaction

_LIMITED = {
    table: (
        Statement(select(table.c.id, table.c.apps).where(table.c.apps.is_not(None))),
        Statement(update(table).where(table.c.id == bindparam("row_id")).values(apps=bindparam("new_apps"))),
    )
    for table in (api_key, binding)
}


def rename_app(transaction: Transaction, before: str, now: str) -> None:
    """Rename an app in the restrictions of credentials."""
    _change(transaction, before, lambda names: [now if name == before else name for name in names])


def revoke_app(transaction: Transaction, app: str) -> None:
    """Revoke access to a deleted app, so that a new app with its name is not accessible."""
    _change(transaction, app, lambda names: [name for name in names if name != app])


def _change(transaction: Transaction, app: str, changed: Callable[[Sequence[str]], Sequence[str]]) -> None:
    for find, write in _LIMITED.values():
        for id_, text in transaction.all(find):
            names = msgspec.json.decode(text, type=tuple[str, ...])
            if app in names:
                transaction.execute(write, row_id=id_, new_apps=msgspec.json.encode(changed(names)).decode())
