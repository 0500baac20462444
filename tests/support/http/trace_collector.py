"""A collector of traces that records OTLP over HTTP.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

if TYPE_CHECKING:
    from typing import Self

SECONDS = 60


@dataclass(frozen=True)
class Span:
    """A received span, with ids in hex."""

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    attributes: dict[str, object]
    links: tuple[tuple[str, str], ...]
    is_error: bool
    resource: dict[str, object] = field(repr=False)


class Collector:
    """Listens on its own port until the end of `with`."""

    def __init__(self, *, status: int = 200, hangs: bool = False) -> None:
        self.spans: list[Span] = []
        self.bodies: list[bytes] = []
        self.status = status
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(hangs))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The URL of the collector."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def await_spans(self, trace: str, *names: str) -> list[Span]:
        """Wait until a trace has spans of these names; return all of its spans."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            result = self.spans_of(trace)
            if {span.name for span in result} >= set(names):
                return result
            time.sleep(0.02)
        raise AssertionError(f"{names} did not all come: {[span.name for span in self.spans_of(trace)]}")

    def spans_of(self, trace: str) -> list[Span]:
        """Return the spans of a trace in the order of arrival."""
        return [span for span in list(self.spans) if span.trace == trace]

    def _take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces", path
        self.bodies.append(body)
        for resourced in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _plain(resourced.resource.attributes)
            for scoped in resourced.scope_spans:
                self.spans += [_span(message, resource) for message in scoped.spans]

    def _handler(self, hangs: bool) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.headers["Content-Type"] == "application/x-protobuf"
                if hangs:
                    collector._over.wait()
                    return
                if collector.status == 200:
                    collector._take(self.path, body)
                response = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)

            def log_message(self, *_: object) -> None:
                """Write no log."""

        return Handler


def _span(message: Sent, resource: dict[str, object]) -> Span:
    return Span(
        trace=message.trace_id.hex(),
        id=message.span_id.hex(),
        parent=message.parent_span_id.hex(),
        name=message.name,
        kind=Sent.SpanKind.Name(message.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=_plain(message.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in message.links),
        is_error=message.status.code == 2,
        resource=resource,
    )


def _plain(pairs) -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
