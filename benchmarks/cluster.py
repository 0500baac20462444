"""Separate services on PostgreSQL and NATS, beside the bounds of both, in one run.

What is compared runs in turn, round by round; figures are medians of rounds, ratios those of the same round. Bounds:
`pgbench` with the same two inserts per transaction into the same tables (for writes), and one client that publishes as
many messages (for the relay). Run as `python benchmarks/cluster.py [--quick] [--json FILE]`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.error import HTTPError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.audit_delay import AuditDelay
from support.load import Load, request, run_on
from support.local_cluster import missing_requirement, serving_cluster
from support.processor_time import difference, processor_seconds

from support.alm import send

if TYPE_CHECKING:
    from support.local_cluster import Cluster

CLIENTS = 16
MAX_QUERY_SECONDS = 6.0
"""Seconds after which a query is not repeated further."""
DATABASE = "alm_pgbench"
_COUNTER = itertools.count(1)
_PGBENCH = r"""
\set n random(1, 9000000000000000000)
BEGIN;
INSERT INTO app (name, folded, description, created_at, updated_at, rev)
  VALUES ('app-' || :n, 'app-' || :n, 'xxxxxxxxxxxxxxxxxxxx', 1790000000000, 1790000000000, 1) RETURNING id;
INSERT INTO outbox_unnumbered (id, type, schema_version, subject, time, actor, traceparent, data)
  VALUES ('0192f0c1-0000-7000-8000-' || :n, 'AppCreated', 1, 'app/' || :n, 1790000000000, 'user-admin', '',
  repeat('x', 160));
COMMIT;
"""


@dataclass(frozen=True)
class Plan:
    """Number of rounds, their length in seconds, and amounts of data."""

    rounds: int
    seconds: float
    delay_seconds: float
    events: int
    placements: int
    requests: int


FULL = Plan(rounds=5, seconds=4, delay_seconds=10, events=10_000, placements=100_000, requests=60)
QUICK = Plan(rounds=2, seconds=1, delay_seconds=2, events=2_000, placements=10_000, requests=10)


@dataclass
class Results:
    """Figures and ratios by name, and for each ratio its target."""

    figures: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    processor_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    """By load, the processor time of a request in each process."""

    def add(self, name: str, value: float, unit: str, target: str = "") -> None:
        """Add a figure and print it."""
        self.figures[name] = value
        if target:
            self.targets[name] = target
        _print(name, f"{value:9.1f} {unit}", target)

    def add_ratio(
        self, name: str, numerators: list[float], denominators: list[float], target: str = ""
    ) -> None:
        """Add the median of the ratios of each round and print it."""
        ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
        self.ratios[name] = statistics.median(ratios)
        if target:
            self.targets[name] = target
        _print(name, f"{self.ratios[name]:9.2f}   ({min(ratios):.2f} to {max(ratios):.2f})", target)


def main() -> None:
    """Start a cluster, measure, and print figures and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="measure less, in a minute or so")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON, too")
    options = parser.parse_args()
    if reason := missing_requirement():
        print(f"skipped: {reason}")
        return
    plan, results = QUICK if options.quick else FULL, Results()
    with serving_cluster() as cluster:
        _measure_writes(cluster, plan, results)
        _measure_audit_delay(cluster, plan, results)
        _measure_relay(cluster, plan, results)
        _measure_hop(cluster, plan, results)
        _measure_second_process(cluster, plan, results)
        _measure_queries(cluster, plan, results)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"quick": options.quick, **asdict(results)}, file, indent=2)


def _measure_writes(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Compare POST /apps with the same two inserts, through the service and through the gateway."""
    cluster.create_database(DATABASE)
    _warm_up(cluster)
    rounds: dict[str, list[float]] = {"pgbench": [], "service": [], "gateway": []}
    loads: list[Load] = []
    settling: list[float] = []
    for _ in range(plan.rounds):
        rounds["pgbench"].append(cluster.pgbench(DATABASE, _PGBENCH, clients=CLIENTS, seconds=plan.seconds))
        for service, name in (("app", "service"), ("gateway", "gateway")):
            load = _post_apps(cluster, name, [cluster.port(service)], plan.seconds, results)
            rounds[name].append(load.rate)
            loads.append(load)
            settling.append(cluster.settle())
    _print_loads("POST /apps through", loads)
    for name, rates in rounds.items():
        results.add(f"writes/s, {name}", statistics.median(rates), "/s")
    results.add_ratio("service ÷ pgbench", rounds["service"], rounds["pgbench"], ">= 0.35")
    results.add_ratio("gateway ÷ pgbench", rounds["gateway"], rounds["pgbench"], ">= 0.25")
    results.add("events consumed after a load's end", statistics.median(settling), "s")
    _print_processor_times(results)


def _warm_up(cluster: Cluster) -> None:
    """Open connections, prepare statements and create the app that others read."""
    for service in ("app", "gateway"):
        run_on("", [cluster.port(service)], lambda: _post_app(cluster.token), clients=CLIENTS, seconds=0.5)
    cluster.settle()


def _post_app(token: str) -> bytes:
    body = {"name": f"app-{next(_COUNTER)}", "description": "x" * 20}
    return request("POST", "/apps", token, json.dumps(body).encode())


def _post_apps(cluster: Cluster, name: str, ports: list[int], seconds: float, results: Results) -> Load:
    before = processor_seconds(cluster)
    load = run_on(name, ports, lambda: _post_app(cluster.token), clients=CLIENTS, seconds=seconds)
    used = difference(before, processor_seconds(cluster))
    requests = max(1.0, load.rate * seconds)
    results.processor_ms[name] = {process: value * 1000 / requests for process, value in used.items()}
    results.figures[f"processors used by the load generator, {name}"] = used["load"] / seconds
    return load


def _measure_audit_delay(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Measure the delay of the audit log at half of the load that the service has just taken."""
    rate = results.figures["writes/s, service"] / 2
    delays = AuditDelay(cluster.port("app"), cluster.port("audit"), cluster.token, "half").measure(
        rate, plan.delay_seconds
    )
    delays.sort()
    results.add("response to audit entry at half load, p50", _percentile(delays, 0.5), "ms")
    results.add("response to audit entry at half load, p99", _percentile(delays, 0.99), "ms", "< 150")
    cluster.settle()


def _measure_relay(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Compare the drain of a full outbox with a client that only publishes."""
    from support.outbox_drain import drain, publish

    bounds, relayed, audited = [], [], []
    for number in range(max(1, plan.rounds // 2 + 1)):
        bounds.append(publish(cluster, plan.events))
        result = drain(cluster, 1_000_000_000 + number * plan.events, plan.events)
        relayed.append(result.relayed)
        audited.append(result.audited)
        cluster.settle()
    results.add("messages/s, a client that only publishes", statistics.median(bounds), "/s")
    results.add("events/s, relay", statistics.median(relayed), "/s", ">= 3000")
    results.add("events/s, audit log", statistics.median(audited), "/s")
    results.add_ratio("relay ÷ publishing", relayed, bounds)


def _measure_hop(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Compare a read through the gateway, one gRPC call further, with one through the service."""
    item = request("GET", "/apps/1", cluster.token)
    rounds: dict[str, list[Load]] = {"app": [], "gateway": []}
    for _ in range(plan.rounds):
        for service, loads in rounds.items():
            port = cluster.port(service)
            loads.append(run_on(service, [port], lambda: item, clients=CLIENTS, seconds=plan.seconds / 2))
    direct, through = rounds["app"], rounds["gateway"]
    _print_loads("GET /apps/1 through", [*direct, *through])
    results.add("GET /apps/1, service", statistics.median(load.rate for load in direct), "/s")
    results.add("GET /apps/1, gateway", statistics.median(load.rate for load in through), "/s")
    results.add_ratio(
        "GET /apps/1: gateway ÷ service", [load.rate for load in through], [load.rate for load in direct]
    )


def _measure_second_process(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Compare two processes of the service with one, for as many clients."""
    first = [cluster.port("app")]
    item = request("GET", "/apps/1", cluster.token)
    rounds: dict[str, list[float]] = {name: [] for name in ("write 1", "write 2", "read 1", "read 2")}
    with cluster.second_app() as second:
        run_on("", [second], lambda: _post_app(cluster.token), clients=CLIENTS, seconds=0.5)
        cluster.settle()
        for _ in range(plan.rounds):
            for number, ports in enumerate((first, [*first, second]), 1):
                load = run_on("", ports, lambda: item, clients=CLIENTS, seconds=plan.seconds / 2)
                rounds[f"read {number}"].append(load.rate)
                name = f"{number} processes"
                rounds[f"write {number}"].append(_post_apps(cluster, name, ports, plan.seconds, results).rate)
                cluster.settle()
    results.add_ratio("POST /apps: 2 processes ÷ 1", rounds["write 2"], rounds["write 1"], ">= 1")
    results.add_ratio("GET /apps/1: 2 processes ÷ 1", rounds["read 2"], rounds["read 1"], ">= 1")


def _measure_queries(cluster: Cluster, plan: Plan, results: Results) -> None:
    """Measure the matrix and the usage of a tool with many deployed versions."""
    from support.deployed_versions import fill

    fill(cluster, plan.placements)
    for service in ("deployment", "gateway"):
        for path in ("/matrix", "/matrix?environment=env-3"):
            _time(cluster, service, path, plan, results)
    for service in ("version", "gateway"):
        for path in ("%3C20.11.1", "%3E%3D18", "%3D18.0.0", "%3C20.11.1&environment=env-3"):
            _time(cluster, service, f"/tools/nodejs/usage?range={path}", plan, results)


def _time(cluster: Cluster, service: str, path: str, plan: Plan, results: Results) -> None:
    times: list[float] = []
    size, end = 0, time.perf_counter() + MAX_QUERY_SECONDS
    while not times or (len(times) < plan.requests and time.perf_counter() < end):
        start = time.perf_counter()
        try:
            size = len(send(cluster.port(service), "GET", path, None, cluster.token))
        except HTTPError as error:
            _print(
                f"{service}: GET {path}, {plan.placements:,} deployed", f"HTTP {error.code}: {error.read()!r}"
            )
            return
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    name = f"{service}: GET {path}, {plan.placements:,} deployed ({size // 1024} KiB)"
    results.figures[f"{name}, p50 ms"] = _percentile(times, 0.5)
    results.figures[f"{name}, p95 ms"] = _percentile(times, 0.95)
    _print(name, f"p50 {_percentile(times, 0.5):7.1f}   p95 {_percentile(times, 0.95):7.1f} ms")


def _percentile(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


def _print_loads(title: str, loads: list[Load]) -> None:
    for load in loads:
        print(f"{title} {load.line()}", flush=True)


def _print_processor_times(results: Results) -> None:
    """Print the processor time of a write in each process."""
    for load, times in results.processor_ms.items():
        parts = ", ".join(f"{name} {value:.2f}" for name, value in times.items() if value >= 0.01)
        print(f"processor ms of a write, {load}: {parts}", flush=True)


def _print(name: str, value: str, target: str = "") -> None:
    print(f"{name:<72} {value}{f'   (target {target})' if target else ''}", flush=True)


if __name__ == "__main__":
    main()
