"""The start of a service in a process of its own: what it requires, and what remains after a failure."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import EnvmgrError
from envmgr.server.app import module as app_module
from envmgr.server.bootstrap import service
from envmgr.server.bootstrap.registry import PORTS, SERVICE_RULES
from envmgr.server.contracts.remote import event_state
from envmgr.server.contracts.remote.event_state_rpc import rpc_service
from envmgr.server.kit.config.service_settings import read_service
from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.db.migrations import UnusableDatabase
from envmgr.server.kit.messaging.bus import InProcessBus
from envmgr.server.kit.messaging.event_state import ConsumerState, EventState
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.security.tokens import keyring, shared_key
from support.services.database_runners import open_database
from support.services.event_recorders import RecordingLog, emit, wait_until
from support.services.remote_ports import SERVICE_KEYS, Principals, serving

pytestmark = pytest.mark.timeout(120)
SECRET = "a-secret-of-more-than-32-bytes-for-tests"
KEYS = SimpleNamespace(
    access=keyring(secret=SECRET, private_key="", jwks="", path=""),
    tokens=ServiceTokens("app", SERVICE_KEYS),
    tls=None,
    audit=b"",
)
UNREACHABLE = "grpc://127.0.0.1:1"
EMITTED_EVENTS, REST_PORT = 3, 8080


class RecordingBus(InProcessBus):
    """A bus that records whether it was started and stopped, and the events that it got."""

    def __init__(self):
        super().__init__()
        self.calls, self.sequences = [], []

    async def start(self):
        self.calls.append("start")
        await super().start()

    async def publish(self, events):
        self.sequences += [event.sequence for event in events]
        await super().publish(events)

    async def stop(self):
        self.calls.append("stop")
        await super().stop()


class LentDatabase:
    """A database that its lender closes; it counts how often the server closes it."""

    def __init__(self, database):
        self._database = database
        self.closings = 0

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def close(self):
        self.closings += 1


class LendingBackend:
    """A backend with one open database."""

    def __init__(self, database):
        self._database = database

    def open(self, _service):
        return self._database


@pytest.fixture
def occupied_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Return a function that starts the service of apps, which has emitted three events.

    It returns the bus, the error of the start, and how often the database was closed.
    """
    monkeypatch.setattr(event_state, "POLL_TIMEOUT_SECONDS", 60)

    async def main(grpc_port, audit_state, keys):
        bus, log = RecordingBus(), RecordingLog()
        monkeypatch.setattr(service, "create_bus", lambda *_: bus)
        async with open_database(tmp_path, app_module) as database:
            await database.write(emit(*range(EMITTED_EVENTS)))
            lent = LentDatabase(database)
            monkeypatch.setattr(service, "service_backend", lambda *_: LendingBackend(lent))
            async with serving_state(audit_state) as audit_address:
                server = service.ServiceServer(settings(grpc_port, audit_address), keys, REST_PORT, log, None)
                error = await started_and_stopped(server, bus)
        assert "service_shutdown_failed" not in log.events(), log.lines
        return SimpleNamespace(bus=bus, error=error, closings=lent.closings, events=log.events())

    return lambda grpc_port=0, audit_state=None, keys=KEYS: asyncio.run(main(grpc_port, audit_state, keys))


def serving_state(state):
    """Return the context of an audit service with a state of events, or of none that responds."""

    async def read():
        return state

    return serving([rpc_service(read)] if state else [], Principals(), name="audit")


def settings(grpc_port, audit_address, **changes):
    peers = {f"{name.upper()}_URL": UNREACHABLE for name in PORTS if name not in {"app", "audit"}}
    variables = {
        **peers,
        "AUDIT_URL": f"grpc://{audit_address}",
        "BUS_URL": "nats://127.0.0.1:1",
        "DB_URL": "postgresql://127.0.0.1/app",
        "GRPC_PORT": str(grpc_port),
        "JWT_SECRET": SECRET,
        **changes,
    }
    return read_service(Environment(variables, None), {}, "app", SERVICE_RULES)


async def started_and_stopped(server, bus):
    """Start a server; return the error, or stop it as soon as it has relayed all events."""
    try:
        await server.start()
    except EnvmgrError as error:
        await asyncio.sleep(0)  # what still runs would relay events now
        return error
    await wait_until(lambda: len(bus.sequences) == EMITTED_EVENTS, 60)
    await server.stop()
    return None


def audit_received(sequence):
    """Return the state of an audit log that has received events of apps up to a sequence."""
    return EventState(0, {}, (ConsumerState("audit", ("*",), {"app": sequence}),))


def test_a_service_starts_while_no_other_service_responds(start):
    run = start()
    assert (run.error, run.bus.calls, run.closings) == (None, ["start", "stop"], 1)


def test_a_service_starts_whose_database_has_what_others_have_received(start):
    assert start(audit_state=audit_received(EMITTED_EVENTS)).error is None


def test_a_service_whose_token_a_peer_refuses_logs_it_once(start):
    tokens = ServiceTokens("app", [shared_key(b"another-secret-than-that-of-the-others")])
    other_keys = SimpleNamespace(**{**vars(KEYS), "tokens": tokens})
    assert start(audit_state=audit_received(0), keys=other_keys).events.count("service_token_refused") == 1
    assert "service_token_refused" not in start(audit_state=audit_received(0)).events


def test_a_service_with_an_older_database_than_others_refuses_to_start(start):
    run = start(audit_state=audit_received(EMITTED_EVENTS + 1))
    assert isinstance(run.error, UnusableDatabase)
    assert str(run.error) == (
        "databases are not of one time: "
        "the database of app ends at event 3, but audit has received its event 4"
    )
    assert "`envmgr-alm restore --accept-gap SERVICE`" in run.error.hint
    assert (run.bus.sequences, "start" in run.bus.calls, run.closings) == ([], False, 1)


@pytest.mark.parametrize("changes", [{"JWT_SECRET": " "}, {"JWT_SECRET": "", "JWT_JWKS": '{"keys": []}'}])
def test_a_service_without_any_key_generates_none(monkeypatch, tmp_path, changes):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        service.service_keyring(settings(0, "127.0.0.1:1", **changes))
    assert not list(tmp_path.iterdir())


def test_a_service_whose_grpc_port_is_in_use_relays_nothing_and_closes_its_database(start, occupied_port):
    run = start(occupied_port)
    assert f"127.0.0.1:{occupied_port}" in str(run.error)
    assert "--grpc-port" in run.error.hint
    assert (run.bus.sequences, "start" in run.bus.calls, run.closings) == ([], False, 1)
