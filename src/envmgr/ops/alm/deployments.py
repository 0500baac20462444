"""Deployments: begin one, take it further, list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.documents import document, number, text
from envmgr.kit.errors import AlmError
from envmgr.kit.value import frozen
from envmgr.ops.alm import find
from envmgr.ops.alm.listing import Listed, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.alm.api import Api
    from envmgr.alm.documents import Document
    from envmgr.alm.names import Numbered, Standing, Tagged

STARTED = "in_progress"
_ENDS_OF_WORK = frozenset({"successful", "failed"})
_NOT_STARTED = frozenset({"pending", "queued", "awaiting_approval"})


@frozen
class Filter:
    """Which deployments are meant."""

    app: str | None = None
    environment: str | None = None
    status: str | None = None
    actor: str | None = None


@frozen
class Deployed:
    """A deployment, and the steps it was taken just now."""

    deployment: Document
    steps: tuple[str, ...]


@frozen
class DeploymentShown:
    """A deployment, and its history, oldest step first."""

    deployment: Document
    history: tuple[Document, ...]


def deploy(
    api: Api, named: Tagged | Numbered | Standing, environment: str, status: str | None, reason: str
) -> Deployed:
    """Ask for a version in an environment, and take it to a state where one is given."""
    version = find.version(api, named)
    asked = {"version_id": number(version, "id"), "environment": environment, "reason": reason}
    begun = document(api.post("/deployments", asked))
    steps = _walk_new(api, begun, status, reason) if status else ()
    return Deployed(_again(api, begun) if steps else begun, steps)


def advance(api: Api, deployment_id: int, status: str, reason: str) -> Deployed:
    """Take a deployment to a state, through those that come before it."""
    before = document(api.get(f"/deployments/{deployment_id}"))
    steps = _walk(api, before, status, reason)
    return Deployed(_again(api, before) if steps else before, steps)


def listing(api: Api, which: Filter, limit: int) -> Listed:
    """Return deployments, newest first."""
    query = {
        "app": which.app,
        "environment": which.environment,
        "status": which.status,
        "actor": which.actor,
    }
    return listed(api, "/deployments", query, limit)


def show(api: Api, deployment_id: int) -> DeploymentShown:
    """Return a deployment and how it came to be as it is."""
    path = f"/deployments/{deployment_id}"
    history = listed(api, f"{path}/statuses", {}, 0).items
    return DeploymentShown(document(api.get(path)), tuple(sorted(history, key=lambda one: number(one, "id"))))


def way(now: str, status: str) -> Sequence[str]:
    """Return the steps from one state to another: what ends work begins with its start."""
    if now == status:
        return ()
    return (STARTED, status) if status in _ENDS_OF_WORK and now in _NOT_STARTED else (status,)


def _walk(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    steps = tuple(way(text(deployment, "status"), status))
    for step in steps:
        said = reason if step == status else ""
        api.post(f"/deployments/{number(deployment, 'id')}/statuses", {"status": step, "reason": said})
    return steps


def _walk_new(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    """Take a deployment further that was just made; where that fails, say that it is there."""
    try:
        return _walk(api, deployment, status, reason)
    except AlmError as error:
        id_ = number(deployment, "id")
        error.message = f"deployment {id_} was made, and could not be taken to {status}: {error.message}"
        error.args = (error.message,)
        error.hint = error.hint or f"`envmgr alm deployments show {id_}` shows where it is"
        raise


def _again(api: Api, deployment: Document) -> Document:
    return document(api.get(f"/deployments/{number(deployment, 'id')}"))
