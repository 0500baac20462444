"""Choice of the event bus by its settings."""

from __future__ import annotations

import sys

import pytest

from envmgr.server.bootstrap.buses import create_bus
from envmgr.server.kit.config.bus_settings import KAFKA, NATS, BusSettings, SettingsError
from envmgr.server.kit.messaging.bus import NullObserver


@pytest.mark.parametrize(
    ("kind", "client", "message", "variable"),
    [
        (NATS, "nats", "the bus is NATS but the `nats` extra is not installed", "NATS_URL"),
        (KAFKA, "aiokafka", "the bus is Kafka but the `kafka` extra is not installed", "KAFKA_BROKER"),
    ],
)
def test_a_bus_whose_extra_is_missing_is_refused_with_the_cure(
    tmp_path, monkeypatch, kind, client, message, variable
):
    for name in list(sys.modules):
        if name.partition(".")[0] == client or f"messaging.{kind}_bus" in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, client, None)
    settings = BusSettings(kind, (f"{kind}://127.0.0.1:1",))
    with pytest.raises(SettingsError, match=f"^{message}$") as caught:
        create_bus(settings, str(tmp_path), NullObserver())
    assert f"[server,{kind}]" in caught.value.hint
    assert f"unset BUS_URL and {variable}" in caught.value.hint
