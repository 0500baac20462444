"""Request counts and latency histograms as plain numbers, exported on scrape.

The client library's counters lock and look up a label for each increment; here only the event loop's thread counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKET_LABELS = [*map(str, _BUCKETS_SECONDS), "+Inf"]


@dataclass(slots=True)
class _RouteStats:
    """Responses of one method, route and status: bucket counts and total seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * len(_BUCKET_LABELS))
    seconds: float = 0.0


class RequestCollector(Collector):
    """Prometheus collector of the process's requests."""

    def __init__(self) -> None:
        self._stats: defaultdict[tuple[str, str, int], _RouteStats] = defaultdict(_RouteStats)

    def record_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the path template, empty for unknown paths."""
        stats = self._stats[method if method in _METHODS else "other", route or "none", status]
        stats.counts[bisect_left(_BUCKETS_SECONDS, seconds)] += 1
        stats.seconds += seconds

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """Yield the metric families."""
        yield self._by_status()
        yield self._by_duration()

    def _by_status(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "alm_http_requests", "HTTP requests.", labels=["method", "route", "status"]
        )
        for (method, route, status), stats in self._stats.items():
            family.add_metric([method, route, str(status)], sum(stats.counts))
        return family

    def _by_duration(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "alm_http_request_duration_seconds",
            "HTTP request duration.",
            labels=["method", "route"],
        )
        routes: defaultdict[tuple[str, str], list[_RouteStats]] = defaultdict(list)
        for (method, route, _), stats in self._stats.items():
            routes[method, route].append(stats)
        for labels, several in routes.items():
            within = accumulate(map(sum, zip(*(item.counts for item in several), strict=True)))
            family.add_metric(
                labels, list(zip(_BUCKET_LABELS, within, strict=True)), sum(item.seconds for item in several)
            )
        return family
