from __future__ import annotations

import asyncio

from envmgr.server.kit.http.buffered_transport import BufferedTransport


class _Transport:
    def __init__(self):
        self.sent, self.closed = [], False

    def write(self, data):
        assert not self.closed
        self.sent.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed

    def get_extra_info(self, name):
        return name


def run(scenario):
    async def main():
        transport = _Transport()
        await scenario(BufferedTransport(transport, asyncio.get_running_loop()), transport)

    asyncio.run(main())


def test_writes_of_one_loop_iteration_are_sent_together():
    async def scenario(buffered, transport):
        buffered.write(b"head")
        buffered.write(b"body")
        assert transport.sent == []
        await asyncio.sleep(0)
        assert transport.sent == [b"headbody"]
        buffered.write(b"more")
        await asyncio.sleep(0)
        assert transport.sent == [b"headbody", b"more"]

    run(scenario)


def test_buffered_data_is_sent_before_close():
    async def scenario(buffered, transport):
        buffered.write(b"last words")
        buffered.close()
        assert transport.sent == [b"last words"]
        assert buffered.is_closing()
        await asyncio.sleep(0)
        assert transport.sent == [b"last words"]

    run(scenario)


def test_buffered_data_for_a_closed_connection_is_dropped():
    async def scenario(buffered, transport):
        buffered.write(b"too late")
        transport.close()
        await asyncio.sleep(0)
        assert transport.sent == []

    run(scenario)


def test_other_methods_are_delegated_to_the_transport():
    async def scenario(buffered, _):
        assert buffered.get_extra_info("peername") == "peername"

    run(scenario)
