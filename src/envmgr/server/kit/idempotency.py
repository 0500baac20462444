"""Idempotency keys: the answer to a key is kept with the effect, in its transaction, for a day.

Follows https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from sqlalchemy import MetaData, bindparam, delete, insert, select

from envmgr.server.kit.answers import Answer
from envmgr.server.kit.problems import IdempotencyKeyReused
from envmgr.server.kit.sql import Statement
from envmgr.server.kit.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.call import Call, Idempotency
    from envmgr.server.kit.sql import Transaction

T = TypeVar("T")
KEPT_MS = 24 * 3600 * 1000

_TABLE = Tables(MetaData()).idempotency
_FIND = Statement(
    select(_TABLE.c.fingerprint, _TABLE.c.answer, _TABLE.c.at).where(
        _TABLE.c.actor == bindparam("actor"), _TABLE.c.key == bindparam("key")
    )
)
_DROP = Statement(
    delete(_TABLE).where(_TABLE.c.actor == bindparam("who"), _TABLE.c.key == bindparam("which"))
)
_KEEP = Statement(insert(_TABLE))
_FORGET = Statement(delete(_TABLE).where(_TABLE.c.at < bindparam("before")))


def once(call: Call, kind: type[T], work: Callable[[Transaction], T]) -> Callable[[Transaction], Answer[T]]:
    """Make of a unit of work one that, for a call with a key, happens once and answers the same again.

    The caller may make another request with the same key only after a day: until then it is IdempotencyKeyReused.
    """
    key = call.idempotency
    if key is None:
        return lambda transaction: Answer(work(transaction))
    actor = call.principal.actor

    def unit(transaction: Transaction) -> Answer[T]:
        earlier = _earlier(transaction, actor, key)
        if earlier is not None:
            return Answer(msgspec.json.decode(earlier, type=kind), replayed=True)
        value = work(transaction)
        answer = msgspec.json.encode(value).decode()
        transaction.run(
            _KEEP, actor=actor, key=key.key, fingerprint=key.fingerprint, answer=answer, at=transaction.now
        )
        return Answer(value)

    return unit


def _earlier(transaction: Transaction, actor: str, key: Idempotency) -> str | None:
    row = transaction.one(_FIND, actor=actor, key=key.key)
    if row is None:
        return None
    fingerprint, answer, at = row
    if at < transaction.now - KEPT_MS:
        transaction.run(_DROP, who=actor, which=key.key)
        return None
    if fingerprint != key.fingerprint:
        raise IdempotencyKeyReused("the key was used for another request: choose a new key for this one")
    return str(answer)


def forget(transaction: Transaction) -> int:
    """Drop answers of more than a day ago."""
    return transaction.run(_FORGET, before=transaction.now - KEPT_MS)
