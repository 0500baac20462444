"""Choice of the event bus; a broker's client is imported only where it is chosen."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from envmgr.server.bootstrap.extras import require_extra
from envmgr.server.bootstrap.registry import SERVICE_NAMES
from envmgr.server.kit.config.bus_settings import IN_PROCESS, KAFKA
from envmgr.server.kit.messaging.bus import Delivery, InProcessBus

if TYPE_CHECKING:
    from envmgr.server.kit.config.bus_settings import BusSettings
    from envmgr.server.kit.messaging.bus import Bus, DeliveryObserver


def create_bus(settings: BusSettings, owner: str, observer: DeliveryObserver) -> Bus:
    """Return the bus that settings name, not started; raise SettingsError if its extra is missing.

    `owner` identifies the process on this host to a broker, before and after a restart: no two have it at once.
    """
    delivery = Delivery(observer)
    if settings.kind == IN_PROCESS:
        return InProcessBus(delivery)
    create = _create_kafka_bus if settings.kind == KAFKA else _create_nats_bus
    return create(settings, f"{socket.gethostname()}:{owner}", delivery)


def _create_nats_bus(settings: BusSettings, owner: str, delivery: Delivery) -> Bus:
    with require_extra("nats", "the bus is NATS", alternative="unset BUS_URL and NATS_URL"):
        from envmgr.server.kit.messaging.nats_bus.bus import create_nats_bus
    return create_nats_bus(settings, SERVICE_NAMES, owner, delivery)


def _create_kafka_bus(settings: BusSettings, owner: str, delivery: Delivery) -> Bus:
    with require_extra("kafka", "the bus is Kafka", alternative="unset BUS_URL and KAFKA_BROKER"):
        from envmgr.server.kit.messaging.kafka_bus.bus import create_kafka_bus
    return create_kafka_bus(settings, SERVICE_NAMES, owner, delivery)
