from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from envmgr.server.kit.common.events import EventEnvelope
from envmgr.server.kit.messaging.bus import InProcessBus, Subscription
from envmgr.server.kit.telemetry import tracing as tracing_module
from envmgr.server.kit.telemetry.request_info import RequestInfo
from envmgr.server.kit.telemetry.tracing import MAX_SPANS_PER_BATCH, LoggingExporter, Tracing
from support.services.event_recorders import Listener, RecordingLog
from support.services.queued_bus import FAST_DELIVERY

ORIGIN = "00f067aa0ba902b7"


def trace_of(number):
    return f"{number:032x}"


def event(number, **values):
    header = {
        "id": f"e{number}",
        "source": "alm/app",
        "type": "Tested",
        "subject": "app/1",
        "time": "2026-01-01T00:00:00.000Z",
        "sequence": number,
        "actor": "user:ada",
        "data": {"number": number},
        "traceparent": f"00-{trace_of(number)}-{ORIGIN}-01",
    }
    return EventEnvelope(**{**header, **values})


@contextmanager
def emitted_log():
    """Return tracing, and the list that collects its spans."""
    exporter, spans = InMemorySpanExporter(), []
    tracing = Tracing(exporter, "tested")
    yield tracing, spans
    tracing._provider.force_flush()
    spans.extend(exporter.get_finished_spans())
    tracing.stop()


def published(events, *listeners):
    with emitted_log() as (tracing, spans):
        bus = tracing.bus(InProcessBus(FAST_DELIVERY))
        for number, listener in enumerate(listeners):
            bus.subscribe(Subscription(f"c{number}", frozenset("*"), listener.handle, listener.dead_letter))
        asyncio.run(bus.publish(events))
    return spans


def of_kind(spans, kind):
    return [span for span in spans if span.kind is kind]


def trace(span):
    return format_trace_id(span.context.trace_id)


def parent(span):
    return format_span_id(span.parent.span_id) if span.parent else ""


def links(span):
    return [format_trace_id(link.context.trace_id) for link in span.links]


def test_a_few_events_have_spans_in_their_own_traces():
    listeners = Listener(), Listener()
    spans = published([event(1), event(2)], *listeners)
    assert [listener.numbers for listener in listeners] == [[1, 2], [1, 2]]
    producer_spans, consumer_spans = of_kind(spans, SpanKind.PRODUCER), of_kind(spans, SpanKind.CONSUMER)
    assert sorted(map(trace, producer_spans)) == [trace_of(1), trace_of(2)]
    assert {parent(span) for span in producer_spans} == {ORIGIN}
    of_trace = {trace(span): format_span_id(span.context.span_id) for span in producer_spans}
    assert sorted((span.name, trace(span)) for span in consumer_spans) == [
        (f"process c{consumer}", trace_of(number)) for consumer in (0, 1) for number in (1, 2)
    ]
    assert all(parent(span) == of_trace[trace(span)] for span in consumer_spans)
    assert not any(span.links for span in spans)


def test_what_a_consumer_emits_belongs_to_its_span():
    listener, handled = Listener(), []
    with emitted_log() as (tracing, spans):
        bus = tracing.bus(InProcessBus())
        bus.subscribe(Subscription("c", frozenset("*"), keep_events(handled), listener.dead_letter))
        asyncio.run(bus.publish([event(1)]))
        asyncio.run(bus.publish([event(number) for number in range(2, MAX_SPANS_PER_BATCH + 3)]))
    (consumer_span, _) = of_kind(spans, SpanKind.CONSUMER)
    assert handled[0].traceparent == f"00-{trace_of(1)}-{format_span_id(consumer_span.context.span_id)}-01"
    assert handled[1:] == [event(number) for number in range(2, MAX_SPANS_PER_BATCH + 3)]


def keep_events(handled):
    async def handle(events):
        handled.extend(events)

    return handle


def test_many_events_share_a_span_with_links_to_their_traces():
    numbers = range(1, MAX_SPANS_PER_BATCH + 2)
    listener = Listener()
    spans = published([event(number) for number in numbers], listener)
    assert listener.batches == [list(numbers)]
    (producer_spans,), (consumer_spans,) = (
        of_kind(spans, SpanKind.PRODUCER),
        of_kind(spans, SpanKind.CONSUMER),
    )
    assert (producer_spans.parent, parent(consumer_spans)) == (
        None,
        format_span_id(producer_spans.context.span_id),
    )
    for span in (producer_spans, consumer_spans):
        assert links(span) == [trace_of(number) for number in numbers]
        assert span.attributes["messaging.batch.message_count"] == len(numbers)


def test_a_relay_batch_has_one_link_per_request():
    events = [event(number) for number in range(1, 499)]
    events += [event(number, traceparent=events[0].traceparent) for number in (499, 500)]
    (producer_spans,) = published(events)
    assert (len(producer_spans.links), producer_spans.dropped_links) == (498, 0)


def test_a_few_selected_events_have_spans_in_their_own_traces():
    listener = Listener()
    with emitted_log() as (tracing, spans):
        bus = tracing.bus(InProcessBus())
        bus.subscribe(Subscription("picky", frozenset({"Rare"}), listener.handle, listener.dead_letter))
        events = [event(number) for number in range(1, MAX_SPANS_PER_BATCH + 1)]
        asyncio.run(bus.publish([*events, event(99, type="Rare")]))
    (consumer_spans,) = of_kind(spans, SpanKind.CONSUMER)
    assert (listener.numbers, trace(consumer_spans), parent(consumer_spans)) == ([99], trace_of(99), ORIGIN)


def test_a_failure_is_recorded_by_its_kind_for_each_attempt():
    failures = []

    def fails(_events):
        if len(failures) < 2:
            failures.append(1)
            raise ValueError("topsecret")

    listener = Listener(fails)
    consumer_spans = of_kind(published([event(1)], listener), SpanKind.CONSUMER)
    assert listener.numbers == [1]
    assert [span.status.status_code for span in consumer_spans] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert [span.attributes.get("error.type") for span in consumer_spans] == [
        "ValueError",
        "ValueError",
        None,
    ]
    assert not any("topsecret" in span.to_json() for span in consumer_spans)


@pytest.mark.parametrize("traceparent", ["", "garbage", f"00-{'0' * 32}-{ORIGIN}-01", "00-ü-1-01"])
@pytest.mark.parametrize("number", [1, MAX_SPANS_PER_BATCH + 1])
def test_events_without_a_valid_trace_are_delivered(traceparent, number):
    listener = Listener()
    spans = published([event(n, traceparent=traceparent) for n in range(number)], listener)
    assert listener.numbers == list(range(number))
    assert all(span.parent is None and not span.links for span in of_kind(spans, SpanKind.PRODUCER))


def test_spans_use_the_configured_name_of_a_consumer():
    bus, listener = InProcessBus(), Listener()
    with emitted_log() as (tracing, _):
        tracing.bus(bus).subscribe(Subscription("c", frozenset("*"), listener.handle, listener.dead_letter))
    assert bus.subscriptions[0].handle.__qualname__ == "Listener.handle"


def traced_request(tracing, *headers, method="GET", status=200, **info):
    scope = {"type": "http", "method": method, "scheme": "http", "path": "/apps", "headers": list(headers)}
    span = tracing.request(scope)
    span.end(RequestInfo(method=method, path="/apps", client="", request_id="r", **info), status)
    return span.scope


def test_a_request_continues_its_trace_with_a_new_span_id():
    header = (b"traceparent", f"00-{trace_of(1)}-{ORIGIN}-01".encode())
    with emitted_log() as (tracing, spans):
        scope = traced_request(tracing, (b"host", b"x"), header, route="/apps")
    (span,) = spans
    own_traceparent = f"00-{trace_of(1)}-{format_span_id(span.context.span_id)}-01".encode()
    assert scope["headers"] == [(b"host", b"x"), (b"traceparent", own_traceparent)]
    assert (trace(span), parent(span), span.name) == (trace_of(1), ORIGIN, "GET /apps")


@pytest.mark.parametrize("header", [b"garbage", b"\xff", f"00-{'0' * 32}-{ORIGIN}-01".encode()])
def test_an_invalid_trace_is_replaced(header):
    with emitted_log() as (tracing, spans):
        scope = traced_request(tracing, (b"traceparent", header))
    (span,) = spans
    assert span.parent is None
    assert [value.split(b"-")[1].decode() for name, value in scope["headers"]] == [trace(span)]


def test_only_failures_of_the_server_are_errors():
    with emitted_log() as (tracing, spans):
        traced_request(tracing, status=404, problem="not-found")
        traced_request(tracing, status=500, problem="internal-error")
        traced_request(tracing, status=0)
    assert [span.status.is_ok for span in spans] == [True, False, True]
    assert [span.attributes.get("error.type") for span in spans] == ["not-found", "internal-error", None]
    assert [span.attributes.get("http.response.status_code") for span in spans] == [404, 500, None]


def test_an_unknown_method_does_not_create_a_span_name():
    with emitted_log() as (tracing, spans):
        traced_request(tracing, method="X" * 50)
    assert (spans[0].name, spans[0].attributes["http.request.method"]) == ("HTTP", "_OTHER")


class Flaky(SpanExporter):
    """Succeeds or fails as configured."""

    def __init__(self, *results):
        self.results = list(results)
        self.is_over = False

    def export(self, spans):
        return SpanExportResult.SUCCESS if self.results.pop(0) else SpanExportResult.FAILURE

    def shutdown(self):
        self.is_over = True


def test_an_unreachable_collector_is_logged_once_until_it_recovers():
    diary = RecordingLog()
    flaky = Flaky(True, False, False, True, True, False)
    exporter = LoggingExporter(flaky, "collector:4318", diary)
    while flaky.results:
        exporter.export([])
    failure_event, back = "trace_export_failed", "trace_export_recovered"
    assert diary.lines == [
        (line, {"collector": "collector:4318"}) for line in (failure_event, back, failure_event)
    ]
    exporter.shutdown()
    assert flaky.is_over


def test_stopping_waits_for_a_collector_up_to_a_timeout(monkeypatch):
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Flaky):
        def export(self, spans):
            begun.set()
            release.wait(60)
            ended.set()
            return SpanExportResult.FAILURE

    monkeypatch.setattr(tracing_module, "FLUSH_SECONDS", 0.1)
    tracing = Tracing(Hanging(), "tested")
    traced_request(tracing)
    tracing.stop()
    try:
        assert begun.wait(60)
        assert not ended.is_set()
    finally:
        release.set()
