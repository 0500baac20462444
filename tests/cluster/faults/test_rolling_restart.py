"""A rolling restart under load: no request fails that its client may not repeat."""

from __future__ import annotations

import json
import select
import time
from dataclasses import dataclass
from itertools import cycle

import pytest

from support.http.raw_client import ConnectionClosed, Wire
from support.server.cluster import NEEDS_CLUSTER
from support.server.concurrent_writers import Abandoned, Write, Writer
from support.server.loaded_cluster import await_writes
from support.server.write_checks import marks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    NEEDS_CLUSTER,
]
RECONNECT_SECONDS = 0.05
WRITES_BETWEEN_RESTARTS = 5


@dataclass(frozen=True)
class UnkeyedWrite(Write):
    """A request that a client may not repeat once a server may have received it."""

    def send(self, wire):
        """Send the request and return the response."""
        return wire.ask(self.method, self.target, self.body)


class CarefulWriter(Writer):
    """A client of both gateways that repeats no request: one that is refused was not executed."""

    def __init__(self, ports, number, token, stop):
        super().__init__(number, ports[0], token, stop)
        self.refused = []
        self._ports = cycle(ports if number % 2 else reversed(ports))

    def write(self, write, *, faint=0.0):
        """Send the request once; raise Abandoned if it is refused, or fails."""
        unkeyed = UnkeyedWrite(write.method, write.target, write.body, write.event, write.mark)
        wire = self._connected()
        try:
            reply = unkeyed.send(wire)
        except (ConnectionClosed, TimeoutError) as error:
            self.hang_up()
            self.book.wrong.append(f"{write.method} {write.target}: {error!r}")
            raise Abandoned from None
        if reply.header("connection") == "close":
            self.hang_up()
        if reply.status == 503:
            assert int(reply.header("retry-after")) >= 1, reply.text
            self.refused.append((unkeyed, reply.text))
            raise Abandoned
        return self._note(unkeyed, reply, 1)

    def _connected(self):
        """Connect to the next gateway that accepts connections, unless the last connection is open."""
        if self._wire is not None and has_ended(self._wire):
            self.hang_up()
        while self._wire is None and not self._stop.is_set():
            try:
                self._wire = Wire(next(self._ports), token=self._token, timeout=60)
            except ConnectionClosed:
                time.sleep(RECONNECT_SECONDS)
        if self._wire is None:
            raise Abandoned
        return self._wire


def has_ended(wire):
    """Return whether the server has closed an idle connection, as clients look before they use it again."""
    readable, _, _ = select.select([wire.socket], [], [], 0)
    return bool(readable)


def test_each_process_is_restarted_in_turn(loaded):
    cluster = loaded.cluster
    ports = [gateway.port for gateway in cluster.replicas["gateway"]]

    def create(number, _port, token, stop):
        return CarefulWriter(ports, number, token, stop)

    earlier = {process: len(process.output) for process in cluster.processes}
    with loaded.clients(create=create) as crew:
        for replicas in zip(*cluster.replicas.values(), strict=True):
            for process in replicas:
                assert process.stop() == 0, process.output[-2000:]
                await_writes(crew, WRITES_BETWEEN_RESTARTS)
                process.start()
                await_writes(crew, WRITES_BETWEEN_RESTARTS)
    refused = [pair for writer in crew.writers for pair in writer.refused]
    check_not_executed(refused, loaded.audit_entries())
    assert refused == []
    for process in cluster.processes:
        for text in ("Traceback", "service_shutdown_failed", '"level":"error"'):
            assert text not in process.output[earlier[process] :], process.service


def check_not_executed(refused, entries):
    """Check that no request had an effect that was answered to be repeated."""
    effects = {(entry["event_type"], mark) for entry in entries for mark in marks(entry["payload"])}
    executed = [
        (json.dumps(write.body)[:200], text)
        for write, text in refused
        if (write.event, frozenset(write.mark.items())) in effects
    ]
    assert executed == []
