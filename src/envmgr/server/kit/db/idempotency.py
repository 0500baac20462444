"""Idempotency keys: responses stored for a day, in the transaction of their effect.

Follows https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import MetaData, bindparam, delete, select, update

from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.problems import IdempotencyKeyInUse, IdempotencyKeyReused
from envmgr.server.kit.common.results import Result
from envmgr.server.kit.db.constructs import bind_columns, insert_if_absent
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.db.sql import Transaction

T = TypeVar("T")
RETENTION_MS = 24 * 3600 * 1000

_TABLE = Tables(MetaData()).idempotency
_FIND = Statement(
    select(_TABLE.c.fingerprint, _TABLE.c.response, _TABLE.c.created_at).where(
        _TABLE.c.actor == bindparam("actor"), _TABLE.c.key == bindparam("key")
    )
)
_DELETE = Statement(
    delete(_TABLE).where(_TABLE.c.actor == bindparam("old_actor"), _TABLE.c.key == bindparam("old_key"))
)
_INSERT = Statement(
    insert_if_absent(
        _TABLE,
        bind_columns("actor", "key", "fingerprint", "response", "created_at"),
        key=["actor", "key"],
    )
)
_UPDATE_RESPONSE = Statement(
    update(_TABLE)
    .where(_TABLE.c.actor == bindparam("old_actor"), _TABLE.c.key == bindparam("old_key"))
    .values(response=bindparam("new_response"))
)
_PURGE_EXPIRED = Statement(delete(_TABLE).where(_TABLE.c.created_at < bindparam("before")))


class ResponseCodec(Protocol):
    """Encoding of stored keys, fingerprints and responses."""

    def store_key(self, key: str) -> str:
        """Return a key as stored."""
        ...

    def store_fingerprint(self, of_request: str) -> str:
        """Return a request's fingerprint as stored."""
        ...

    def encode(self, key: str, response: str) -> str:
        """Return a response as stored."""
        ...

    def decode(self, key: str, stored: str) -> str:
        """Return the original of a stored response."""
        ...


class _PlainCodec:
    """Codec that stores values unchanged."""

    def store_key(self, key: str) -> str:
        return key

    def store_fingerprint(self, of_request: str) -> str:
        return of_request

    def encode(self, _key: str, response: str) -> str:
        return response

    def decode(self, _key: str, stored: str) -> str:
        return stored


PLAIN = _PlainCodec()


class _StoredRequest(NamedTuple):
    """The request of a key: its fingerprint as stored, and its method and path."""

    fingerprint: str
    target: str

    def encode(self) -> str:
        return f"{self.fingerprint} {self.target}"

    @classmethod
    def decode(cls, text: str) -> _StoredRequest:
        fingerprint, _, target = text.partition(" ")
        return cls(fingerprint, target)


def idempotent(
    context: RequestContext, type_: type[T], work: Callable[[Transaction], T], codec: ResponseCodec = PLAIN
) -> Callable[[Transaction], Result[T]]:
    """Return a unit of work that runs once per idempotency key and then replays its result.

    Another request with the same key within a day raises IdempotencyKeyReused.
    """
    key = context.idempotency
    if key is None:
        return lambda transaction: Result(work(transaction))
    actor = context.principal.actor
    name, fingerprint = codec.store_key(key.key), codec.store_fingerprint(key.fingerprint)
    stored_request = _StoredRequest(fingerprint, key.request)

    def run_once(transaction: Transaction) -> Result[T]:
        earlier = _find_response(transaction, actor, name, stored_request)
        if earlier is not None:
            response = codec.decode(key.key, earlier)
            return Result(msgspec.json.decode(response, type=type_), replayed=True)
        value = work(transaction)
        stored = codec.encode(key.key, msgspec.json.encode(value).decode())
        is_first = transaction.execute(
            _INSERT,
            actor=actor,
            key=name,
            fingerprint=stored_request.encode(),
            response=stored,
            created_at=transaction.now,
        )
        if not is_first:
            raise IdempotencyKeyInUse("a request with this Idempotency-Key ran concurrently; retry")
        return Result(value)

    return run_once


def replace_response(transaction: Transaction, context: RequestContext, response: object) -> None:
    """Replace the partial response of a key (in clear, from `idempotent`) with the whole one."""
    if context.idempotency is not None:
        stored = msgspec.json.encode(response).decode()
        transaction.execute(
            _UPDATE_RESPONSE,
            old_actor=context.principal.actor,
            old_key=context.idempotency.key,
            new_response=stored,
        )


def _find_response(transaction: Transaction, actor: str, name: str, request: _StoredRequest) -> str | None:
    row = transaction.one(_FIND, actor=actor, key=name)
    if row is None:
        return None
    stored, response, at = row
    if at < transaction.now - RETENTION_MS:
        transaction.execute(_DELETE, old_actor=actor, old_key=name)
        return None
    earlier = _StoredRequest.decode(stored)
    if earlier.fingerprint != request.fingerprint:
        raise _key_reused(earlier.target, request.target, at)
    return str(response)


def _key_reused(earlier: str, target: str, at: int) -> IdempotencyKeyReused:
    """Return the problem with what differs: method and path, or the body, which is not stored."""
    if earlier != target:
        return IdempotencyKeyReused(
            f"Idempotency-Key was used for {earlier} at {rfc3339(at)}, not for {target}: use a new key",
            differences=[{"field": "request", "existing": earlier, "submitted": target}],
        )
    return IdempotencyKeyReused(
        f"Idempotency-Key was used for {target} with a different body at {rfc3339(at)}: use a new key",
        differences=[{"field": "body"}],
    )


def purge_expired(transaction: Transaction) -> int:
    """Drop answers of more than a day ago."""
    return transaction.execute(_PURGE_EXPIRED, before=transaction.now - RETENTION_MS)
