"""Dead letters: events that failed permanently, stored in the consumer's database for a retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from sqlalchemy import MetaData, bindparam, delete, func, select

from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.common.failures import describe
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.db.constructs import bind_columns, upsert
from envmgr.server.kit.db.shared_tables import Tables
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.messaging import consumer_offsets
from envmgr.server.kit.messaging.bus import Subscription

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from envmgr.server.kit.db.sql import Database, Reader, Row, Transaction

MAX_ERROR_CHARS = 2000
_TABLE = Tables(MetaData()).dead_letter
_UPSERT = Statement(
    upsert(
        _TABLE,
        bind_columns("consumer", "event_id", "event", "error", "attempts", "created_at"),
        key=["consumer", "event_id"],
        update=lambda new: {
            "error": new.error,
            "attempts": _TABLE.c.attempts + new.attempts,
            "created_at": new.created_at,
        },
    )
)
_ALL = Statement(select(_TABLE).order_by(_TABLE.c.id))
_FIND = Statement(select(_TABLE).where(_TABLE.c.id == bindparam("dead_letter_id")))
_DELETE = Statement(delete(_TABLE).where(_TABLE.c.id == bindparam("dead_letter_id")))
_ANY = Statement(select(_TABLE.c.id).where(_TABLE.c.consumer == bindparam("consumer")).limit(1))
_COUNT = Statement(select(func.count()).select_from(_TABLE))
_COUNT_OF = Statement(
    select(func.count()).select_from(_TABLE).where(_TABLE.c.consumer == bindparam("consumer"))
)


class DeadLetter(Struct, frozen=True, kw_only=True):
    """An event that failed: the consumer, the error and the number of attempts."""

    id: int
    consumer: str
    event: EventEnvelope
    error: str
    attempts: int
    failed_at: str


class DeadLetters:
    """The dead letters of one service, and its consumers."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self.service = service
        self._consumers: dict[str, Subscription] = {}

    def subscription(
        self, name: str, types: Iterable[str], handle: Callable[[Sequence[EventEnvelope]], Awaitable[None]]
    ) -> Subscription:
        """Create a subscription whose failed events become dead letters here."""

        async def dead_letter(event: EventEnvelope, error: Exception, attempts: int) -> None:
            await self._store(name, event, error, attempts)

        subscription = Subscription(name, frozenset(types), handle, dead_letter)
        self._consumers[name] = subscription
        return subscription

    async def all(self) -> list[DeadLetter]:
        """Return every dead letter, oldest first."""
        return await self._database.read(lambda reader: [_from_row(row) for row in reader.all(_ALL)])

    async def count(self) -> int:
        """Count them."""
        row = await self._database.read_inline(lambda reader: reader.one(_COUNT))
        return int(row[0]) if row else 0

    async def retry(self, dead_letter_id: int) -> DeadLetter:
        """Redeliver an event and delete its dead letter; raise the errors of the consumer."""
        dead_letter = await self._find(dead_letter_id)
        await self._consumers[dead_letter.consumer].handle([dead_letter.event])
        await self._database.write(
            lambda transaction: transaction.execute(_DELETE, dead_letter_id=dead_letter_id)
        )
        return dead_letter

    async def _find(self, dead_letter_id: int) -> DeadLetter:
        row = await self._database.read(lambda reader: reader.one(_FIND, dead_letter_id=dead_letter_id))
        if row is None or row[1] not in self._consumers:
            raise NotFound(f"dead letter {self.service}:{dead_letter_id} not found")
        return _from_row(row)

    async def _store(self, consumer: str, event: EventEnvelope, error: Exception, attempts: int) -> None:
        text = msgspec.json.encode(event).decode()
        message = describe(error)[:MAX_ERROR_CHARS]

        def insert(transaction: Transaction) -> None:
            transaction.execute(
                _UPSERT,
                consumer=consumer,
                event_id=event.id,
                event=text,
                error=message,
                attempts=attempts,
                created_at=transaction.now,
            )
            consumer_offsets.record(transaction, consumer, [event])

        await self._database.write(insert)

    @property
    def is_known(self) -> bool:
        """Return True: the consumers are of this process."""
        return True

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """Return the consumers that the bus delivers to."""
        return [subscription for subscription in self._consumers.values() if subscription.types]

    async def offsets(self, consumer: str) -> Mapping[str, int]:
        """Return a consumer's offsets by service."""
        return await self._database.read_inline(lambda reader: consumer_offsets.get_all(reader, consumer))

    async def offsets_in(self, service: str) -> Mapping[str, int]:
        """Return the offsets that subscribed consumers have in the events of a service, in one query."""
        consumers = {subscription.consumer for subscription in self.subscriptions}
        if not consumers:
            return {}
        offsets = await self._database.read_inline(
            lambda reader: consumer_offsets.get_by_consumer(reader, service)
        )
        return {consumer: offset for consumer, offset in offsets.items() if consumer in consumers}


def has_dead_letters(reader: Reader, consumer: str) -> bool:
    """Return whether a consumer has any."""
    return reader.one(_ANY, consumer=consumer) is not None


def count_dead_letters(reader: Reader, consumer: str) -> int:
    """Return how many a consumer has."""
    row = reader.one(_COUNT_OF, consumer=consumer)
    return int(row[0]) if row else 0


def _from_row(row: Row) -> DeadLetter:
    id_, consumer, _, event, error, attempts, created_at = row
    return DeadLetter(
        id=id_,
        consumer=consumer,
        event=msgspec.json.decode(event, type=EventEnvelope),
        error=error,
        attempts=attempts,
        failed_at=rfc3339(created_at),
    )
