"""The server over a broker that is killed, emptied or away: the audit has each write once."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from envmgr.kit.audit_log.hash_chain import Verifier
from support import waiting
from support.server.concurrent_writers import pages
from support.server.server_process import Daemon
from support.services.brokers import BROKER_PARAMETERS
from support.services.kafka_broker import create_kafka_broker
from support.services.nats_server import create_nats_server

BROKERS = {
    "nats": (create_nats_server, "NATS JetStream"),
    "kafka": (create_kafka_broker, "Kafka"),
}
"""The server of each broker, and its name in messages."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
CATCH_UP_SECONDS = 90
wait_until = partial(waiting.wait_until, seconds=CATCH_UP_SECONDS)


@pytest.fixture(params=BROKER_PARAMETERS)
def broker(request):
    create, name = BROKERS[request.param]
    server = create().start()
    server.name = name
    yield server
    server.close()


@pytest.fixture
def daemon(tmp_path, broker):
    (tmp_path / "server").mkdir()
    server = Daemon(tmp_path / "server", environment={"BUS_URL": broker.url})
    yield server
    server.end()


class Writer:
    """Creates apps until it is stopped; names those that the server confirmed."""

    def __init__(self, daemon, token):
        self.names = []
        self._daemon = daemon
        self._token = token
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._is_stopped.set()
        self._thread.join()

    def await_names(self, count):
        wait_until(lambda: len(self.names) >= count)

    def _write(self):
        with self._daemon.wire(self._token) as wire:
            while not self._is_stopped.is_set():
                name = f"app-{len(self.names)}"
                assert wire.ask("POST", "/apps", {"name": name}).status == 201
                self.names.append(name)


def audited_apps(daemon, token):
    """Return the names in the audit's entries of new apps, oldest first."""
    with daemon.wire(token) as wire:
        entries = pages(wire, "/audits?event_type=AppCreated&sort=seq&limit=200")
        return [entry["payload"]["name"] for entry in entries]


def chain_errors(daemon, token):
    verifier = Verifier()
    with daemon.wire(token) as wire:
        errors = [
            error for entry in pages(wire, "/audits?sort=seq&limit=200") for error in verifier.add(entry)
        ]
    return [*errors, *verifier.finish()]


def lags(daemon):
    """Return the gauge of each consumer's lag, as `/metrics` has it."""
    with daemon.wire() as wire:
        lines = wire.ask("GET", "/metrics").body.decode().splitlines()
    return [line.rpartition(" ")[2] for line in lines if line.startswith("alm_consumer_lag_events{")]


def require_each_once(daemon, broker, token, names):
    wait_until(lambda: len(audited_apps(daemon, token)) >= len(names) and set(lags(daemon)) == {"0.0"})
    wait_until(daemon.is_ready)
    assert audited_apps(daemon, token) == names
    assert chain_errors(daemon, token) == []
    with daemon.wire() as wire:
        checks = {check["name"]: check for check in wire.ask("GET", "/readyz").json["checks"]}
        metrics = wire.ask("GET", "/metrics").body.decode()
    assert checks["bus"]["detail"].startswith(f"{broker.name} at 127.0.0.1:")
    assert checks["audit"]["ok"]
    assert 'alm_dead_letters{service="audit"} 0.0' in metrics


def test_writes_reach_the_audit_and_survive_a_restart_of_the_server(daemon, broker):
    daemon.start()
    token = daemon.login()["access_token"]
    with Writer(daemon, token) as writer:
        writer.await_names(20)
    require_each_once(daemon, broker, token, writer.names)
    assert daemon.stop() == 0
    daemon.start()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        assert wire.ask("POST", "/apps", {"name": "last"}).status == 201
    require_each_once(daemon, broker, token, [*writer.names, "last"])


@pytest.mark.parametrize("is_empty", [False, True], ids=["with its store", "with an empty store"])
def test_a_killed_broker_loses_nothing_and_doubles_nothing(daemon, broker, is_empty):
    daemon.start()
    token = daemon.login()["access_token"]
    with Writer(daemon, token) as writer:
        for _ in range(2):
            writer.await_names(len(writer.names) + 15)
            broker.kill()
            if is_empty:
                broker.erase()
            writer.await_names(len(writer.names) + 5)
            broker.start()
            writer.await_names(len(writer.names) + 5)
    require_each_once(daemon, broker, token, writer.names)


@pytest.mark.parametrize("broker", BROKER_PARAMETERS[1:], indirect=True)  # NATS: tests/cluster/faults
def test_a_broker_that_hangs_is_noticed_and_gets_afterwards_what_waited(daemon, broker):
    daemon.start()
    token = daemon.login()["access_token"]
    with Writer(daemon, token) as writer:
        writer.await_names(10)
        broker.pause()
        wait_until(lambda: not daemon.is_ready())
        writer.await_names(len(writer.names) + 10)
        assert daemon.metric('alm_outbox_backlog{service="app"}') > 0
        broker.resume()
        writer.await_names(len(writer.names) + 5)
    require_each_once(daemon, broker, token, writer.names)


def test_a_killed_server_takes_up_where_it_was(daemon, broker):
    daemon.start()
    token = daemon.login()["access_token"]
    names = []
    for round_ in range(2):
        with daemon.wire(token) as wire:
            for number in range(20):
                name = f"app-{round_}-{number}"
                assert wire.ask("POST", "/apps", {"name": name}).status == 201
                names.append(name)
        daemon.kill()
        daemon.start()
        token = daemon.login()["access_token"]
    require_each_once(daemon, broker, token, names)


def test_a_server_without_its_broker_starts_not_ready_and_recovers_with_it(daemon, broker):
    broker.kill()
    daemon.launch()
    daemon.await_alive()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        assert wire.ask("POST", "/apps", {"name": "early"}).status == 201
        wait_until(lambda: wire.ask("GET", "/readyz").status == 503)
        problem = wire.ask("GET", "/readyz").json
    assert f"bus: {broker.name} at 127.0.0.1:{broker.port}: not connected: " in problem["detail"]
    broker.start()
    require_each_once(daemon, broker, token, ["early"])


def test_two_installations_with_one_prefix_are_refused_and_named(daemon, broker, tmp_path):
    daemon.start()
    token = daemon.login()["access_token"]
    with daemon.wire(token) as wire:
        assert wire.ask("POST", "/apps", {"name": "first"}).status == 201
    require_each_once(daemon, broker, token, ["first"])
    daemon.stop()
    (tmp_path / "other").mkdir()
    other = Daemon(tmp_path / "other", environment={"BUS_URL": broker.url})
    try:
        other.launch()
        other.await_alive()
        with other.wire() as wire:
            wait_until(lambda: wire.ask("GET", "/readyz").status == 503)
        wait_until(lambda: "of another installation or database; set ALM_BUS_PREFIX" in other.output)
    finally:
        other.end()
