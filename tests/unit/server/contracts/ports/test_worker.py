"""The contract of the port of the worker's state, for the local service and over gRPC."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.remote.worker import RemoteWorkerState
from envmgr.server.worker.rpc import rpc_service
from support.services.remote_ports import TRANSPORTS, Principals, port_over


class FailingWorker:
    """A worker with a relay that fails."""

    async def event_counts(self):
        return {"AppCreated": 2.0, "VersionCreated": 1.0}

    async def problems(self):
        return ["app: 3 failed deliveries"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_event_counts_and_problems_are_read_without_a_principal(transport):
    async def scenario():
        worker = FailingWorker()
        async with port_over(
            transport, worker, [rpc_service(worker)], RemoteWorkerState, Principals()
        ) as port:
            assert await port.event_counts() == {"AppCreated": 2.0, "VersionCreated": 1.0}
            assert await port.problems() == ["app: 3 failed deliveries"]

    asyncio.run(scenario())
