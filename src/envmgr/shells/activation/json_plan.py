"""Environment plans as JSON documents, for shells whose scripts check the inputs themselves."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.shells.activation.environment_plan import EnvironmentPlan, Input


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as one line of JSON; times are text, as some shells read numbers as floating point."""
    checks = planned.checks
    return json.dumps(
        {
            "project": planned.project,
            "path": list(planned.path),
            "exports": dict(planned.exports),
            "note": planned.note,
            "settled": checks.is_settled,
            "mark": checks.mark,
            "variables": dict(checks.variables),
            "inputs": [_describe_input(item) for item in checks.inputs],
            "directories": dict(checks.directories),
        }
    )


def _describe_input(item: Input) -> dict[str, str]:
    """Return a file and its time in nanoseconds, empty if it is absent."""
    return {"path": item.path, "mtime_ns": "" if item.mtime_ns is None else str(item.mtime_ns)}
