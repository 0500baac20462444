"""Clients of Kafka: their options, and closing them without waiting for a broker that is away."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.server.kit.config.bus_settings import BusSettings

SESSION_TIMEOUT_MS = 10_000
"""Until another process takes over from one that stopped sending heartbeats."""
HEARTBEAT_INTERVAL_MS = 2_500
REBALANCE_TIMEOUT_MS = 10_000
REQUEST_TIMEOUT_MS = 15_000
"""More than the rebalance timeout, for which a broker may delay its answer."""
MAX_POLL_INTERVAL_MS = 24 * 3600 * 1000
"""A delivery may take long, as it waits for the consumer's database; heartbeats show that the process runs."""
MAX_EVENT_BYTES = 8 * 2**20
MAX_BATCH_BYTES = 512 * 2**10
"""Below the default limit of brokers for a batch; an event that is larger is a batch of its own."""
MAX_FETCH_BYTES = 2 * MAX_EVENT_BYTES
MAX_RECORD_BYTES = MAX_EVENT_BYTES + 4096
"""With the record's own fields."""
_INSTANCE_ID_CHARS = 32
CLOSE_TIMEOUT_SECONDS = 2.0

# What the client logs, it raises too; while a broker is away it would log each attempt.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

_starts: dict[Any, asyncio.Task[None]] = {}
"""Clients that connect. Of those that have, nothing remains: an error of a task refers to its client."""
_closings: dict[Any, asyncio.Task[None]] = {}
"""Clients that wait for the end of a request to a broker that is away."""
_closed: WeakSet[Any] = WeakSet()


def connection_options(settings: BusSettings, client_id: str) -> dict[str, Any]:
    """Return the options of every client: addresses, TLS and credentials."""
    parts = [urlsplit(server) for server in settings.servers]
    is_encrypted = parts[0].scheme == "kafka+ssl"
    options: dict[str, Any] = {
        "bootstrap_servers": [part.netloc.rpartition("@")[2] for part in parts],
        "client_id": client_id,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "security_protocol": "SSL" if is_encrypted else "PLAINTEXT",
    }
    if is_encrypted:
        options["ssl_context"] = ssl.create_default_context()
    credentials = [(part.username, part.password) for part in parts if part.username]
    if credentials:
        user, password = credentials[0]
        options["security_protocol"] = "SASL_SSL" if is_encrypted else "SASL_PLAINTEXT"
        options["sasl_mechanism"] = "PLAIN"
        options["sasl_plain_username"] = unquote(user or "")
        options["sasl_plain_password"] = unquote(password or "")
    return options


def create_admin(options: dict[str, Any]) -> AIOKafkaAdminClient:
    """Create a client that declares topics."""
    return AIOKafkaAdminClient(**options)


def create_producer(options: dict[str, Any]) -> AIOKafkaProducer:
    """Create a client that publishes, idempotently."""
    return AIOKafkaProducer(
        **options,
        acks="all",
        enable_idempotence=True,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES,
    )


def create_log_reader(options: dict[str, Any]) -> AIOKafkaConsumer:
    """Create a client that reads outside of any group."""
    return AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
    )


def create_group_member(options: dict[str, Any], group: str, owner: str) -> AIOKafkaConsumer:
    """Create a client that reads as a member of a group.

    The same owner, started again, takes the place of its former member at once (static membership).
    """
    return AIOKafkaConsumer(
        **options,
        group_id=group,
        group_instance_id=hashlib.sha256(owner.encode()).hexdigest()[:_INSTANCE_ID_CHARS],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
    )


async def start(client: Any) -> None:
    """Connect a client; if the caller is cancelled, it connects all the same, for `stop` to disconnect it.

    A client that is cancelled, or stopped, while it connects leaves connections behind.
    """
    task: asyncio.Task[None] = asyncio.create_task(client.start())
    _starts[client] = task
    task.add_done_callback(lambda _: _starts.pop(client, None))
    await asyncio.shield(task)


async def stop(client: Any) -> None:
    """Disconnect a client after what it is connecting to; a member leaves its group."""
    if task := _starts.get(client):
        await asyncio.gather(task, return_exceptions=True)
    network = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001 - as below
    async with network._get_conn_lock:  # noqa: SLF001 - a connection whose request is cancelled stays open
        pass
    try:
        await _stop(client)
    finally:
        await network.close()  # a consumer's `stop` does not come to this if a fetch is cancelled


async def _stop(client: Any) -> None:
    if isinstance(client, AIOKafkaAdminClient):
        await client.close()
        return
    if coordinator := getattr(client, "_coordinator", None):
        # A static member does not leave by itself, as its process may come back soon; no option changes this.
        coordinator._group_instance_id = None  # noqa: SLF001 - as above
    await client.stop()


async def close_all(clients: Iterable[Any]) -> None:
    """Disconnect clients at once; those with a request in progress end with it, later."""
    if tasks := begin_closing(clients):
        await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_SECONDS)


def begin_closing(clients: Iterable[Any]) -> set[asyncio.Task[None]]:
    """Begin to disconnect clients, each once, and return the tasks that do so."""
    return {_closings.get(client) or _begin_closing(client) for client in clients if client not in _closed}


def _begin_closing(client: Any) -> asyncio.Task[None]:
    task = _closings[client] = asyncio.create_task(stop(client))
    task.add_done_callback(partial(_end_closing, client))
    return task


def _end_closing(client: Any, task: asyncio.Task[None]) -> None:
    del _closings[client]
    _closed.add(client)
    if not task.cancelled():
        task.exception()  # it matters to no caller: the connection has ended
