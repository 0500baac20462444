"""A cluster with two processes of each service, and requests that are sent to both at once."""

from __future__ import annotations

import time
import uuid
from types import SimpleNamespace

import pytest

from support.server.cluster import Cluster
from support.server.concurrent_writers import pages
from support.server.races import TIMEOUT_SECONDS, UNAVAILABLE, Admin, calls_of, send_at_once
from support.services.nats_server import create_nats_server

MAX_ATTEMPTS = 10


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    broker = create_nats_server().start()
    cluster = Cluster(tmp_path_factory.mktemp("replicas"), broker.url, replicas=2)
    try:
        yield cluster.start()
    finally:
        cluster.end()
        broker.close()


@pytest.fixture(scope="package")
def admins(cluster):
    """The last admin, in a list."""
    return [Admin(cluster.gateway)]


@pytest.fixture
def ask(cluster, admins):
    """Send a request through the gateway; one that can be repeated, until the answer shows its effect."""

    def ask(method, target, body=None, headers=None):
        if method == "POST" and headers is None:
            headers = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        for _ in range(MAX_ATTEMPTS):
            with cluster.gateway.wire(admins[0].token, timeout=TIMEOUT_SECONDS) as wire:
                reply = wire.ask(method, target, body, headers)
            if reply.status != UNAVAILABLE or method not in {"GET", "POST"}:
                return reply
            time.sleep(int(reply.header("retry-after")))
        return reply

    return ask


@pytest.fixture
def list_all(ask):
    """Return all items of a list, page by page."""
    return lambda target: list(pages(SimpleNamespace(ask=ask), target))


@pytest.fixture
def race(cluster, admins):
    """Send requests at once, in turn to both processes of a service; return the replies."""

    def race(service, requests):
        return send_at_once(calls_of(cluster.replicas[service], admins[0].token, requests))

    return race


@pytest.fixture
def audited(list_all):
    """Count the audit entries of a type about a resource."""

    def audited(event_type, key, value):
        entries = list_all(f"/audits?event_type={event_type}&limit=200")
        return sum(entry["payload"][key] == value for entry in entries)

    return audited
