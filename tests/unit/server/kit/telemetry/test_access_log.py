"""The access log: the level of a response."""

from __future__ import annotations

import pytest

from envmgr.server.kit.telemetry.access_log import AccessLog
from envmgr.server.kit.telemetry.metrics import Metrics
from envmgr.server.kit.telemetry.request_info import RequestInfo


class LevelLog:
    """A log that records the levels of its lines."""

    def __init__(self):
        self.levels = []

    def __getattr__(self, level):
        return lambda _event, **_values: self.levels.append(level)


@pytest.mark.parametrize(
    ("route", "status", "levels"),
    [
        ("/apps", 200, ["info"]),
        ("/apps", 503, ["error"]),
        ("/readyz", 200, []),
        ("/readyz", 503, ["warning"]),
        ("/metrics", 503, ["warning"]),
    ],
)
def test_a_probe_that_is_refused_is_a_warning(route, status, levels):
    log = LevelLog()
    info = RequestInfo("GET", route, client="", request_id="", route=route)
    AccessLog(log, Metrics(), denials=None).on_response(info, status, 0.1)
    assert log.levels == levels
