"""A bus over a broker that refuses its sessions: what readiness reports."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.kit.errors import EnvmgrError
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.messaging.broker_bus import BrokerBus
from envmgr.server.kit.messaging.bus import NullObserver


class RefusingBroker:
    name, address, errors = "test", "127.0.0.1:1", ()

    def __init__(self, error):
        self._error = error

    def connect(self, subscriptions):
        raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("refused"), "OSError: refused"),
        (TimeoutError(), "TimeoutError"),
        (ExceptionGroup("two", [TimeoutError(), ValueError()]), "TimeoutError"),
        (EnvmgrError("no stream", "set ALM_BUS_PREFIX"), "EnvmgrError: no stream; set ALM_BUS_PREFIX"),
    ],
)
def test_a_refused_session_is_described_as_in_the_log(error, reason):
    async def main():
        bus = BrokerBus(RefusingBroker(error), NullObserver())
        await bus.start()
        try:
            with pytest.raises(ServiceUnavailable) as caught:
                await bus.check()
        finally:
            await bus.stop()
        assert str(caught.value) == f"test at 127.0.0.1:1: not connected: {reason}"

    asyncio.run(main())
