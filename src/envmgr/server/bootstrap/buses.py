"""Choice of the event bus; a broker's client is imported only where it is chosen."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from envmgr.kit.distribution import requirement
from envmgr.server.bootstrap.registry import SERVICE_NAMES
from envmgr.server.kit.config.bus_settings import IN_PROCESS, KAFKA, SettingsError
from envmgr.server.kit.messaging.bus import Delivery, InProcessBus

if TYPE_CHECKING:
    from envmgr.server.kit.config.bus_settings import BusSettings
    from envmgr.server.kit.messaging.bus import Bus, DeliveryObserver


def create_bus(settings: BusSettings, data_dir: str, observer: DeliveryObserver) -> Bus:
    """Return the bus that settings name, not started; raise SettingsError if its extra is missing.

    The data directory identifies the process to a broker: one process at a time uses it, before and after a restart.
    """
    delivery = Delivery(observer)
    if settings.kind == IN_PROCESS:
        return InProcessBus(delivery)
    owner = f"{socket.gethostname()}:{os.path.realpath(data_dir)}"
    create = _create_kafka_bus if settings.kind == KAFKA else _create_nats_bus
    return create(settings, owner, delivery)


def _create_nats_bus(settings: BusSettings, owner: str, delivery: Delivery) -> Bus:
    try:
        from envmgr.server.kit.messaging.nats_bus.bus import create_nats_bus
    except ImportError as error:
        raise _missing_extra("NATS", "nats", "NATS_URL") from error
    return create_nats_bus(settings, SERVICE_NAMES, owner, delivery)


def _create_kafka_bus(settings: BusSettings, owner: str, delivery: Delivery) -> Bus:
    try:
        from envmgr.server.kit.messaging.kafka_bus.bus import create_kafka_bus
    except ImportError as error:
        raise _missing_extra("Kafka", "kafka", "KAFKA_BROKER") from error
    return create_kafka_bus(settings, SERVICE_NAMES, owner, delivery)


def _missing_extra(name: str, extra: str, variable: str) -> SettingsError:
    return SettingsError(
        f"the bus is {name} but the `{extra}` extra is not installed",
        f"run `pipx install --force '{requirement('server', extra)}'`, or unset BUS_URL and {variable}",
    )
