"""Builders of the response of `GET /matrix`."""

from __future__ import annotations


def cell(
    deployment: int,
    version: int,
    tag: str,
    *,
    status: str = "successful",
    timestamp: str = "2026-03-01T10:00:00Z",
) -> dict[str, object]:
    return {
        "deployment_id": deployment,
        "version_id": version,
        "tag": tag,
        "status": status,
        "actor": "user:ada",
        "updated_at": timestamp,
    }


def placement(
    app: str,
    environment: str,
    current: dict[str, object] | None,
    last: dict[str, object] | None = None,
    *,
    age: int | None = 3_600,
) -> dict[str, object]:
    return {
        "app_id": _number(app),
        "app": app,
        "environment": environment,
        "current": current,
        "last": last or current,
        "age_seconds": age,
    }


def matrix(
    placements: list[dict[str, object]],
    *,
    apps: list[str] | None = None,
    environments: list[tuple[str, int]] | None = None,
) -> dict[str, object]:
    app_names = dict.fromkeys(apps or [str(item["app"]) for item in placements])
    environment_ids = environments or [
        (str(name), 0) for name in dict.fromkeys(item["environment"] for item in placements)
    ]
    return {
        "apps": [{"id": _number(name), "name": name} for name in app_names],
        "environments": [
            {"name": name, "sort_order": order, "tier": "other"} for name, order in environment_ids
        ],
        "placements": placements,
    }


def _number(app: str) -> int:
    return int.from_bytes(app.encode())
