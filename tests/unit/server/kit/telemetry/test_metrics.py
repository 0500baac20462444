from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from envmgr.server.kit.telemetry.metrics import Metrics


def samples(metrics):
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_by_method_route_and_status():
    metrics = Metrics()
    for status in (200, 200, 404):
        metrics.record_request("GET", "/apps/{app}", status, 0.003)
    result = samples(metrics)
    assert result["alm_http_requests_total", "GET", "/apps/{app}", "200"] == 2
    assert result["alm_http_requests_total", "GET", "/apps/{app}", "404"] == 1
    assert result["alm_http_request_duration_seconds_count", "GET", "/apps/{app}"] == 3
    assert result["alm_http_request_duration_seconds_bucket", "0.005", "GET", "/apps/{app}"] == 3
    assert result["alm_http_request_duration_seconds_bucket", "0.0025", "GET", "/apps/{app}"] == 0


def test_unknown_paths_and_methods_create_no_new_series():
    metrics = Metrics()
    for number in range(50):
        metrics.record_request(f"METHOD{number}", "", 405, 0.001)
    counters = {key: value for key, value in samples(metrics).items() if key[0] == "alm_http_requests_total"}
    assert counters == {("alm_http_requests_total", "other", "none", "405"): 50}


def test_a_gauge_has_the_current_value():
    metrics = Metrics()
    metrics.set_gauge("alm_backlog", "Waits.", "service", {"app": 3.0, "version": 1.0})
    metrics.set_gauge("alm_backlog", "Waits.", "service", {"app": 2.0})
    metrics.set_gauge("alm_length", "Entries.", "", {"": 7.0})
    result = samples(metrics)
    assert result["alm_backlog", "app"] == 2
    assert ("alm_backlog", "version") not in result
    assert result["alm_length",] == 7


def test_the_process_is_measured():
    assert samples(Metrics())["process_resident_memory_bytes",] > 0


def test_two_servers_in_one_process_have_separate_metrics():
    item, other = Metrics(), Metrics()
    item.record_job("job", "done")
    assert samples(item)["alm_jobs_total", "job", "done"] == 1
    assert ("alm_jobs_total", "job", "done") not in samples(other)
