from __future__ import annotations

from envmgr.server.audit import health
from envmgr.server.kit.metrics import Metrics
from support.auditlog import event, events, run
from support.services import call


def test_readiness_tells_how_long_the_log_is_and_what_has_not_come(tmp_path):
    async def scenario(audit, _):
        check = health.check(audit)
        assert await check.look() == "0 entries, signed up to 0"
        await audit.append(events(3))
        await audit.checkpoint(call())
        assert await check.look() == "3 entries, signed up to 3"
        await audit.append([event(7), event(1, "version")])
        assert await check.look() == "5 entries, signed up to 3; events that have not come: 3 of app"

    run(tmp_path, scenario)


def test_metrics_show_the_same(tmp_path):
    async def scenario(audit, _):
        metrics = Metrics()
        await audit.append([event(1), event(4)])
        await health.gauge(audit, metrics)()
        shown = metrics.text().decode().splitlines()
        assert "alm_audit_entries 2.0" in shown
        assert "alm_audit_signed_entries 0.0" in shown
        assert 'alm_audit_missing_events{service="app"} 2.0' in shown

    run(tmp_path, scenario)
