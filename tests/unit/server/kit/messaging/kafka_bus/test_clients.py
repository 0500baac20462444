"""Options of Kafka's clients, and that they encrypt."""

from __future__ import annotations

import asyncio
import gc
import ssl
import weakref

import pytest
import trustme
from aiokafka.errors import KafkaConnectionError

from envmgr.server.kit.config.bus_settings import KAFKA, BusSettings
from envmgr.server.kit.messaging.kafka_bus.clients import (
    close_all,
    connection_options,
    create_admin,
    create_log_reader,
    start,
)

API_VERSIONS = b"\x00\x12"
"""The key of the first request of every client."""


def options(*servers):
    return connection_options(BusSettings(KAFKA, servers), "test")


def test_a_plain_connection_has_addresses_and_no_credentials():
    result = options("kafka://a:9092", "kafka://[::1]:1")
    assert result["bootstrap_servers"] == ["a:9092", "[::1]:1"]
    assert result["security_protocol"] == "PLAINTEXT"
    assert not {"ssl_context", "sasl_mechanism"} & result.keys()


@pytest.mark.parametrize(("scheme", "protocol"), [("kafka", "SASL_PLAINTEXT"), ("kafka+ssl", "SASL_SSL")])
def test_a_user_signs_in_at_every_broker(scheme, protocol):
    result = options(f"{scheme}://ada:p%40ss@a:1", f"{scheme}://b:2")
    assert result["bootstrap_servers"] == ["a:1", "b:2"]
    assert result["security_protocol"] == protocol
    assert (result["sasl_plain_username"], result["sasl_plain_password"]) == ("ada", "p@ss")


@pytest.fixture
def authority():
    return trustme.CA()


async def first_request(authority):
    """Return the key of the first request that a TLS server decrypts, and the client's error."""
    requests = []

    async def answer(reader, writer):
        size = int.from_bytes(await reader.readexactly(4), "big")
        requests.append((await reader.readexactly(size))[:2])
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server = await asyncio.start_server(answer, "localhost", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    admin = create_admin(options(f"kafka+ssl://ada:secret@localhost:{port}"))
    try:
        with pytest.raises(KafkaConnectionError):
            await admin.start()
    finally:
        await admin.close()
        server.close()
    return requests


def test_a_client_encrypts_for_a_server_that_the_authorities_vouch_for(authority, tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert asyncio.run(first_request(authority)) == [API_VERSIONS]


def test_a_client_sends_nothing_to_a_server_of_an_unknown_authority(authority, tmp_path, monkeypatch):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert asyncio.run(first_request(authority)) == []


class Connections:
    """The connections of a client, which count how often they are closed."""

    def __init__(self):
        self._get_conn_lock = asyncio.Lock()
        self.closings = 0

    async def close(self):
        self.closings += 1


class Client:
    """A client of Kafka that counts how often it is stopped."""

    def __init__(self):
        self._client = Connections()
        self.stops = 0

    async def stop(self):
        self.stops += 1
        await asyncio.sleep(0)


def test_a_client_is_closed_once():
    async def scenario():
        client = Client()
        await asyncio.gather(close_all([client]), close_all([client]))
        await close_all([client])
        return client.stops, client._client.closings

    assert asyncio.run(scenario()) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("create", [create_admin, create_log_reader])
def test_nothing_remains_of_a_client_that_cannot_connect(create):
    async def scenario():
        client = create(options("kafka://127.0.0.1:1"))
        reference = weakref.ref(client)
        with pytest.raises(KafkaConnectionError):
            await start(client)
        await close_all([client])
        return reference

    reference = asyncio.run(scenario())
    gc.collect()
    assert reference() is None
