"""The channel to a peer: retries, circuit breaker, limits, TLS and traces."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest
import trustme
from grpc import aio
from msgspec.structs import replace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from envmgr.server.contracts.proto import application_pb2 as pb
from envmgr.server.contracts.remote import event_state_rpc
from envmgr.server.contracts.remote.apps import RemoteApps
from envmgr.server.contracts.remote.event_state import RemoteEventState
from envmgr.server.contracts.requests import AppPatch
from envmgr.server.kit.common.backoff import Backoff
from envmgr.server.kit.common.context import system_context
from envmgr.server.kit.common.problems import (
    BadRequest,
    InternalError,
    ServiceUnavailable,
    TooLarge,
)
from envmgr.server.kit.grpc import channel as channel_file
from envmgr.server.kit.grpc import options
from envmgr.server.kit.grpc.circuit_breaker import CircuitBreaker
from envmgr.server.kit.grpc.interceptor import CallGuard, CallInterceptor, policies_of
from envmgr.server.kit.grpc.server import GrpcServer
from envmgr.server.kit.grpc.tls import TlsIdentity, read_identity
from envmgr.server.kit.messaging.event_state import EventState
from envmgr.server.kit.security.service_tokens import ServiceTokens
from envmgr.server.kit.telemetry.tracing import Tracing
from support.ports import free_port
from support.services.echo_service import APP, scripted_service
from support.services.event_recorders import RecordingLog
from support.services.remote_ports import LOOPBACK, MESSAGES, SERVICE_KEYS, Principals, connected, serving

LAST_CALLS, GRACE_SECONDS = 50, 60
GET = pb.GetApplicationRequest
UPDATE = pb.UpdateApplicationRequest


@pytest.fixture(autouse=True)
def _fast_retries(monkeypatch):
    """Repeat calls at once, and give the checks of peers on a busy machine time."""
    monkeypatch.setattr(channel_file, "RETRY_BACKOFF", Backoff(0.001, 0.01))
    monkeypatch.setattr(channel_file, "HEALTH_TIMEOUT_SECONDS", 60)


class FailingMethod:
    """A method of a stub that fails with these codes, and then answers."""

    def __init__(self, *codes):
        self.codes = list(codes)
        self.calls = 0

    async def __call__(self, request, **options):
        self.calls += 1
        if self.codes:
            raise aio.AioRpcError(self.codes.pop(0), aio.Metadata(), aio.Metadata(), details="down")
        return pb.GetApplicationResponse()


def with_channel(scenario, **options):
    """Run `scenario(channel)` for a channel without a peer."""

    async def whole():
        async with connected(f"{LOOPBACK}:1", **options) as channel:
            return await scenario(channel)

    return asyncio.run(whole())


def test_an_idempotent_call_is_repeated():
    method = FailingMethod(*[grpc.StatusCode.UNAVAILABLE] * 2)
    with_channel(lambda channel: channel.call(method, GET))
    assert method.calls == 3


def test_an_idempotent_call_fails_after_three_attempts():
    method = FailingMethod(*[grpc.StatusCode.UNAVAILABLE] * 5)
    with pytest.raises(ServiceUnavailable, match="service app is unreachable") as caught:
        with_channel(lambda channel: channel.call(method, GET))
    assert method.calls == 3
    assert caught.value.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED],
)
def test_a_call_with_an_effect_is_made_once(code):
    method = FailingMethod(code)
    with pytest.raises(ServiceUnavailable, match="may have had its effect"):
        with_channel(lambda channel: channel.call(method, UPDATE))
    assert method.calls == 1


@pytest.mark.parametrize("address", [f"{LOOPBACK}:1", f"ipv4:{LOOPBACK}:1,{LOOPBACK}:2"])
def test_a_call_that_was_not_sent_is_repeated_whatever_its_effect(monkeypatch, address):
    attempts = []
    monkeypatch.setattr(CircuitBreaker, "acquire", lambda _breaker: attempts.append(None))

    async def scenario():
        async with connected(address) as channel:
            await RemoteApps(channel).update(Principals().context(), "1", AppPatch(description="new"))

    with pytest.raises(ServiceUnavailable, match="service app is unreachable"):
        asyncio.run(scenario())
    assert len(attempts) == channel_file.MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, ServiceUnavailable),
        (grpc.StatusCode.CANCELLED, ServiceUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TooLarge),
        (grpc.StatusCode.UNIMPLEMENTED, InternalError),
        (grpc.StatusCode.UNKNOWN, InternalError),
    ],
)
def test_other_failures_are_problems_and_not_repeated(code, problem):
    method = FailingMethod(code)
    with pytest.raises(problem, match="service app"):
        with_channel(lambda channel: channel.call(method, GET))
    assert method.calls == 1


def test_repeated_failures_open_the_circuit_and_an_answer_closes_it():
    clock = [0.0]
    breaker = CircuitBreaker("app", threshold=3, open_seconds=1, clock=lambda: clock[0])
    method = FailingMethod(*[grpc.StatusCode.UNAVAILABLE] * 3)

    async def scenario(channel):
        with pytest.raises(ServiceUnavailable):
            await channel.call(method, GET)
        assert breaker.state == "open"
        with pytest.raises(ServiceUnavailable, match="not called again yet"):
            await channel.call(method, GET)
        assert method.calls == 3
        clock[0] += 2
        await channel.call(method, GET)
        assert breaker.state == "closed"

    with_channel(scenario, breaker=breaker)


def test_a_cancelled_probe_lets_the_next_call_probe():
    clock = [0.0]
    breaker = CircuitBreaker("app", threshold=1, open_seconds=1, clock=lambda: clock[0])

    async def hang(_request, **_options):
        await asyncio.sleep(60)

    async def scenario(channel):
        with pytest.raises(ServiceUnavailable):
            await channel.call(FailingMethod(grpc.StatusCode.UNAVAILABLE), UPDATE)
        clock[0] += 2
        call = asyncio.ensure_future(channel.call(hang, GET))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await channel.call(FailingMethod(), GET)

    with_channel(scenario, breaker=breaker)


def test_text_that_messages_cannot_hold_is_a_bad_request():
    async def scenario(channel):
        for ref in ("\ud800", "\udcff"):
            with pytest.raises(BadRequest, match="cannot be sent"):
                await RemoteApps(channel).get(system_context("test"), ref)

    with_channel(scenario)


def test_a_refused_service_token_is_no_fault_of_the_request():
    async def scenario():
        principals = Principals()
        async with (
            serving([scripted_service()[1]], principals) as address,
            connected(address, peer="audit") as channel,
        ):
            with pytest.raises(ServiceUnavailable, match=r"refuses calls of gateway: .*JWT_SECRET") as caught:
                await RemoteApps(channel).get(principals.context(), "1")
            assert channel.refusal == caught.value.detail
            channel.peer = "app"  # whose tokens the server accepts
            await RemoteApps(channel).get(principals.context(), "1")
            assert not channel.refusal

    asyncio.run(scenario())


def test_a_closed_channel_is_unavailable():
    async def scenario():
        async with connected(f"{LOOPBACK}:1") as channel:
            pass
        with pytest.raises(ServiceUnavailable, match="closed"):
            await RemoteApps(channel).get(system_context("test"), "1")

    asyncio.run(scenario())


def test_a_peer_that_comes_back_is_reached():
    async def scenario():
        principals = Principals()
        context = principals.context()
        _, service = scripted_service()
        async with serving([service], principals, port=free_port()) as address:
            pass
        async with connected(address, breaker=CircuitBreaker("app", open_seconds=0.01)) as channel:
            apps = RemoteApps(channel)
            with pytest.raises(ServiceUnavailable):
                await apps.get(context, "1")
            async with serving([service], principals, port=int(address.rpartition(":")[2])):
                async with asyncio.timeout(60):
                    while await is_unreachable(apps, context):  # noqa: ASYNC110 - a peer that comes up sets no event
                        await asyncio.sleep(0.05)

    asyncio.run(scenario())


def test_a_call_waits_for_the_connection_to_a_peer_that_is_back(monkeypatch):
    """The channel pauses between two attempts to connect for longer than calls are repeated at once."""
    monkeypatch.setattr(options, "MIN_RECONNECT_SECONDS", options.MAX_RECONNECT_SECONDS)

    async def scenario():
        principals = Principals()
        context = principals.context()
        _, service = scripted_service()
        address = f"{LOOPBACK}:{free_port()}"
        async with connected(address, connection_wait_seconds=channel_file.CALL_TIMEOUT_SECONDS) as channel:
            with pytest.raises(ServiceUnavailable):
                await channel.check()
            async with serving([service], principals, port=int(address.rpartition(":")[2])):
                assert await RemoteApps(channel).get(context, "1") == APP

    asyncio.run(scenario())


def test_a_call_waits_for_longer_than_a_channel_pauses_between_two_attempts_to_connect():
    """gRPC varies the pause by a fifth."""
    assert channel_file.CONNECTION_WAIT_SECONDS > 1.2 * options.MAX_RECONNECT_SECONDS


def test_a_connection_closes_the_circuit_that_its_loss_opened():
    async def scenario():
        principals = Principals()
        context = principals.context()
        _, service = scripted_service()
        address = f"{LOOPBACK}:{free_port()}"
        async with connected(address, breaker=CircuitBreaker("app", open_seconds=600)) as channel:
            apps = RemoteApps(channel)
            while channel.breaker.state == "closed":
                assert await is_unreachable(apps, context)
            async with serving([service], principals, port=int(address.rpartition(":")[2])):
                await channel.channel.channel_ready()
                assert await apps.get(context, "1") == APP
        assert channel.breaker.state == "closed"

    asyncio.run(scenario())


def test_a_connection_does_not_close_the_circuit_of_a_peer_that_does_not_answer():
    async def scenario():
        principals = Principals()
        _, service = scripted_service()
        breaker = CircuitBreaker("app", threshold=1, open_seconds=600)
        async with serving([service], principals) as address, connected(address, breaker=breaker) as channel:
            await channel.check()
            with pytest.raises(ServiceUnavailable, match="timed out"):
                await channel.call(FailingMethod(grpc.StatusCode.DEADLINE_EXCEEDED), GET)
            with pytest.raises(ServiceUnavailable, match="not called again yet"):
                await RemoteApps(channel).get(principals.context(), "1")

    asyncio.run(scenario())


async def is_unreachable(apps, context):
    try:
        await apps.get(context, "1")
    except ServiceUnavailable:
        return True
    return False


def test_a_check_shows_whether_the_peer_serves_calls():
    async def scenario():
        _, service = scripted_service()
        async with serving([service], Principals()) as address, connected(address) as channel:
            await channel.check()
        async with connected(address) as channel:
            with pytest.raises(ServiceUnavailable, match="service app is unreachable"):
                await channel.check()
            assert channel.breaker.state == "closed"

    asyncio.run(scenario())


def test_a_peer_that_shuts_down_fails_the_check():
    async def scenario():
        _, service = scripted_service()
        guard = CallGuard(ServiceTokens("app", SERVICE_KEYS), Principals(), policies_of([service]))
        server = GrpcServer([service], CallInterceptor(guard, MESSAGES, RecordingLog()))
        port = await server.start(LOOPBACK, 0)
        async with connected(f"{LOOPBACK}:{port}") as channel:
            await channel.check()
            await server.begin_shutdown()
            with pytest.raises(ServiceUnavailable, match="service app is shutting down"):
                await channel.check()
        await server.stop(0)

    asyncio.run(scenario())


def test_a_request_above_the_limit_is_too_large():
    async def scenario():
        principals = Principals()
        apps, service = scripted_service()
        async with serving([service], principals) as address, connected(address) as channel:
            with pytest.raises(TooLarge):
                await RemoteApps(channel).update(
                    principals.context(), "1", AppPatch(description="x" * 9 * 2**20)
                )
        assert apps.contexts == []

    asyncio.run(scenario())


def identity_of(authority, name):
    certificate = authority.issue_cert(name, "localhost")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    return TlsIdentity(certificate.private_key_pem.bytes(), chain, authority.cert_pem.bytes())


def by_name(address):
    return address.replace(LOOPBACK, "localhost")


def in_a_list(address):
    return f"ipv4:{address},{LOOPBACK}:1"


def call_over_tls(server, client, caller="gateway", target=by_name):
    async def scenario():
        principals = Principals()
        _, service = scripted_service()
        async with (
            serving([service], principals, identity=server) as address,
            connected(target(address), identity=client, caller=caller) as channel,
        ):
            return await RemoteApps(channel).get(principals.context(), "1")

    return asyncio.run(scenario())


def stored(identity, directory):
    """Write an identity to files, and read it as a service does."""
    paths = [directory / name for name in ("key.pem", "certificates.pem", "authority.pem")]
    for path, content in zip(paths, (identity.key, identity.certificates, identity.authority), strict=True):
        path.write_bytes(content)
    return read_identity(*map(str, paths))


def test_services_with_certificates_of_one_authority_reach_each_other(tmp_path):
    authority = trustme.CA()
    server = stored(identity_of(authority, "app"), tmp_path)
    assert call_over_tls(server, identity_of(authority, "gateway")) == APP


def test_replicas_without_a_host_name_have_the_certificate_of_their_service():
    authority = trustme.CA()
    client = identity_of(authority, "gateway")
    assert call_over_tls(identity_of(authority, "app"), client, target=in_a_list) == APP
    with pytest.raises(ServiceUnavailable):
        call_over_tls(identity_of(authority, "audit"), client, target=in_a_list)


def test_calls_go_to_the_replicas_that_serve():
    """Calls leave a replica when it announces its shutdown, and its end does not wait for their channel."""

    async def scenario():
        principals = Principals()
        context = principals.context()
        ports, services = zip(*(scripted_service() for _ in range(2)), strict=True)
        guards = [
            CallGuard(ServiceTokens("app", SERVICE_KEYS), principals, policies_of([service]))
            for service in services
        ]
        servers = [
            GrpcServer([service], CallInterceptor(guard, MESSAGES, RecordingLog()))
            for service, guard in zip(services, guards, strict=True)
        ]
        addresses = [f"{LOOPBACK}:{await server.start(LOOPBACK, 0)}" for server in servers]
        async with connected(f"ipv4:{','.join(addresses)}") as channel:
            apps = RemoteApps(channel)
            while not all(port.contexts for port in ports):
                await apps.get(context, "1")
            await servers[0].begin_shutdown()
            for _ in range(LAST_CALLS):
                count = len(ports[0].contexts)
                await asyncio.sleep(0.01)
                await apps.get(context, "1")
            assert len(ports[0].contexts) == count
            async with asyncio.timeout(GRACE_SECONDS / 2):
                await servers[0].stop(GRACE_SECONDS)
            await apps.get(context, "1")
        await servers[1].stop(0)

    asyncio.run(scenario())


def test_a_token_of_another_service_than_the_certificates_is_refused():
    authority = trustme.CA()
    with pytest.raises(ServiceUnavailable, match="certificate is not one of service gateway"):
        call_over_tls(identity_of(authority, "app"), identity_of(authority, "worker"))


def test_a_certificate_of_another_authority_is_refused():
    server = identity_of(trustme.CA(), "app")
    stranger = identity_of(trustme.CA(), "gateway")
    with pytest.raises(ServiceUnavailable):
        call_over_tls(server, TlsIdentity(stranger.key, stranger.certificates, server.authority))


def test_a_client_without_tls_is_refused():
    with pytest.raises(ServiceUnavailable):
        call_over_tls(identity_of(trustme.CA(), "app"), None)


def test_a_call_is_traced_from_the_caller_to_the_called_service():
    exporter = InMemorySpanExporter()

    async def scenario():
        principals = Principals()
        tracing = Tracing(exporter, "test")
        apps, service = scripted_service()
        async with (
            serving([service], principals, tracing=tracing) as address,
            connected(address, tracing=tracing) as channel,
        ):
            await RemoteApps(channel).get(principals.context(), "1")
        tracing.stop()
        return apps.contexts[0].traceparent

    traceparent = asyncio.run(scenario())
    spans = {span.kind.name: span for span in exporter.get_finished_spans()}
    client, server = spans["CLIENT"], spans["SERVER"]
    assert client.name == server.name == "envmgr.alm.v1.ApplicationService/GetApplication"
    assert (client.parent.trace_id, client.parent.span_id) == (1, 2)
    assert server.parent.span_id == client.context.span_id
    assert traceparent.split("-")[2] == f"{server.context.span_id:016x}"


def test_a_call_without_a_context_continues_the_trace_of_the_call_in_progress():
    """So a service that asks the gateway about its caller does so within the request's trace."""
    exporter = InMemorySpanExporter()

    async def scenario():
        principals = Principals()
        tracing = Tracing(exporter, "test")
        _, state_service = scripted_state(polled_methods=frozenset())
        async with AsyncExitStack() as stack:
            peer = await stack.enter_async_context(serving([state_service], principals, tracing=tracing))
            to_peer = await stack.enter_async_context(connected(peer, tracing=tracing))

            async def ask_peer(_context):
                await RemoteEventState(to_peer).refresh()
                return APP

            _, service = scripted_service(ask_peer)
            address = await stack.enter_async_context(serving([service], principals, tracing=tracing))
            channel = await stack.enter_async_context(connected(address, tracing=tracing))
            await RemoteApps(channel).get(principals.context(), "1")
        tracing.stop()

    asyncio.run(scenario())
    spans = {(span.kind.name, span.name.rpartition("/")[2]): span for span in exporter.get_finished_spans()}
    client = spans["CLIENT", "GetEventState"]
    assert client.parent.span_id == spans["SERVER", "GetApplication"].context.span_id
    assert spans["SERVER", "GetEventState"].parent.span_id == client.context.span_id


def test_what_is_called_at_an_interval_has_no_traces():
    exporter = InMemorySpanExporter()

    async def scenario():
        tracing = Tracing(exporter, "test")
        states, service = scripted_state()
        async with (
            serving([service], Principals(), tracing=tracing) as address,
            connected(address) as channel,
        ):
            await RemoteEventState(channel).refresh()
        tracing.stop()
        return states

    assert asyncio.run(scenario()) == ["asked"]
    assert exporter.get_finished_spans() == ()


def scripted_state(**changes):
    """Return a list with an item for each call, and the gRPC service of an event state that adds them."""
    calls = []

    async def read():
        calls.append("asked")
        return EventState(0, {}, ())

    return calls, replace(event_state_rpc.rpc_service(read), **changes)
