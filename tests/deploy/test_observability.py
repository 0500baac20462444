"""Alert rules and dashboard: they are valid, and use only metrics that a server exports."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.requirements import needs_programs
from support.server.server_process import Daemon

DIRECTORY = Path(__file__).parents[2] / "deploy" / "observability"
NEEDS_PROMTOOL = needs_programs("promtool")
METRIC = re.compile(r"\b(?:alm|process)_[a-z_]+\b")
OF_SEPARATE_SERVICES = {"alm_circuit_breaker_open", "alm_db_connections_in_use", "alm_db_connections_max"}
"""Metrics that an embedded server on SQLite does not have; `test_services.py` checks them."""
SUFFIX = re.compile(r"_(?:bucket|count|sum)$")


def promtool(*arguments, cwd=DIRECTORY):
    return subprocess.run(
        ["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def dashboard_expressions():
    panels = json.loads((DIRECTORY / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the names of the metrics of a server that has answered a request and run a job."""
    daemon = Daemon(tmp_path_factory.mktemp("alm"))
    try:
        daemon.start()
        with daemon.wire(daemon.login()["access_token"]) as wire:
            assert wire.ask("POST", "/apps", {"name": "shop"}).status == 201
            text = wire.ask("GET", "/metrics").body.decode()
    finally:
        daemon.end()
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


@NEEDS_PROMTOOL
def test_the_alert_rules_are_valid():
    result = promtool("check", "rules", "alerts.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


@NEEDS_PROMTOOL
def test_each_alert_fires_when_it_should():
    result = promtool("test", "rules", "alerts_test.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_is_tested():
    alerts = re.findall(r"- alert: (\w+)", (DIRECTORY / "alerts.yaml").read_text())
    fired = re.findall(r"alertname: (\w+)\n +exp_alerts:\n", (DIRECTORY / "alerts_test.yaml").read_text())
    assert alerts
    assert set(fired) == set(alerts)


@NEEDS_PROMTOOL
def test_each_expression_of_the_dashboard_is_valid(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(dashboard_expressions())
    ]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    result = promtool("check", "rules", "rules.yaml", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_metric_is_exported(exported):
    texts = [*dashboard_expressions(), *re.findall(r"expr: (.*?)\n +(?:for|labels):", alerts(), re.DOTALL)]
    names = {SUFFIX.sub("", name) for text in texts for name in METRIC.findall(text)}
    assert len(names) > 10
    assert names <= exported | OF_SEPARATE_SERVICES


def alerts():
    return (DIRECTORY / "alerts.yaml").read_text()


def test_the_panels_of_the_dashboard_do_not_overlap():
    panels = json.loads((DIRECTORY / "dashboard.json").read_text())["panels"]
    positions = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(positions)) == len(positions) == len({panel["id"] for panel in panels})
