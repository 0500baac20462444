from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.http import health as health_file
from envmgr.server.kit.http.health import Check, Health, NotReady
from envmgr.server.kit.telemetry.metrics import Metrics


async def well():
    return "well"


async def ill():
    raise ServiceUnavailable("the disk is full")


async def broken():
    raise ZeroDivisionError("/secret/path")


async def stuck():
    await asyncio.sleep(60)
    return "never"


def ready(*checks, **components):
    return asyncio.run(
        Health(Metrics(), checks=[Check(name, look) for name, look in checks], **components).ready()
    )


def test_a_healthy_server_is_ready_and_lists_its_components():
    result = ready(("disk", well), ("bus", well))
    assert [(finding.name, finding.ok, finding.detail) for finding in result.checks] == [
        ("disk", True, "well"),
        ("bus", True, "well"),
    ]


def test_one_failing_component_makes_the_server_unready_and_is_named():
    with pytest.raises(NotReady) as caught:
        ready(("bus", well), ("disk", ill))
    assert caught.value.status == 503
    assert caught.value.headers["retry-after"]
    assert caught.value.detail == "disk: the disk is full"
    assert [finding.ok for finding in caught.value.members["checks"]] == [True, False]


def test_internal_error_messages_are_not_exposed():
    with pytest.raises(NotReady) as caught:
        ready(("disk", broken))
    assert caught.value.detail == "disk: ZeroDivisionError"


def test_a_damaged_database_is_named_with_its_cure_and_without_its_path():
    async def damaged():
        raise DamagedDatabase("/srv/alm/app.db", "malformed page 7")

    with pytest.raises(NotReady) as caught:
        ready(("migrations", damaged))
    assert "database app.db is damaged; stop the server and restore" in caught.value.detail
    assert "/srv" not in caught.value.detail


def test_an_unresponsive_component_times_out(monkeypatch):
    monkeypatch.setattr(health_file, "CHECK_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(NotReady, match="timed out"):
        ready(("disk", stuck))


def test_a_stopping_server_is_not_ready():
    with pytest.raises(NotReady, match="shutting down"):
        ready(("disk", well), is_stopping=True)


def test_gauges_are_measured_on_scrape():
    metrics = Metrics()

    async def measure():
        metrics.set_gauge("alm_things", "Things.", "kind", {"a": 1.0})

    text = asyncio.run(Health(metrics, gauges=[measure]).metrics_text())
    assert b'alm_things{kind="a"} 1.0' in text
