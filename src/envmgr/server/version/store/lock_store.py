"""SQL of lock files and their tools, stored once per digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, exists, select

from envmgr.server.contracts.resources import LockedTool
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent, insert_rows, rows_of
from envmgr.server.kit.db.sql import Statement
from envmgr.server.version.store.tables import toolchain, toolchain_tool, version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.db.sql import Reader, Transaction

_HAS_LOCK = Statement(
    select(toolchain.c.lock_digest).where(toolchain.c.lock_digest == bindparam("lock_digest"))
)
_LOCK = Statement(select(toolchain.c.lock).where(toolchain.c.lock_digest == bindparam("lock_digest")))
_TOOLS = Statement(
    select(
        toolchain_tool.c.tool,
        toolchain_tool.c.version,
        toolchain_tool.c.requests,
        toolchain_tool.c.platforms,
    )
    .where(toolchain_tool.c.lock_digest == bindparam("lock_digest"))
    .order_by(toolchain_tool.c.position)
)
_ADD = Statement(insert_if_absent(toolchain, bind_columns("lock_digest", "lock"), key=["lock_digest"]))
_COLUMNS = ("lock_digest", "tool", "version", "position", "requests", "platforms")
_ADD_TOOLS = Statement(insert_rows(toolchain_tool, rows_of(toolchain_tool, *_COLUMNS)))
_DELETE_UNREFERENCED = Statement(
    delete(toolchain).where(
        toolchain.c.lock_digest == bindparam("target_digest"),
        ~exists().where(version.c.lock_digest == bindparam("target_digest")),
    )
)
_DELETE_TOOLS = Statement(
    delete(toolchain_tool).where(toolchain_tool.c.lock_digest == bindparam("target_digest"))
)
_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode


def has_lock(reader: Reader, lock_digest: str) -> bool:
    """Return whether a lock is stored."""
    return reader.one(_HAS_LOCK, lock_digest=lock_digest) is not None


def lock(reader: Reader, lock_digest: str) -> str:
    """Return a stored lock."""
    row = reader.one(_LOCK, lock_digest=lock_digest)
    return str(row[0]) if row else ""


def tools(reader: Reader, lock_digest: str) -> tuple[LockedTool, ...]:
    """Return the tools of a stored lock."""
    return tuple(
        LockedTool(tool=tool, version=version_, requests=_texts(requests), platforms=_texts(platforms))
        for tool, version_, requests, platforms in reader.all(_TOOLS, lock_digest=lock_digest)
    )


def add(transaction: Transaction, lock_digest: str, text: str, pinned: Sequence[LockedTool]) -> None:
    """Insert a lock, unless it is stored."""
    # Most locks are stored already, and a look at the key is cheaper than sending the text again.
    if has_lock(transaction, lock_digest) or not transaction.execute(
        _ADD, lock_digest=lock_digest, lock=text
    ):
        return
    rows = [
        (
            lock_digest,
            item.tool,
            item.version,
            position,
            _encode(item.requests).decode(),
            _encode(item.platforms).decode(),
        )
        for position, item in enumerate(pinned)
    ]
    transaction.execute_many(_ADD_TOOLS, rows)


def delete_unreferenced(transaction: Transaction, lock_digest: str) -> None:
    """Delete a lock that no version references."""
    if transaction.execute(_DELETE_UNREFERENCED, target_digest=lock_digest):
        transaction.execute(_DELETE_TOOLS, target_digest=lock_digest)
