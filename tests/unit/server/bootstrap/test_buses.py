"""Choice of the event bus by its settings."""

from __future__ import annotations

import socket
import sys

import pytest

from envmgr.server.bootstrap.buses import create_bus
from envmgr.server.kit.config.bus_settings import KAFKA, NATS, BusSettings, SettingsError
from envmgr.server.kit.messaging.bus import NullObserver


@pytest.mark.parametrize(
    ("kind", "client", "message", "variable"),
    [
        (NATS, "nats", "the bus is NATS, but the `nats` extra is not installed", "NATS_URL"),
        (KAFKA, "aiokafka", "the bus is Kafka, but the `kafka` extra is not installed", "KAFKA_BROKER"),
    ],
)
def test_a_bus_whose_extra_is_missing_is_refused_with_the_cure(monkeypatch, kind, client, message, variable):
    for name in list(sys.modules):
        if name.partition(".")[0] == client or f"messaging.{kind}_bus" in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, client, None)
    settings = BusSettings(kind, (f"{kind}://127.0.0.1:1",))
    with pytest.raises(SettingsError, match=f"^{message}$") as caught:
        create_bus(settings, "app:127.0.0.1:8080", NullObserver())
    extras = caught.value.hint.partition("[")[2].partition("]")[0].split(",")
    assert {"server", "grpc", kind} <= set(extras), "of those installed, the command removes none"
    assert f"unset BUS_URL and {variable}" in caught.value.hint


@pytest.mark.parametrize("kind", [NATS, KAFKA])
def test_a_process_is_the_same_to_a_broker_in_every_working_directory(tmp_path, monkeypatch, kind):
    settings = BusSettings(kind, (f"{kind}://127.0.0.1:1",))
    owner = create_bus(settings, "app:127.0.0.1:8080", NullObserver()).broker.owner
    monkeypatch.chdir(tmp_path)
    assert create_bus(settings, "app:127.0.0.1:8080", NullObserver()).broker.owner == owner
    assert owner == f"{socket.gethostname()}:app:127.0.0.1:8080"
