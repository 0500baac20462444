"""Options of Kafka's clients, and that they encrypt."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme
from aiokafka.errors import KafkaConnectionError

from envmgr.server.kit.config.bus_settings import KAFKA, BusSettings
from envmgr.server.kit.messaging.kafka_bus.clients import connection_options, create_admin

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
