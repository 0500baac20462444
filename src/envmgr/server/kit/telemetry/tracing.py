"""Traces: what OpenTelemetry (https://opentelemetry.io/docs/specs/) is told, by the only file that knows it.

A request continues the trace that it came with. Its events carry the trace on, through the outbox, to whoever
hears of them. Spans are sent beside the work, in batches (OTLP/HTTP); those that cannot be sent are dropped.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from envmgr import __version__
from envmgr.server.kit.telemetry import trace_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

    from envmgr.server.kit.messaging.bus import Bus, Subscription

    Scope = MutableMapping[str, Any]
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.request_info import RequestInfo

MAX_SPANS_PER_BATCH = 16
"""Up to so many events that come together have spans of their own, in their own traces; more share one that is
linked to them: what is done once for hundreds of requests is told once."""
MAX_LINKS = 500
FLUSH_SECONDS = 2.0
"""What sending the last spans may take when the server stops."""
_BATCH = ""
"""Stands for all events of a batch where they share a span; no event has this id."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_SERVER_ERROR = 500
_CURRENT_SPANS: ContextVar[Mapping[str, Context]] = ContextVar("_PUBLISHED")
"""What is being published around here: by the ids of events, what their consumers' spans are parts of."""


class Tracing:
    """Tells of requests and events."""

    def __init__(self, exporter: SpanExporter, service_name: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: service_name, SERVICE_VERSION: __version__}),
            span_limits=SpanLimits(max_links=MAX_LINKS),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("envmgr.server", __version__)

    def request(self, scope: Scope) -> RequestSpan:
        """Begin to tell of a request, as a part of the trace that its headers name."""
        given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        span = self._tracer.start_span("HTTP", _extract_context(given), SpanKind.SERVER)
        return RequestSpan(scope, span)

    def bus(self, bus: Bus) -> TracedBus:
        """Have what a bus carries told of."""
        return TracedBus(bus, self)

    @contextmanager
    def events(
        self,
        name: str,
        kind: SpanKind,
        events: Sequence[EventEnvelope],
        about: Mapping[str, str],
        parents: Mapping[str, Context],
    ) -> Iterator[dict[str, Context]]:
        """Tell of what is done about events while it is done; give what belongs to that, by their ids.

        A span is a part of that in `parents`, else of the one in which its event happened.
        """
        spans = self._start_spans(name, kind, events, about, parents)
        try:
            yield {key: set_span_in_context(span, Context()) for key, span in spans.items()}
        except BaseException as error:
            for span in spans.values():
                _fail(span, type(error).__name__)
            raise
        finally:
            for span in spans.values():
                span.end()

    def _start_spans(
        self,
        name: str,
        kind: SpanKind,
        events: Sequence[EventEnvelope],
        about: Mapping[str, str],
        parents: Mapping[str, Context],
    ) -> dict[str, Span]:
        start = self._tracer.start_span
        if len(events) > MAX_SPANS_PER_BATCH:
            span = start(name, parents.get(_BATCH, Context()), kind, about, _links(events))
            span.set_attribute("messaging.batch.message_count", len(events))
            return {_BATCH: span}
        return {
            event.id: start(
                name,
                parents.get(event.id) or _extract_context(event.traceparent),
                kind,
                {**about, **_event_attributes(event)},
            )
            for event in events
        }

    def stop(self) -> None:
        """Send what there is, as far as time allows."""
        # Not in a thread that the interpreter would wait for: one that hears no answer would hold up the end.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)


class RequestSpan:
    """A request that is told of; `scope` is the request's, with the header that continues its trace from here."""

    def __init__(self, scope: Scope, span: Span) -> None:
        others = [pair for pair in scope["headers"] if pair[0] != b"traceparent"]
        self.scope = {
            **scope,
            "headers": [*others, (b"traceparent", _inject_context(span.get_span_context()))],
        }
        self._span = span

    def end(self, info: RequestInfo, status: int) -> None:
        """Say how it was answered; `status` is 0 where it was not."""
        known = info.method in _METHODS
        self._span.update_name(f"{info.method if known else 'HTTP'} {info.route}".rstrip())
        self._span.set_attributes(
            {
                "http.request.method": info.method if known else "_OTHER",
                "url.scheme": self.scope["scheme"],
                "url.path": info.path,
                "alm.request_id": info.request_id,
            }
        )
        if info.route:
            self._span.set_attribute("http.route", info.route)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if info.problem:
            self._span.set_attribute("error.type", info.problem)
        if status >= _SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class TracedBus:
    """Carries events as another bus does, and tells of it."""

    def __init__(self, bus: Bus, tracing: Tracing) -> None:
        self._bus = bus
        self._tracing = tracing

    def subscribe(self, subscription: Subscription) -> None:
        """Have events delivered."""
        self._bus.subscribe(replace(subscription, handle=self._handler(subscription)))

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Hand events over, in order; return when the publisher may forget them."""
        source = events[0].source
        about = _messaging_attributes("publish", "send", source)
        with self._tracing.events(f"publish {source}", SpanKind.PRODUCER, events, about, {}) as published:
            before = _CURRENT_SPANS.set(published)
            try:
                await self._bus.publish(events)
            finally:
                _CURRENT_SPANS.reset(before)

    def _handler(self, subscription: Subscription) -> Callable[[Sequence[EventEnvelope]], Awaitable[None]]:
        name = f"process {subscription.consumer}"

        @wraps(subscription.handle)
        async def handle(events: Sequence[EventEnvelope]) -> None:
            about = _messaging_attributes("process", "process", events[0].source)
            about["messaging.consumer.group.name"] = subscription.consumer
            parents = _CURRENT_SPANS.get({})
            with self._tracing.events(name, SpanKind.CONSUMER, events, about, parents):
                await subscription.handle(events)

        return handle


def start(url: str, service_name: str, log: Log) -> Tracing:
    """Send traces to a collector; `url` takes the spans."""
    # What goes wrong with sending is said by the exporter below: once, and not for every batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return Tracing(
        LoggingExporter(OTLPSpanExporter(url), urlsplit(url).netloc.rpartition("@")[2], log), service_name
    )


class LoggingExporter(SpanExporter):
    """Sends spans by another exporter, and says when they cease to arrive, and when they do again."""

    def __init__(self, exporter: SpanExporter, collector: str, log: Log) -> None:
        self._exporter = exporter
        self._collector = collector
        self._log = log
        self._arrives = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; those that do not arrive are dropped."""
        result = self._exporter.export(spans)
        arrives = result is SpanExportResult.SUCCESS
        if self._arrives and not arrives:
            self._log.warning("traces do not arrive: they are dropped meanwhile", collector=self._collector)
        if arrives and not self._arrives:
            self._log.info("traces arrive again", collector=self._collector)
        self._arrives = arrives
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is kept back."""
        return self._exporter.force_flush(timeout_millis)


def _messaging_attributes(operation: str, kind: str, source: str) -> dict[str, str]:
    """Describe what is done, as https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ has it."""
    return {
        "messaging.system": "envmgr-alm",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": source,
    }


def _event_attributes(event: EventEnvelope) -> dict[str, str]:
    """Describe an event, as https://opentelemetry.io/docs/specs/semconv/registry/attributes/cloudevents/ has it."""
    return {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
    }


def _fail(span: Span, kind: str) -> None:
    """Say what kind of error it was; its message may hold anything, and is for the log."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _links(events: Sequence[EventEnvelope]) -> list[Link]:
    """Link to where events happened, once to each place."""
    places = map(_read, dict.fromkeys(event.traceparent for event in events))
    return [Link(place) for place in places if place]


def _extract_context(traceparent: str) -> Context:
    """Go on with a trace, or begin one."""
    place = _read(traceparent)
    return set_span_in_context(NonRecordingSpan(place), Context()) if place else Context()


def _read(traceparent: str) -> SpanContext | None:
    """Read a traceparent (https://www.w3.org/TR/trace-context/#traceparent-header); None where it is none."""
    if not trace_context.traceparent(traceparent.encode()):
        return None
    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _inject_context(context: SpanContext) -> bytes:
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)
