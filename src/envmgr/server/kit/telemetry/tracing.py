"""OpenTelemetry tracing (https://opentelemetry.io/docs/specs/): the only module that imports it.

A request continues the trace in its headers. Its events carry the trace through the outbox to their consumers. Spans
are exported in batches (OTLP/HTTP) off the request path; spans that cannot be sent are dropped.
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

from msgspec.structs import replace as replace_fields
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
    get_current_span,
    set_span_in_context,
)

from envmgr import __version__
from envmgr.server.kit.telemetry import trace_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

    from envmgr.server.kit.messaging.bus import Bus, Position, Subscription

    Scope = MutableMapping[str, Any]
    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.request_info import RequestInfo

MAX_SPANS_PER_BATCH = 16
"""Up to this many events in a batch have spans in their own traces; larger batches share one span linked to them,
because work done once for hundreds of requests is traced once."""
MAX_LINKS = 500
FLUSH_SECONDS = 2.0
"""Seconds to export the last spans at shutdown."""
_BATCH = ""
"""Key of the shared span of a batch; no event has this ID."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_SERVER_ERROR = 500
_CURRENT_SPANS: ContextVar[Mapping[str, Context]] = ContextVar("_PUBLISHED")
"""Span contexts of the events being published, by event ID: parents of the consumers' spans."""


class Tracing:
    """Traces of requests and events."""

    def __init__(self, exporter: SpanExporter, service_name: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: service_name, SERVICE_VERSION: __version__}),
            span_limits=SpanLimits(max_links=MAX_LINKS),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("envmgr.server", __version__)

    def request(self, scope: Scope) -> RequestSpan:
        """Start the span of a request, as a child of its traceparent."""
        traceparent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        span = self._tracer.start_span("HTTP", _extract_context(traceparent), SpanKind.SERVER)
        return RequestSpan(scope, span)

    @contextmanager
    def server_call(self, method: str, metadata: MutableMapping[str, str]) -> Iterator[None]:
        """Trace the handling of a call, and replace the traceparent in its metadata."""
        with self._call(method, SpanKind.SERVER, metadata.get("traceparent", "")) as traceparent:
            metadata["traceparent"] = traceparent
            yield

    @contextmanager
    def client_call(self, method: str, traceparent: str) -> Iterator[str]:
        """Trace a call of a peer; yield the traceparent to send."""
        with self._call(method, SpanKind.CLIENT, traceparent) as span_traceparent:
            yield span_traceparent

    @contextmanager
    def _call(self, method: str, kind: SpanKind, traceparent: str) -> Iterator[str]:
        about = {"rpc.system.name": "grpc", "rpc.method": method}
        span = self._tracer.start_span(method, _extract_context(traceparent), kind, about)
        try:
            yield _inject_context(span.get_span_context()).decode()
        except BaseException as error:
            _fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def bus(self, bus: Bus) -> TracedBus:
        """Return a bus that traces publishing and consuming."""
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
        """Trace work on events; yield the span contexts by event ID.

        A span's parent is found in `parents`, else it is the one in which the event was emitted.
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
        """Export pending spans within the time limit."""
        # A daemon thread: the interpreter would wait for any other at exit, even if the collector hangs.
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)


class RequestSpan:
    """The span of a request; `scope` has the traceparent header of this span."""

    def __init__(self, scope: Scope, span: Span) -> None:
        others = [pair for pair in scope["headers"] if pair[0] != b"traceparent"]
        self.scope = {
            **scope,
            "headers": [*others, (b"traceparent", _inject_context(span.get_span_context()))],
        }
        self._span = span

    def end(self, info: RequestInfo, status: int) -> None:
        """End the span with the response status; 0 if there was no response."""
        is_known = info.method in _METHODS
        self._span.update_name(f"{info.method if is_known else 'HTTP'} {info.route}".rstrip())
        self._span.set_attributes(
            {
                "http.request.method": info.method if is_known else "_OTHER",
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
    """Bus wrapper that traces publishing and consuming."""

    def __init__(self, bus: Bus, tracing: Tracing) -> None:
        self._bus = bus
        self._tracing = tracing

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe a traced consumer."""
        self._bus.subscribe(replace(subscription, handle=self._handler(subscription)))

    async def start(self) -> None:
        """Begin deliveries."""
        await self._bus.start()

    async def stop(self) -> None:
        """End deliveries after those in progress."""
        await self._bus.stop()

    @property
    def generation(self) -> int:
        """The generation of the bus."""
        return self._bus.generation

    async def position(self, source: str) -> Position | None:
        """Return the newest stored event of a source."""
        return await self._bus.position(source)

    async def check(self) -> str:
        """Return what the bus is and that it works."""
        return await self._bus.check()

    async def publish(self, events: Sequence[EventEnvelope]) -> None:
        """Publish events in order, in spans."""
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
            with self._tracing.events(name, SpanKind.CONSUMER, events, about, parents) as contexts:
                # What the consumer emits in its turn belongs to its span.
                await subscription.handle([_continue_trace(event, contexts) for event in events])

        return handle


def start(url: str, service_name: str, log: Log) -> Tracing:
    """Start exporting traces to the endpoint `url`."""
    # Export errors are logged by the exporter below, once instead of for every batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return Tracing(
        LoggingExporter(OTLPSpanExporter(url), urlsplit(url).netloc.rpartition("@")[2], log), service_name
    )


class LoggingExporter(SpanExporter):
    """Exporter that logs when exporting starts to fail and when it recovers."""

    def __init__(self, exporter: SpanExporter, collector: str, log: Log) -> None:
        self._exporter = exporter
        self._collector = collector
        self._log = log
        self._is_healthy = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans; failed ones are dropped."""
        result = self._exporter.export(spans)
        succeeded = result is SpanExportResult.SUCCESS
        if self._is_healthy and not succeeded:
            self._log.warning("trace_export_failed", collector=self._collector)
        if succeeded and not self._is_healthy:
            self._log.info("trace_export_recovered", collector=self._collector)
        self._is_healthy = succeeded
        return result

    def shutdown(self) -> None:
        """Shut down the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush buffered spans."""
        return self._exporter.force_flush(timeout_millis)


def _messaging_attributes(operation: str, kind: str, source: str) -> dict[str, str]:
    """Return messaging attributes (opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/)."""
    return {
        "messaging.system": "envmgr-alm",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": source,
    }


def _event_attributes(event: EventEnvelope) -> dict[str, str]:
    """Return event attributes (opentelemetry.io/docs/specs/semconv/registry/attributes/cloudevents/)."""
    return {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
    }


def _fail(span: Span, kind: str) -> None:
    """Record an error's type; its message may contain anything and belongs in the log."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def _links(events: Sequence[EventEnvelope]) -> list[Link]:
    """Return links to the spans in which the events were emitted, without duplicates."""
    contexts = map(_read, dict.fromkeys(event.traceparent for event in events))
    return [Link(context) for context in contexts if context]


def _extract_context(traceparent: str) -> Context:
    """Return the context of a traceparent, or an empty one."""
    span_context = _read(traceparent)
    return set_span_in_context(NonRecordingSpan(span_context), Context()) if span_context else Context()


def _continue_trace(event: EventEnvelope, contexts: Mapping[str, Context]) -> EventEnvelope:
    """Return an event with the traceparent of its own span; unchanged where many events share one."""
    if event.id not in contexts:
        return event
    span_context = get_current_span(contexts[event.id]).get_span_context()
    return replace_fields(event, traceparent=_inject_context(span_context).decode())


def _read(traceparent: str) -> SpanContext | None:
    """Parse a traceparent (https://www.w3.org/TR/trace-context/#traceparent-header); None if invalid."""
    if not trace_context.traceparent(traceparent.encode()):
        return None
    _, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _inject_context(context: SpanContext) -> bytes:
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)
