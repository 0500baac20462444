"""A gateway that one service does not answer, under load: what the others do goes on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from envmgr.server.kit.grpc.channel import CALL_TIMEOUT_SECONDS
from envmgr.server.kit.grpc.circuit_breaker import FAILURE_THRESHOLD
from envmgr.server.kit.runtime.request_deadline import REQUEST_TIMEOUT_SECONDS
from support.server.cluster import NEEDS_CLUSTER
from support.server.loaded_cluster import await_writes, wait_until
from support.server.tcp_proxy import TcpProxy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
BREAKER = 'alm_circuit_breaker_open{peer="version"}'


@pytest.fixture
def proxy(loaded):
    with TcpProxy(loaded.cluster.grpc_port("version")) as proxy:
        yield proxy


@pytest.fixture
def gateway(loaded, proxy):
    """A further gateway, which calls the version service through the proxy."""
    url = f"grpc://127.0.0.1:{proxy.port}"
    gateway = loaded.cluster.replica("gateway", GRPC_PORT="0", VERSION_URL=url)
    try:
        yield gateway.start()
    finally:
        gateway.end()


def test_a_service_that_does_not_answer_is_not_waited_for(loaded, proxy, gateway):
    token = loaded.login()
    create = "POST", "/versions", {"app_id": create_app(gateway, token), "tag": "1"}
    key = {"Idempotency-Key": '"cut-off"'}
    with loaded.clients(gateway) as crew:
        proxy.hold_responses()
        lost = check_unanswered(gateway, token, create, key)
        assert "may have had its effect" in lost.json["detail"]
        wait_until(lambda: gateway.metric(BREAKER) == 1, "the circuit does not open")
        check_refused_at_once(gateway, token)
        # The check of the peers waits for the answer nearly as long as it may take itself.
        wait_until(lambda: "service version" in gateway.readiness().get("peers", ""), "no peer is named")
        assert not gateway.is_ready()
        for path in ("/apps", "/deployments", "/audits", "/users"):
            assert ask(gateway, token, "GET", path).status == 200
        assert ask(loaded.cluster.gateway, token, "GET", "/versions").status == 200
        proxy.release()
        await_writes(crew)
        repeated = ask(gateway, token, *create, key)
        assert repeated.status == 201
    versions = ask(gateway, token, "GET", f"/apps/{create[2]['app_id']}/versions").json
    assert [version["id"] for version in versions] == [repeated.json["id"]]
    assert gateway.metric(BREAKER) == 0
    assert gateway.stop() == 0
    assert "Traceback" not in gateway.output


def check_unanswered(gateway, token, create, key):
    """Check that requests are refused before their deadline; return the reply to the first."""
    requests = [(*create, key), *[("GET", "/versions")] * FAILURE_THRESHOLD]
    since = time.monotonic()
    with ThreadPoolExecutor(len(requests)) as threads:
        replies = list(threads.map(lambda request: ask(gateway, token, *request), requests))
    assert time.monotonic() - since < REQUEST_TIMEOUT_SECONDS
    for reply in replies:
        check_unavailable(reply)
    return replies[0]


def check_refused_at_once(gateway, token):
    """Check that the open circuit refuses requests without waiting for the service."""
    refusals = []

    def is_refused():
        since = time.monotonic()
        reply = ask(gateway, token, "GET", "/versions")
        check_unavailable(reply)
        refusals.append(time.monotonic() - since)
        return "not called again yet" in reply.json["detail"]

    wait_until(is_refused, "the open circuit lets every request wait")
    assert refusals[-1] < CALL_TIMEOUT_SECONDS


def check_unavailable(reply):
    assert (reply.status, "service version" in reply.json["detail"]) == (503, True), reply.text
    assert int(reply.header("retry-after")) >= 1


def create_app(gateway, token):
    reply = ask(gateway, token, "POST", "/apps", {"name": "cut-off"})
    assert reply.status == 201, reply.text
    return reply.json["id"]


def ask(process, token, *request):
    with process.wire(token, timeout=60) as wire:
        return wire.ask(*request)
