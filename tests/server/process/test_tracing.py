"""Traces of a real server, as a collector receives them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from support.http.trace_collector import Collector
from support.ports import free_port
from support.server.server_process import ADMIN_PASSWORD, IDLE_EVENTS, Daemon
from support.waiting import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ORIGIN = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{ORIGIN}-01"


@contextmanager
def serving(root, url, **variables):
    """Yield a server that exports its traces to a URL."""
    variables_ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50", **variables}
    daemon = Daemon(root, environment=variables_)
    try:
        yield daemon.start()
    finally:
        daemon.end()


@pytest.fixture(scope="module")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def daemon(collector, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("traced"), collector.url) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def wire(daemon):
    with daemon.wire(daemon.login()["access_token"]) as wire:
        yield wire


def traced(number):
    """Create the headers of a new trace."""
    trace = f"{number:032x}"
    return trace, {"traceparent": f"00-{trace}-{ORIGIN}-01"}


def rows(daemon, database, query, *values):
    with closing(sqlite3.connect(daemon.data / f"{database}.db")) as connection:
        return connection.execute(query, values).fetchall()


def test_a_trace_spans_the_request_its_event_and_every_consumer(collector, daemon, wire):
    reply = wire.ask("POST", "/apps", {"name": "traced"}, {"traceparent": TRACEPARENT})
    assert reply.status == 201
    consumer_spans = {"process audit-log", "process event-count"}
    spans = collector.await_spans(TRACE, "POST /apps", "publish alm/app", *consumer_spans)
    (request,) = [span for span in spans if span.name == "POST /apps"]
    (publish,) = [span for span in spans if span.name == "publish alm/app"]
    (append,) = [span for span in spans if span.name == "process audit-log"]
    assert [request.parent, publish.parent, append.parent] == [ORIGIN, request.id, publish.id]
    assert [request.kind, publish.kind, append.kind] == ["server", "producer", "consumer"]
    assert {span.name for span in spans if span.parent == publish.id} >= consumer_spans
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/apps",
        "http.response.status_code": 201,
        "url.scheme": "http",
        "url.path": "/apps",
        "alm.request_id": reply.header("x-request-id"),
    }
    assert request.resource["service.name"] == "envmgr-alm"
    stored = rows(
        daemon, "app", "SELECT id, traceparent FROM outbox WHERE subject = ?", f"app/{reply.json['id']}"
    )
    ((event, traceparent),) = stored
    assert traceparent.split("-")[1:3] == [TRACE, request.id]
    assert publish.attributes["cloudevents.event_id"] == event
    daemon.settle(wire.token)
    (audited,) = wire.ask("GET", f"/audits?resource=app/{reply.json['id']}").json
    assert (audited["id"], audited["event_type"]) == (event, append.attributes["cloudevents.event_type"])


def test_a_request_without_a_trace_begins_one(collector, daemon, wire):
    app = wire.ask("POST", "/apps", {"name": "rootless"}).json
    ((traceparent,),) = rows(
        daemon, "app", "SELECT traceparent FROM outbox WHERE subject = ?", f"app/{app['id']}"
    )
    _, trace, span, flags = traceparent.split("-")
    assert int(flags, 16) & 1
    spans = collector.await_spans(trace, "POST /apps", "process audit-log")
    assert [(item.id, item.parent) for item in spans if item.kind == "server"] == [(span, "")]


def test_an_unsampled_trace_is_propagated_and_not_exported(collector, daemon, wire):
    trace = "1" * 32
    app = wire.ask("POST", "/apps", {"name": "unseen"}, {"traceparent": f"00-{trace}-{ORIGIN}-00"}).json
    ((traceparent,),) = rows(
        daemon, "app", "SELECT traceparent FROM outbox WHERE subject = ?", f"app/{app['id']}"
    )
    assert traceparent.split("-")[1] == trace
    after, headers = traced(2)
    wire.ask("POST", "/apps", {"name": "seen"}, headers)
    collector.await_spans(after, "POST /apps", "process audit-log")
    assert collector.spans_of(trace) == []


def test_events_of_sign_ins_belong_to_the_trace_of_their_request(collector, daemon):
    trace, headers = traced(3)
    with daemon.wire() as wire:
        wire.ask("POST", "/auth/login", {"username": "admin", "password": ADMIN_PASSWORD}, headers)
    spans = collector.await_spans(trace, "POST /auth/login", "publish alm/gateway", "process audit-log")
    (request,) = [span for span in spans if span.kind == "server"]
    assert [span.parent for span in spans if span.kind == "producer"] == [request.id]


def test_rejections_have_a_reason_and_are_not_server_errors(collector, wire):
    trace, headers = traced(4)
    assert wire.ask("GET", "/apps/nowhere", headers=headers).status == 404
    (request,) = collector.await_spans(trace, "GET /apps/{app}")
    assert (request.attributes["error.type"], request.is_error) == ("not-found", False)


def test_an_unknown_path_has_no_route(collector, wire):
    trace, headers = traced(5)
    assert wire.ask("GET", "/what/is/this", headers=headers).status == 404
    (request,) = collector.await_spans(trace, "GET")
    assert "http.route" not in request.attributes


def test_probes_are_not_traced(collector, wire):
    trace, headers = traced(6)
    wire.ask("GET", "/healthz", headers=headers)
    after, headers = traced(7)
    wire.ask("GET", "/apps", headers=headers)
    collector.await_spans(after, "GET /apps")
    assert collector.spans_of(trace) == []


def test_traces_contain_no_secrets(collector, daemon):
    trace, headers = traced(8)
    session = daemon.login()
    with daemon.wire(session["access_token"]) as wire:
        reply = wire.ask("POST", "/auth/keys", {"name": "robot", "scopes": ["apps:read"]})
        wire.ask("GET", f"/apps/{reply.json['key']}")
        wire.ask("GET", "/apps?name=topsecret", headers={**headers, "X-Secret": "topsecret"})
    collector.await_spans(trace, "GET /apps")
    exported = b"".join(collector.bodies)
    for secret in (ADMIN_PASSWORD, session["access_token"], session["refresh_token"], reply.json["key"]):
        assert secret.encode() not in exported
    assert b"topsecret" not in exported


def test_pending_spans_are_exported_on_shutdown(tmp_path):
    trace, headers = traced(9)
    with (
        Collector() as collector,
        serving(tmp_path, collector.url, OTEL_BSP_SCHEDULE_DELAY="60000", OTEL_SERVICE_NAME="mine") as daemon,
    ):
        with daemon.wire(daemon.login()["access_token"]) as wire:
            wire.ask("POST", "/apps", {"name": "last"}, headers)
        # A server that stops waits for pending events for two seconds only.
        wait_until(lambda: daemon.event_details() == [IDLE_EVENTS], "events are still on their way")
        assert collector.spans == []
        assert daemon.stop() == 0
        spans = collector.await_spans(trace, "POST /apps", "publish alm/app", "process audit-log")
        assert {span.resource["service.name"] for span in spans} == {"mine"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["away", "hangs"])
def test_an_unresponsive_collector_delays_nothing_and_is_logged_once(tmp_path, kind):
    with Collector(hangs=True) as collector:
        url = collector.url if kind == "hangs" else f"http://127.0.0.1:{free_port()}"
        with serving(tmp_path, url, OTEL_EXPORTER_OTLP_TIMEOUT="1") as daemon:
            with daemon.wire(daemon.login()["access_token"]) as wire:
                times = []
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    began = time.monotonic()
                    assert wire.ask("GET", "/apps").status == 200
                    times.append(time.monotonic() - began)
                    time.sleep(0.01)
            assert statistics.median(times) < 0.5
            began = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - began < 8
    lines = [json.loads(line) for line in daemon.output.splitlines() if line.startswith("{")]
    warned = [line for line in lines if line["level"] != "info"]
    assert [line["event"] for line in warned] == ["trace_export_failed"]
    assert url.endswith(warned[0]["collector"])


def test_without_the_setting_no_exporter_is_imported_and_traces_are_propagated(tmp_path):
    daemon = Daemon(tmp_path, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "", "PYTHONVERBOSE": "1"}).start()
    try:
        with daemon.wire(daemon.login()["access_token"]) as wire:
            assert wire.ask("POST", "/apps", {"name": "plain"}, {"traceparent": TRACEPARENT}).status == 201
        assert rows(daemon, "app", "SELECT traceparent FROM outbox") == [(TRACEPARENT,)]
        assert "import 'envmgr.server.kit.http.middleware'" in daemon.output
        for name in ("envmgr.server.kit.telemetry.tracing", "opentelemetry.sdk", "opentelemetry.exporter"):
            assert f"import '{name}" not in daemon.output
    finally:
        daemon.end()


def test_without_the_extra_the_start_shows_how_to_install_it(tmp_path):
    script = "import sys; sys.modules['opentelemetry.exporter'] = None; "
    script += "from envmgr.server.main import main; sys.exit(main(sys.argv[1:]))"
    result = subprocess.run(
        [sys.executable, "-c", script, "serve", "all", "--port", "0", "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 2)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in result.stderr
    # Extras that are installed are kept.
    assert re.search(r"`pipx install --force 'envmgr-toolchain\[server,(\w+,)*otel\]", result.stderr)
    assert not (tmp_path / "data").exists()
