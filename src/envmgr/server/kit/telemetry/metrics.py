"""Prometheus metrics (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from envmgr.server.kit.telemetry.request_metrics import RequestCollector

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = CONTENT_TYPE_LATEST
_LAG_BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)

_RPC_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # untyped in the library
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = RequestCollector()
        self._registry.register(self._requests)
        self._delivery_lag = Histogram(
            "alm_event_delivery_lag_seconds",
            "Seconds from the oldest event of a delivered batch to its consumption.",
            ["consumer"],
            buckets=_LAG_BUCKETS_SECONDS,
            registry=self._registry,
        )
        self._rpc_duration = Histogram(
            "alm_rpc_duration_seconds",
            "Duration of gRPC calls of this server.",
            ["method", "code"],
            buckets=_RPC_BUCKETS_SECONDS,
            registry=self._registry,
        )
        # not `job`: Prometheus sets a label of that name
        self._jobs = Counter("alm_jobs", "Background job runs.", ["name", "outcome"], registry=self._registry)
        self._gauges: dict[str, Gauge] = {}
        self._delivery_lag_by_consumer: dict[str, Histogram] = {}

    def record_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the path template, empty for unknown paths."""
        self._requests.record_request(method, route, status, seconds)

    def record_delivery(self, consumer: str, seconds: float) -> None:
        """Record a delivery to a consumer, and its lag."""
        lag = self._delivery_lag_by_consumer.get(consumer)
        if lag is None:
            lag = self._delivery_lag_by_consumer[consumer] = self._delivery_lag.labels(consumer)
        lag.observe(seconds)

    def record_rpc(self, method: str, code: str, seconds: float) -> None:
        """Count a gRPC call; `method` is `package.Service/Method`."""
        self._rpc_duration.labels(method, code).observe(seconds)

    def record_job(self, job: str, outcome: str) -> None:
        """Count a background job run."""
        self._jobs.labels(job, outcome).inc()

    def set_gauge(self, name: str, help_text: str, label: str, values: Mapping[str, float]) -> None:
        """Set a gauge's values by label; labels not listed are removed."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = self._gauges[name] = Gauge(
                name, help_text, [label] if label else [], registry=self._registry
            )
        if not label:
            gauge.set(sum(values.values()))
            return
        gauge.clear()
        for value, number in values.items():
            gauge.labels(value).set(number)

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)
