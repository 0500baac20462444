"""The gRPC server: authentication, policies, problems, deadlines, health and reflection."""

from __future__ import annotations

import asyncio
import importlib

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from msgspec.structs import replace

from envmgr.server.contracts.proto import application_pb2 as pb
from envmgr.server.contracts.proto import audit_pb2, deployment_pb2, identity_pb2, version_pb2, worker_pb2
from envmgr.server.contracts.proto.application_pb2_grpc import ApplicationServiceStub
from envmgr.server.contracts.remote.apps import RemoteApps
from envmgr.server.contracts.remote.identity_ports import RemoteUsers
from envmgr.server.contracts.requests import AppPatch
from envmgr.server.gateway.rpc import rpc_services
from envmgr.server.kit.common.context import Principal, RequestContext, system_context
from envmgr.server.kit.common.deadlines import deadline_in, remaining_seconds
from envmgr.server.kit.common.problems import (
    Forbidden,
    InternalError,
    InvalidFields,
    ServiceUnavailable,
    Unauthenticated,
)
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.grpc import interceptor
from envmgr.server.kit.grpc.interceptor import CallGuard, CallInterceptor, policies_of
from envmgr.server.kit.grpc.server import GrpcServer, PortInUse
from envmgr.server.kit.grpc.status import problem_of
from envmgr.server.kit.security.service_tokens import ServiceTokens
from support.services.echo_service import APP, scripted_service
from support.services.event_recorders import RecordingLog
from support.services.remote_ports import MESSAGES, SERVICE_KEYS, TRACEPARENT, Principals, connected, serving


def run(scenario, response=None, services=None, **options):
    """Run `scenario(apps, principals, channel, log)` over a server whose port of apps is scripted."""

    async def whole():
        principals, log = Principals(), RecordingLog()
        port, service = scripted_service(response)
        async with (
            serving(services or [service], principals, log=log) as address,
            connected(address, **options) as channel,
        ):
            channel.port, channel.address = port, address
            return await scenario(RemoteApps(channel), principals, channel, log)

    return asyncio.run(whole())


async def refusal(channel, *metadata):
    """Return the code and the problem of a call with this metadata."""
    with pytest.raises(aio.AioRpcError) as caught:
        await ApplicationServiceStub(channel.channel).GetApplication(
            pb.GetApplicationRequest(ref="1"), metadata=metadata, timeout=20
        )
    return caught.value.code(), problem_of(MESSAGES, caught.value)


def test_a_call_without_a_token_is_refused_with_a_problem():
    async def scenario(_apps, _principals, channel, _log):
        code, problem = await refusal(channel)
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert isinstance(problem, Unauthenticated)
        assert problem.status == 401
        assert channel.port.contexts == []

    run(scenario)


def test_a_token_for_another_service_is_refused():
    async def scenario(_apps, _principals, channel, _log):
        token = ServiceTokens("gateway", SERVICE_KEYS).sign("audit", None)
        code, problem = await refusal(channel, ("authorization", f"Bearer {token}"))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "invalid service token" in problem.detail
        assert token not in problem.detail

    run(scenario)


def test_a_principal_is_not_believed_as_sent():
    async def scenario(apps, principals, channel, _log):
        viewer = principals.context("viewer")
        admin = principals.context("admin").principal
        forged = replace(viewer, principal=replace(admin, credential=viewer.principal.credential))
        with pytest.raises(Forbidden, match="apps:write"):
            await apps.update(forged, "1", AppPatch())
        unknown = replace(viewer, principal=replace(admin, credential="session:99"))
        with pytest.raises(Unauthenticated):
            await apps.get(unknown, "1")
        without = RequestContext(principal=Principal(actor="user:ada", role="admin", scopes=admin.scopes))
        with pytest.raises(Unauthenticated, match="no credential"):
            await apps.get(without, "1")
        assert channel.port.contexts == []

    run(scenario)


def test_the_called_service_gets_the_present_principal():
    async def scenario(apps, principals, channel, _log):
        context = principals.context("user", apps={1})
        await apps.get(context, "1")
        (received,) = channel.port.contexts
        assert received.principal == context.principal
        assert (received.request_id, received.traceparent) == (context.request_id, context.traceparent)
        assert received.current_permissions == principals.current_permissions

    run(scenario)


def test_a_service_calls_for_itself_as_the_system():
    async def scenario(apps, _principals, channel, _log):
        await apps.get(system_context("deployment"), "1")
        (received,) = channel.port.contexts
        assert (received.principal.actor, received.principal.role) == ("system:deployment", "system")

    run(scenario)


def test_a_method_without_a_principal_is_refused_where_one_is_needed():
    async def scenario(_apps, _principals, channel, _log):
        token = ServiceTokens("gateway", SERVICE_KEYS).sign("app", None)
        _, problem = await refusal(channel, ("authorization", f"Bearer {token}"))
        assert problem.detail == "service gateway called without a principal"

    run(scenario)


def test_a_missing_scope_is_named():
    async def scenario(apps, principals, channel, _log):
        with pytest.raises(Forbidden) as caught:
            await apps.update(principals.context("viewer"), "1", AppPatch())
        assert caught.value.members == {"required_scope": "apps:write"}
        assert channel.port.contexts == []

    run(scenario)


def test_methods_of_the_operator_are_refused_to_services():
    class Identity:
        sessions = users = keys = bindings = exchange = None

    async def scenario(_apps, _principals, channel, _log):
        with pytest.raises(Forbidden, match="administrative commands"):
            await RemoteUsers(channel).set_password("admin", "x")

    run(scenario, services=rpc_services(Identity()))


@pytest.mark.parametrize(
    ("module", "file"),
    [
        ("app", pb),
        ("version", version_pb2),
        ("deployment", deployment_pb2),
        ("audit", audit_pb2),
        ("worker", worker_pb2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_method_has_a_policy(module, file):
    policies = importlib.import_module(f"envmgr.server.{module}.rpc").POLICIES
    (service,) = file.DESCRIPTOR.services_by_name.values()
    assert set(policies) == {method.name for method in service.methods}


def test_every_method_of_identity_has_a_policy():
    policies = importlib.import_module("envmgr.server.gateway.rpc").POLICIES
    assert {name: set(methods) for name, methods in policies.items()} == {
        name: {method.name for method in service.methods}
        for name, service in identity_pb2.DESCRIPTOR.services_by_name.items()
    }


def test_a_method_without_a_policy_is_refused():
    async def scenario():
        _, service = scripted_service()
        guard = CallGuard(ServiceTokens("app", SERVICE_KEYS), Principals(), {})
        server = GrpcServer([service], CallInterceptor(guard, MESSAGES, RecordingLog()))
        port = await server.start("127.0.0.1", 0)
        async with connected(f"127.0.0.1:{port}") as channel:
            with pytest.raises(Forbidden, match="not open to services"):
                await RemoteApps(channel).get(system_context("test"), "1")
        await server.stop(0)

    asyncio.run(scenario())


def test_a_request_is_checked_as_a_body_is():
    async def scenario(apps, principals, channel, _log):
        with pytest.raises(InvalidFields) as caught:
            await apps.update(principals.context(), "1", AppPatch(name="not a name"))
        ((pointer, detail),) = caught.value.errors
        assert pointer == "/name"
        assert "1-100 letters" in detail
        assert channel.port.contexts == []

    run(scenario)


def test_a_bug_is_logged_and_hidden():
    async def fail(_context):
        raise ZeroDivisionError("a secret of the code")

    async def scenario(apps, principals, _channel, log):
        with pytest.raises(InternalError) as caught:
            await apps.get(principals.context(), "1")
        assert "secret" not in str(caught.value.document(""))
        fields = dict(log.lines)["rpc_failed"]
        assert (fields["request_id"], fields["caller"], fields["actor"]) == (
            "request-1",
            "gateway",
            "user:ada",
        )
        assert fields["traceparent"] == dict(log.lines)["rpc"]["traceparent"] == TRACEPARENT
        assert isinstance(fields["exc_info"], ZeroDivisionError)

    run(scenario, fail)


def test_a_damaged_database_is_unavailable_and_named_in_the_log_alone():
    async def fail(_context):
        raise DamagedDatabase("/srv/alm/app.db", "malformed page 7")

    async def scenario(apps, principals, _channel, log):
        with pytest.raises(ServiceUnavailable, match=r"the database is damaged; .* restore") as caught:
            await apps.get(principals.context(), "1")
        assert "app.db" not in str(caught.value.document(""))
        lines = dict(log.lines)
        assert "rpc_failed" not in lines
        fields = lines["database_damaged"]
        assert (fields["database"], fields["error"]) == ("/srv/alm/app.db", "malformed page 7")
        assert "restore" in fields["hint"]
        assert fields["request_id"] == "request-1"

    run(scenario, fail)


def test_more_field_errors_than_metadata_hold_are_cut():
    async def fail(_context):
        raise InvalidFields("invalid", errors=[(f"/{n}", "x" * 100_000) for n in range(1000)])

    async def scenario(apps, principals, _channel, _log):
        with pytest.raises(InvalidFields) as caught:
            await apps.get(principals.context(), "1")
        assert [pointer for pointer, _ in caught.value.errors] == ["/0"]

    run(scenario, fail)


def test_the_deadline_of_the_caller_is_that_of_the_calls_within():
    seconds = []

    async def respond(_context):
        seconds.append(remaining_seconds(100))
        return APP

    async def scenario(apps, principals, _channel, _log):
        with deadline_in(7):
            await apps.get(principals.context(), "1")
        # Above 7 by a little: gRPC rounds the seconds that it sends up.
        assert 0 < seconds[0] < 8
        with deadline_in(0), pytest.raises(ServiceUnavailable, match="deadline"):
            await apps.get(principals.context(), "1")
        assert len(seconds) == 1

    run(scenario, respond)


def test_a_call_beyond_its_deadline_is_unavailable_and_ends_in_the_server():
    begun, ended = asyncio.Event(), asyncio.Event()

    async def respond(_context):
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def scenario(apps, principals, _channel, _log):
        while not begun.is_set():  # a call may be beyond its deadline before it reaches the server
            with deadline_in(0.3), pytest.raises(ServiceUnavailable) as caught:
                await apps.get(principals.context(), "1")
        assert caught.value.headers["retry-after"] == "1"
        async with asyncio.timeout(20):
            await ended.wait()

    run(scenario, respond)


def test_a_change_at_the_servers_deadline_may_have_had_its_effect(monkeypatch):
    monkeypatch.setattr(interceptor, "MAX_CALL_SECONDS", 0.2)

    async def respond(_context):
        await asyncio.sleep(60)

    async def scenario(apps, principals, _channel, _log):
        with pytest.raises(ServiceUnavailable, match="may have had its effect"):
            await apps.update(principals.context(), "1", AppPatch())
        with pytest.raises(ServiceUnavailable, match="exceeded; retry"):
            await apps.get(principals.context(), "1")

    run(scenario, respond)


def test_health_is_reported_without_a_token_until_shutdown():
    async def scenario():
        guard = CallGuard(ServiceTokens("app", SERVICE_KEYS), Principals(), {})
        _, service = scripted_service()
        server = GrpcServer([service], CallInterceptor(guard, MESSAGES, RecordingLog()))
        port = await server.start("127.0.0.1", 0)
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)

            async def status(name):
                response = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
                return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)

            assert {await status(name) for name in ("", service.name)} == {"SERVING"}
            await server.begin_shutdown()
            assert {await status(name) for name in ("", service.name)} == {"NOT_SERVING"}
        await server.stop(0)

    asyncio.run(scenario())


def test_reflection_lists_the_services():
    async def scenario(_apps, _principals, channel, _log):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel.channel)
        call = stub.ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20
        )
        (message,) = [message async for message in call]
        assert {service.name for service in message.list_services_response.service} == {
            "envmgr.alm.v1.ApplicationService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }

    run(scenario)


def test_a_port_in_use_is_an_error():
    async def scenario(_apps, _principals, channel, _log):
        guard = CallGuard(ServiceTokens("app", SERVICE_KEYS), Principals(), {})
        server = GrpcServer([], CallInterceptor(guard, MESSAGES, RecordingLog()))
        with pytest.raises(PortInUse, match="cannot listen"):
            await server.start("127.0.0.1", int(channel.address.rpartition(":")[2]))
        await server.stop(0)

    run(scenario)


def test_a_call_in_progress_is_finished_at_shutdown():
    async def scenario():
        started, release = asyncio.Event(), asyncio.Event()

        async def respond(_context):
            started.set()
            await release.wait()
            return APP

        principals = Principals()
        _, service = scripted_service(respond)
        guard = CallGuard(ServiceTokens("app", SERVICE_KEYS), principals, policies_of([service]))
        server = GrpcServer([service], CallInterceptor(guard, MESSAGES, RecordingLog()))
        port = await server.start("127.0.0.1", 0)
        async with connected(f"127.0.0.1:{port}") as channel:
            call = asyncio.ensure_future(RemoteApps(channel).get(principals.context(), "1"))
            await started.wait()
            stop = asyncio.ensure_future(server.stop(20))
            await asyncio.sleep(0.1)
            release.set()
            assert await call == APP
            await stop

    asyncio.run(scenario())
