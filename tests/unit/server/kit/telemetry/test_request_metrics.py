"""Request metrics equal those of the metrics library's counter and histogram."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.kit.telemetry.request_metrics import RequestCollector

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ANSWERS = [
    ("GET", "/apps", 200, 0.25),
    ("GET", "/apps", 200, 0.0),
    ("GET", "/apps", 304, 0.001),
    ("GET", "/apps", 500, 0.0010001),
    ("GET", "/apps/{app}", 404, 10.0),
    ("GET", "/apps/{app}", 404, 10.5),
    ("POST", "/apps", 201, 1.0),
    ("DELETE", '/odd"\\\n', 204, 3.0),
]


def rendered_metrics(requests):
    registry = CollectorRegistry()
    registry.register(requests)
    return generate_latest(registry).decode().splitlines()


def library(responses):
    """Return the output of the library's own instruments."""
    registry = CollectorRegistry()
    requests = Counter(
        "alm_http_requests", "HTTP requests.", ["method", "route", "status"], registry=registry
    )
    seconds = Histogram(
        "alm_http_request_duration_seconds",
        "HTTP request duration.",
        ["method", "route"],
        buckets=BOUNDS,
        registry=registry,
    )
    for method, route, status, took in responses:
        requests.labels(method, route, str(status)).inc()
        seconds.labels(method, route).observe(took)
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@pytest.mark.parametrize("responses", [[], ANSWERS[:1], ANSWERS], ids=len)
def test_the_metrics_equal_those_of_the_library(responses):
    requests = RequestCollector()
    for response in responses:
        requests.record_request(*response)
    assert rendered_metrics(requests) == library(responses)


def test_every_bucket_counts_durations_up_to_its_bound():
    requests = RequestCollector()
    for bound in BOUNDS:
        requests.record_request("GET", "/apps", 200, bound)
    buckets = [line.rpartition(" ")[2] for line in rendered_metrics(requests) if "_bucket" in line]
    assert buckets == [f"{n}.0" for n in [*range(1, len(BOUNDS) + 1), len(BOUNDS)]]


def test_rendering_does_not_change_or_block_counting():
    requests = RequestCollector()
    requests.record_request("GET", "/apps", 200, 0.5)
    assert rendered_metrics(requests) == rendered_metrics(requests)
    counts, timed = requests.collect()
    requests.record_request("GET", "/apps", 200, 0.5)
    requests.record_request("GET", "/new", 200, 0.5)
    assert [sample.value for sample in counts.samples] == [1]
    assert {sample.labels["route"] for sample in timed.samples} == {"/apps"}
    assert 'alm_http_requests_total{method="GET",route="/apps",status="200"} 2.0' in rendered_metrics(
        requests
    )


def test_unknown_methods_and_paths_share_one_label():
    requests = RequestCollector()
    for number in range(20):
        requests.record_request(f"METHOD{number}", "", 405, 0.1)
    assert [line for line in rendered_metrics(requests) if line.startswith("alm_http_requests_total")] == [
        'alm_http_requests_total{method="other",route="none",status="405"} 20.0'
    ]


def test_two_servers_in_one_process_count_their_requests_apart():
    item, other = Metrics(), Metrics()
    item.record_request("GET", "/apps", 200, 0.1)
    assert b'alm_http_requests_total{method="GET",route="/apps",status="200"} 1.0' in item.render()
    assert b"alm_http_requests_total{" not in other.render()
