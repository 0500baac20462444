"""Services in processes of their own: the gateway, own ports, and peers that are away."""

from __future__ import annotations

import os
import socket
import subprocess
from functools import partial
from pathlib import Path

import pytest

from support import waiting
from support.http.trace_collector import Collector
from support.requirements import needs_programs
from support.server import server_commands
from support.server.cluster import NEEDS_CLUSTER, Cluster
from support.server.local_system import REQUIRED_PROGRAMS
from support.server.server_process import ADMIN_PASSWORD
from support.services.nats_server import create_nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]
SCRIPT = Path(__file__).parents[2] / "deploy" / "e2e.sh"
RECOVERY_SECONDS = 90
wait_until = partial(waiting.wait_until, seconds=RECOVERY_SECONDS)
LISTS = {"app": "/apps", "version": "/versions", "deployment": "/deployments", "audit": "/audits"}
"""A list that each service has on its own port."""


@pytest.fixture(scope="module")
def broker():
    server = create_nats_server().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, broker, collector):
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), broker.url, traced)
    try:
        yield cluster.start()
    finally:
        cluster.end()


@pytest.fixture
def admin(cluster):
    """Return a token of the admin, for one test: a password that is reset ends all sessions."""
    return cluster.gateway.login()["access_token"]


def ask(service, token, *request, **options):
    with service.wire(token) as wire:
        return wire.ask(*request, **options)


def audited(cluster, token, event_type):
    """Return the payloads of the newest audit entries of a type; none while the audit service is away."""
    reply = ask(cluster.gateway, token, "GET", f"/audits?event_type={event_type}&limit=200")
    return [entry["payload"] for entry in reply.json] if reply.status == 200 else []


def readiness(service):
    return ask(service, "", "GET", "/readyz")


@needs_programs(*REQUIRED_PROGRAMS)
def test_the_end_to_end_script_passes_through_the_gateway(cluster):
    result = subprocess.run(
        ["bash", SCRIPT, f"http://127.0.0.1:{cluster.gateway.port}"],
        env={**os.environ, "ALM_PASSWORD": ADMIN_PASSWORD, "ALM_E2E_TIMEOUT_SECONDS": "90"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_each_service_answers_on_its_own_port_to_the_same_token(cluster, admin):
    for name, path in LISTS.items():
        service = cluster.services[name]
        assert ask(service, admin, "GET", path).status == 200
        assert ask(service, "", "GET", path).status == 401
        assert ask(service, "evm_1_unknown", "GET", path).status == 401
        assert ask(service, f"{admin[:-4]}AAAA", "GET", path).status == 401
        assert ask(service, admin, "GET", "/docs").status == 404


def test_an_app_is_created_with_its_first_version_on_either_port(cluster, admin):
    for service in (cluster.gateway, cluster.services["app"]):
        app = ask(service, admin, "POST", "/apps", {"name": f"first-{service.service}", "version": "1.0.0"})
        assert (app.status, app.json["version"]["tag"]) == (201, "1.0.0")


ORIGIN = "00f067aa0ba902b7"
TRACE_OF_A_VERSION = """\
server POST /versions, gateway
  client VersionService/CreateVersion, gateway
    server VersionService/CreateVersion, version
      client ApplicationService/GetApplication, version
        server ApplicationService/GetApplication, app
      consumer process audit-log, audit: VersionCreated
      consumer process deployment, deployment: VersionCreated
        consumer process audit-log, audit: DeploymentCreated
        consumer process event-count, worker: DeploymentCreated
        consumer process version-placements, version: DeploymentCreated
        producer publish alm/deployment, deployment: DeploymentCreated
      consumer process event-count, worker: VersionCreated
      producer publish alm/version, version: VersionCreated
"""
"""A version that a rule deploys: spans by their parents, each with the service that exported it."""
TRACE_ON_A_SERVICES_OWN_PORT = """\
server GET /apps, app
  client PrincipalService/Authenticate, app
    server PrincipalService/Authenticate, gateway
"""


def test_a_trace_spans_all_services_from_the_request_to_the_audit_log(cluster, admin, collector):
    app = ask(cluster.gateway, admin, "POST", "/apps", {"name": "traced"}).json["id"]
    rules = {"auto_deploy": [{"app": "traced", "tag_range": "^1"}]}
    assert ask(cluster.gateway, admin, "PUT", "/environments/traced", {"rules": rules}).status in {200, 201}
    trace, headers = traced(1)
    created = ask(cluster.gateway, admin, "POST", "/versions", {"app_id": app, "tag": "1.0.0"}, headers)
    assert created.status == 201

    def lines():
        """Return the spans, except of what services ask about the caller, which they cache."""
        return [line for line in span_tree(collector, trace) if "PrincipalService" not in line]

    expected = TRACE_OF_A_VERSION.splitlines()
    wait_until(lambda: len(lines()) >= len(expected))
    assert lines() == expected
    for event_type in ("VersionCreated", "DeploymentCreated"):
        (entry,) = ask(
            cluster.gateway, admin, "GET", f"/audits?event_type={event_type}&resource=app/{app}"
        ).json
        assert [entry["id"]] == [
            span.attributes["cloudevents.event_id"]
            for span in collector.spans_of(trace)
            if span.name == "process audit-log" and span.attributes["cloudevents.event_type"] == event_type
        ]


def test_a_trace_includes_what_a_service_asks_the_gateway_about_the_caller(cluster, admin, collector):
    trace, headers = traced(2)
    assert ask(cluster.services["app"], admin, "GET", "/apps", headers=headers).status == 200
    expected = TRACE_ON_A_SERVICES_OWN_PORT.splitlines()
    wait_until(lambda: len(span_tree(collector, trace)) >= len(expected))
    assert span_tree(collector, trace) == expected


def test_what_services_ask_each_other_at_an_interval_is_not_traced(cluster, collector):
    wait_until(partial(has_answered_peers, cluster.gateway))
    assert [span.name for span in collector.spans if "GetEventState" in span.name] == []


def traced(number):
    """Return the ID of a new trace, and the headers of a request within it."""
    trace = f"{number:032x}"
    return trace, {"traceparent": f"00-{trace}-{ORIGIN}-01"}


def span_tree(collector, trace):
    """Return a line for each span of a trace, indented below its parent."""
    return list(branches(collector.spans_of(trace), ORIGIN, ""))


def branches(spans, parent, indent):
    for span in sorted((span for span in spans if span.parent == parent), key=describe):
        yield f"{indent}{describe(span)}"
        yield from branches(spans, span.id, f"{indent}  ")


def describe(span):
    service = span.resource["service.name"].removeprefix("envmgr-alm-")
    line = f"{span.kind} {span.name.removeprefix('envmgr.alm.v1.')}, {service}"
    event_type = span.attributes.get("cloudevents.event_type")
    return f"{line}: {event_type}" if event_type else line


def test_a_denial_on_a_services_own_port_is_audited(cluster, admin):
    reply = ask(cluster.services["app"], "evm_2_unknown", "GET", "/apps?limit=17")
    assert reply.status == 401
    request_id = reply.header("x-request-id")
    wait_until(lambda: request_id in [item["request_id"] for item in audited(cluster, admin, "AccessDenied")])


def test_a_write_with_a_revoked_key_is_refused_at_once(cluster, admin):
    app = cluster.services["app"]
    key = ask(
        cluster.gateway,
        admin,
        "POST",
        "/auth/keys",
        {"name": "ci", "scopes": ["apps:read", "apps:write"]},
    ).json
    assert ask(app, key["key"], "POST", "/apps", {"name": "before"}).status == 201
    assert ask(cluster.gateway, admin, "DELETE", f"/auth/keys/{key['id']}").status == 204
    assert ask(app, key["key"], "POST", "/apps", {"name": "after"}).status == 401
    assert ask(app, admin, "GET", "/apps/after").status == 404


def test_a_peer_that_is_away_is_named_and_comes_back(cluster, admin):
    version = cluster.services["version"]
    version.kill()
    wait_until(lambda: "service version is unreachable" in readiness(cluster.gateway).json.get("detail", ""))
    assert readiness(cluster.gateway).status == 503
    reply = ask(cluster.gateway, admin, "GET", "/versions")
    assert (reply.status, "service version" in reply.json["detail"]) == (503, True)
    assert int(reply.header("retry-after")) >= 1
    assert ask(cluster.gateway, admin, "GET", "/apps").status == 200
    assert ask(cluster.gateway, admin, "POST", "/apps", {"name": "meanwhile"}).status == 201
    version.start()
    wait_until(lambda: readiness(cluster.gateway).status == 200)
    wait_until(lambda: ask(cluster.gateway, admin, "GET", "/versions").status == 200)
    wait_until(lambda: ask(cluster.services["app"], admin, "DELETE", "/apps/meanwhile").status == 204)


def test_without_the_gateway_requests_are_answered_503(cluster, admin):
    app = cluster.services["app"]
    cluster.gateway.kill()
    for token in (admin, "evm_3_unknown"):
        reply = ask(app, token, "POST", "/apps", {"name": "orphan"})
        assert (reply.status, "service gateway" in reply.json["detail"]) == (503, True)
        assert int(reply.header("retry-after")) >= 1
    assert ask(app, "", "GET", "/readyz").status == 200
    cluster.gateway.start()
    cluster.await_peers()
    # The circuit of the app service may be open still; the others were asked nothing meanwhile.
    for service in ("version", "deployment", "audit"):
        assert ask(cluster.gateway, admin, "GET", LISTS[service]).status == 200
    wait_until(lambda: ask(app, admin, "POST", "/apps", {"name": "recovered"}).status == 201)
    assert ask(app, admin, "GET", "/apps/orphan").status == 404


def test_every_event_reaches_the_audit_once(cluster, admin):
    wait_until(lambda: ask(cluster.gateway, admin, "POST", "/apps", {"name": "first"}).status == 201)
    names = [f"counted-{number}" for number in range(20)]
    for name in names:
        assert ask(cluster.gateway, admin, "POST", "/apps", {"name": name}).status == 201

    def recorded():
        apps = (payload["name"] for payload in audited(cluster, admin, "AppCreated"))
        return sorted(name for name in apps if name.startswith("counted-"))

    wait_until(lambda: recorded() == sorted(names))


def test_a_stream_of_the_gateway_ends_with_the_audit_and_with_the_gateway(cluster, admin):
    for service in (cluster.services["audit"], cluster.gateway):
        wait_until(lambda: ask(cluster.gateway, admin, "GET", "/audits").status == 200)
        with cluster.gateway.wire(admin, timeout=60) as wire:
            wire.send(
                b"GET /audit/events HTTP/1.1\r\nHost: alm\r\nAccept: text/event-stream\r\n"
                b"Authorization: Bearer " + admin.encode() + b"\r\n\r\n"
            )
            wait_until(lambda: b"retry: 1000" in wire.socket.recv(1 << 16, socket.MSG_PEEK))
            assert service.stop() == 0
            assert wire.reply().status == 200  # a complete response, up to its last chunk
        service.start()
    wait_until(lambda: readiness(cluster.gateway).status == 200)
    wait_until(lambda: ask(cluster.gateway, admin, "GET", "/audits").status == 200)


def test_administrative_commands_use_one_services_database(cluster):
    def run(service, *arguments, stdin=""):
        return server_commands.run(
            *arguments, "--service", service, environment=cluster.environment(service), stdin=stdin
        )

    assert "is up to date" in run("app", "migrate").stdout
    assert run("audit", "dead-letters", "list").stdout == "no dead letters\n"
    assert "app:1" in run("app", "jobs", "list").stdout
    assert "audit:1" not in run("app", "jobs", "list").stdout
    for password in ("another good passphrase", ADMIN_PASSWORD):
        reset = run("gateway", "admin", "reset-password", "--password-stdin", stdin=f"{password}\n")
        assert (reset.returncode, reset.stderr) == (0, "")
        assert cluster.gateway.login("admin", password)


def test_a_second_replica_takes_over(cluster, admin):
    first = cluster.services["app"]
    second = cluster.replica("app", GRPC_PORT="0").start()
    try:
        first.kill()
        assert ask(second, admin, "POST", "/apps", {"name": "by-the-second"}).status == 201
        wait_until(lambda: "by-the-second" in [app["name"] for app in audited(cluster, admin, "AppCreated")])
        first.start()
        assert second.stop() == 0
    finally:
        second.end()


def test_a_service_whose_grpc_port_is_in_use_exits_and_names_it(cluster):
    port = cluster.environment("app")["GRPC_PORT"]
    second = cluster.replica("app")
    try:
        second.launch()
        assert second.wait() == 1
    finally:
        second.end()
    assert f"cannot listen on 127.0.0.1:{port}" in second.output
    assert "set another --grpc-port or GRPC_PORT" in second.output
    assert "Traceback" not in second.output


def test_each_service_exports_the_metrics_of_calls_connections_and_events(cluster):
    for service in cluster.services.values():
        text = ask(service, "", "GET", "/metrics").body.decode()
        for name in (
            'alm_circuit_breaker_open{peer="',
            f'alm_db_connections_in_use{{service="{service.service}"}} ',
            f'alm_db_connections_max{{service="{service.service}"}} 10',
            f'alm_outbox_oldest_event_age_seconds{{service="{service.service}"}} ',
            f'alm_jobs_oldest_due_age_seconds{{service="{service.service}"}} ',
        ):
            assert name in text, (service.service, name)
        wait_until(partial(has_answered_peers, service))


def has_answered_peers(service):
    """Return whether the others have asked a service, which they do at an interval."""
    text = ask(service, "", "GET", "/metrics").body.decode()
    return 'code="OK",method="envmgr.alm.v1.EventStateService/GetEventState"' in text


def test_every_service_ends_with_status_0_and_has_logged_no_secret(cluster, admin):
    secrets = (admin, cluster.environment("app")["JWT_SECRET"], ADMIN_PASSWORD)
    # Before they end: what a service logs about the others that have ended is not a fault of its own.
    for service in cluster.services.values():
        assert "Traceback" not in service.output
    for service in cluster.services.values():
        before = len(service.output)
        assert service.stop() == 0, service.output[-2000:]
        assert "Traceback" not in service.output[before:]
        assert "service_shutdown_failed" not in service.output
        assert [secret for secret in secrets if secret in service.output] == []
