"""Time for the brokers of a busy machine, and warnings of Kafka's client.

That leaves a connection open whose attempt was cancelled.
"""

from __future__ import annotations

import gc
from functools import partialmethod

import pytest
from nats.aio.client import Client

from envmgr.server.kit.messaging import broker_bus
from envmgr.server.kit.messaging.kafka_bus import publisher
from envmgr.server.kit.messaging.nats_bus import appending
from support.services.nats_bus import ANSWER_TIMEOUT_SECONDS


def pytest_collection_modifyitems(items):
    for item in items:
        if is_about_kafka(item):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """Wait for the answers of brokers, and for the deliveries in progress at the end of a bus."""
    monkeypatch.setattr(Client, "jetstream", partialmethod(Client.jetstream, timeout=ANSWER_TIMEOUT_SECONDS))
    monkeypatch.setattr(appending, "ACKNOWLEDGEMENT_TIMEOUT_SECONDS", ANSWER_TIMEOUT_SECONDS)
    monkeypatch.setattr(publisher, "ACKNOWLEDGEMENT_TIMEOUT_SECONDS", ANSWER_TIMEOUT_SECONDS)
    monkeypatch.setattr(broker_bus, "FINISH_TIMEOUT_SECONDS", ANSWER_TIMEOUT_SECONDS)


@pytest.fixture(autouse=True)
def _abandoned_connections(request):
    """Collect them before another test begins."""
    yield
    if is_about_kafka(request.node):
        gc.collect()


def is_about_kafka(item):
    return "messaging" in item.nodeid and "kafka" in item.nodeid
