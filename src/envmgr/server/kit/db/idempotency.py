"""Idempotency keys: the answer to a key is kept with the effect, in its transaction, for a day.

Follows https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec
from sqlalchemy import MetaData, bindparam, delete, insert, select, update

from envmgr.server.kit.common.problems import IdempotencyKeyReused
from envmgr.server.kit.common.results import Answer
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import Call
    from envmgr.server.kit.db.sql import Transaction

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
_COMPLETE = Statement(
    update(_TABLE)
    .where(_TABLE.c.actor == bindparam("who"), _TABLE.c.key == bindparam("which"))
    .values(answer=bindparam("whole"))
)
_FORGET = Statement(delete(_TABLE).where(_TABLE.c.at < bindparam("before")))


class Keeping(Protocol):
    """How a key, a fingerprint and an answer are kept."""

    def name(self, key: str) -> str:
        """Return what to store a key as."""
        ...

    def fingerprint(self, of_request: str) -> str:
        """Return what to store of a request's fingerprint."""
        ...

    def closed(self, key: str, answer: str) -> str:
        """Return what to store of an answer."""
        ...

    def opened(self, key: str, kept: str) -> str:
        """Return the answer that was stored."""
        ...


class _InClear:
    """Keeps all as it is."""

    def name(self, key: str) -> str:
        return key

    def fingerprint(self, of_request: str) -> str:
        return of_request

    def closed(self, _key: str, answer: str) -> str:
        return answer

    def opened(self, _key: str, kept: str) -> str:
        return kept


IN_CLEAR = _InClear()


def once(
    call: Call, kind: type[T], work: Callable[[Transaction], T], keeping: Keeping = IN_CLEAR
) -> Callable[[Transaction], Answer[T]]:
    """Make of a unit of work one that, for a call with a key, happens once and answers the same again.

    The caller may make another request with the same key only after a day: until then it is IdempotencyKeyReused.
    """
    key = call.idempotency
    if key is None:
        return lambda transaction: Answer(work(transaction))
    actor = call.principal.actor
    name, fingerprint = keeping.name(key.key), keeping.fingerprint(key.fingerprint)

    def unit(transaction: Transaction) -> Answer[T]:
        earlier = _earlier(transaction, actor, name, fingerprint)
        if earlier is not None:
            answer = keeping.opened(key.key, earlier)
            return Answer(msgspec.json.decode(answer, type=kind), replayed=True)
        value = work(transaction)
        kept = keeping.closed(key.key, msgspec.json.encode(value).decode())
        transaction.run(
            _KEEP, actor=actor, key=name, fingerprint=fingerprint, answer=kept, at=transaction.now
        )
        return Answer(value)

    return unit


def complete(transaction: Transaction, call: Call, whole: object) -> None:
    """Keep the whole answer to a call whose key has a part of it so far (in clear, from `once`)."""
    if call.idempotency is not None:
        kept = msgspec.json.encode(whole).decode()
        transaction.run(_COMPLETE, who=call.principal.actor, which=call.idempotency.key, whole=kept)


def _earlier(transaction: Transaction, actor: str, name: str, fingerprint: str) -> str | None:
    row = transaction.one(_FIND, actor=actor, key=name)
    if row is None:
        return None
    kept_fingerprint, answer, at = row
    if at < transaction.now - KEPT_MS:
        transaction.run(_DROP, who=actor, which=name)
        return None
    if kept_fingerprint != fingerprint:
        raise IdempotencyKeyReused("the key was used for another request: choose a new key for this one")
    return str(answer)


def forget(transaction: Transaction) -> int:
    """Drop answers of more than a day ago."""
    return transaction.run(_FORGET, before=transaction.now - KEPT_MS)
