"""Reading of one source for one consumer: pull, deliver, acknowledge; strictly in order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from envmgr.server.kit.messaging.cloud_events import InvalidEvent
from envmgr.server.kit.messaging.nats_bus.names import consumer_of, new_durable
from envmgr.server.kit.messaging.nats_bus.records import event_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription as Inbox
    from nats.js import JetStreamContext

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.messaging.bus import Delivery, Subscription
    from envmgr.server.kit.messaging.nats_bus.names import Names

BATCH_SIZE = 256
MAX_BATCH_BYTES = 64 * 2**20
MAX_BUFFER_BYTES = 2 * MAX_BATCH_BYTES
"""More than a batch: the client drops what exceeds its buffer."""
PULL_SECONDS = 20.0
"""Seconds that a request for events waits for the first one."""
HEARTBEAT_SECONDS = 2.0
MAX_SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
"""Seconds without heartbeat after which the broker is taken to have lost the request."""
ACK_WAIT_SECONDS = 60.0
PROGRESS_INTERVAL_SECONDS = ACK_WAIT_SECONDS / 4
_NANOSECONDS = 1_000_000_000
_HEARTBEAT, _NO_MESSAGES, _TIMED_OUT, _CONFLICT = "100", "404", "408", "409"
_BATCH_FULL = "MaxBytes"
_BATCH_COMPLETED = "Batch Completed"
"""Follows the last message of a full batch, and so arrives with those of the next request."""
_REQUEST = msgspec.json.encode(
    {
        "batch": BATCH_SIZE,
        "max_bytes": MAX_BATCH_BYTES,
        "expires": int(PULL_SECONDS * _NANOSECONDS),
        "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        "no_wait": True,  # with `expires`: it waits for the first message, not for a full batch
    }
)


class PullFailed(Exception):
    """The broker ended a request, or its messages were not those that follow."""


class Reader:
    """Delivers the events of one service to one consumer, over one connection."""

    def __init__(
        self, client: Client, names: Names, service: str, subscription: Subscription, delivery: Delivery
    ) -> None:
        self._client = client
        self._jetstream = client.jetstream()
        self._names = names
        self._service = service
        self._subscription = subscription
        self._delivery = delivery
        self._busy = asyncio.Lock()
        self._delivered = 0
        """The durable's number of the last message."""

    async def run(self) -> None:
        """Deliver events until cancelled; raise what ends the connection's use."""
        stream = self._names.stream(self._service)
        durable = await take_over(self._jetstream, self._names, self._service, self._subscription)
        inbox = await self._client.subscribe(
            self._client.new_inbox(), pending_msgs_limit=-1, pending_bytes_limit=MAX_BUFFER_BYTES
        )
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        while True:
            await self._client.publish(subject, _REQUEST, inbox.subject)
            messages = await _receive(inbox)
            async with self._busy:
                await self._process(messages)

    async def finish(self) -> None:
        """Wait for the delivery in progress, and allow none after it."""
        await self._busy.acquire()

    async def _process(self, messages: Sequence[Msg]) -> None:
        self._require_next(messages)
        if not messages:
            return
        progress = asyncio.create_task(_report_progress(messages))
        try:
            if events := self._decode(messages):
                await self._delivery.deliver_until_done(self._subscription, events)
        finally:
            progress.cancel()
        await messages[-1].ack()

    def _require_next(self, messages: Sequence[Msg]) -> None:
        """Raise PullFailed if a message is missing or came again; the next reader gets all in order."""
        for message in messages:
            metadata = message.metadata
            if metadata.sequence.consumer != self._delivered + 1 or metadata.num_delivered != 1:
                raise PullFailed(
                    f"{metadata.stream}: expected delivery {self._delivered + 1} of {metadata.consumer}"
                )
            self._delivered += 1

    def _decode(self, messages: Sequence[Msg]) -> list[EventEnvelope]:
        events = []
        for message in messages:
            stream, number = message.metadata.stream, message.metadata.sequence.stream
            try:
                events.append(event_of(message.data, message.headers, number))
            except InvalidEvent as error:
                self._delivery.observer.on_invalid_message(f"{stream} {number}", error)
        return events


async def take_over(
    jetstream: JetStreamContext, names: Names, service: str, subscription: Subscription
) -> str:
    """Return a new durable that starts after what was acknowledged; delete the earlier ones.

    An earlier owner that still requests events gets none: its durable is gone.
    """
    stream, consumer = names.stream(service), subscription.consumer
    earlier = [info for info in await jetstream.consumers_info(stream) if consumer_of(info.name) == consumer]
    acknowledged = max((info.ack_floor.stream_seq for info in earlier if info.ack_floor), default=0)
    durable = new_durable(consumer)
    await jetstream.add_consumer(
        stream,
        ConsumerConfig(
            name=durable,
            durable_name=durable,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=acknowledged + 1,
            # The last message of a batch is acknowledged for all, after their commit.
            ack_policy=AckPolicy.ALL,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=BATCH_SIZE,
            filter_subjects=names.filters(service, subscription.types),
        ),
    )
    for info in earlier:
        with suppress(NotFoundError):
            await jetstream.delete_consumer(stream, info.name)
    return durable


async def _receive(inbox: Inbox) -> list[Msg]:
    """Return the messages of one request."""
    messages: list[Msg] = []
    while len(messages) < BATCH_SIZE:
        message = await inbox.next_msg(timeout=MAX_SILENCE_SECONDS)
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            messages.append(message)
        elif status in {_NO_MESSAGES, _TIMED_OUT} or _BATCH_FULL in headers.get("Description", ""):
            break
        elif status != _HEARTBEAT and headers.get("Description") != _BATCH_COMPLETED:
            raise PullFailed(f"{status} {headers.get('Description', '')}")
    return messages


async def _report_progress(messages: Sequence[Msg]) -> None:
    """Report a long delivery as in progress, for the broker not to repeat it."""
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL_SECONDS)
        for message in messages:
            await message.in_progress()
