"""The brokers that tests run on, as parameters of fixtures."""

from __future__ import annotations

import pytest

from support.services.kafka_broker import NEEDS_KAFKA
from support.services.nats_server import NEEDS_NATS

BROKER_PARAMETERS = (pytest.param("nats", marks=NEEDS_NATS), pytest.param("kafka", marks=NEEDS_KAFKA))
