"""Deployments: begin one, take it further, list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import document, number, text
from envmgr.alm.client.next_steps import ways
from envmgr.kit.errors import AlmConflict, AlmError, AlmNotFound, Forbidden, NeedsAnother
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import Listed, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.refs import Numbered, Standing, Tagged

STARTED, APPROVAL, BLOCKED = "in_progress", "awaiting_approval", "blocked"
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
    """A deployment, and the steps it was taken just now; `resumed`: it was begun before.

    `is_new_environment`: where it goes was no environment before.
    """

    deployment: Document
    steps: tuple[str, ...]
    resumed: bool = False
    is_new_environment: bool = False


@frozen
class DeploymentShown:
    """A deployment, and its history, oldest step first."""

    deployment: Document
    history: tuple[Document, ...]


def deploy(
    api: Api,
    named: Tagged | Numbered | Standing,
    environment: str,
    status: str | None,
    reason: str,
    *,
    new_environment: bool = False,
) -> Deployed:
    """Ask for a version in an environment, and take it to a state where one is given.

    With a state, what the caller began before of the same version there, and did not end, is gone on with. Raise
    AlmNotFound for no environment where one differs in letter case only, unless it is meant to be a `new_environment`.
    """
    version_id = number(resolve.version(api, named), "id")
    is_new = _is_new(api, environment, expected=new_environment)
    asked = {"version_id": version_id, "environment": environment, "reason": reason}
    if status is None:
        return Deployed(document(api.post("/deployments", asked)), (), is_new_environment=is_new)
    begun, resumed = _begun(api, asked)
    steps = _walk_begun(api, begun, status, reason)
    return Deployed(_again(api, begun) if steps else begun, steps, resumed, is_new)


def _is_new(api: Api, environment: str, *, expected: bool) -> bool:
    """Tell whether a deployment will make its environment; who may not read them is not told."""
    try:
        others = resolve.environments(api)
    except Forbidden:
        return False
    like_it = [name for name in others if name.casefold() == environment.casefold()]
    if like_it and environment not in like_it and not expected:
        raise AlmNotFound(
            f"there is no environment {environment!r}, but {' and '.join(like_it)}",
            f"`--env {like_it[0]}` deploys there; `--new-env` makes {environment} besides",
        )
    return environment not in others


def advance(api: Api, deployment_id: int, status: str, reason: str) -> Deployed:
    """Take a deployment to a state, through those that come before it."""
    before = document(api.get(f"/deployments/{deployment_id}"))
    try:
        steps = _walk(api, before, status, reason)
    except NeedsAnother as error:
        error.hint = ways(deployment_id, APPROVAL)
        raise
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


def _begun(api: Api, asked: Document) -> tuple[Document, bool]:
    """Begin a deployment, or find the same one begun by the caller before; tell which."""
    try:
        return document(api.post("/deployments", asked)), False
    except AlmConflict as error:
        mine = _mine(api, error, asked)
        if mine is None:
            raise
        return mine, True


def _mine(api: Api, error: AlmConflict, asked: Document) -> Document | None:
    """Return the deployment that is in the way if it is of the same version, and the caller's own."""
    path = error.members.get("active")
    if not isinstance(path, str):
        return None
    active = document(api.get(path))
    is_same = all(active.get(name) == asked[name] for name in ("version_id", "environment"))
    me = text(document(api.get("/auth/me")), "actor")
    return active if is_same and text(active, "actor") == me else None


def _walk_begun(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    """Take a deployment further; where that fails, say that it is there, and the two ways out."""
    try:
        return _walk(api, deployment, status, reason)
    except AlmError as error:
        id_ = number(deployment, "id")
        why, error.hint = _explained(deployment, status, error)
        error.message = f"deployment {id_} is there, and could not be taken to {status}: {why}"
        error.args = (error.message,)
        raise


def _explained(deployment: Document, status: str, error: AlmError) -> tuple[str, str]:
    """Say why a deployment stays where it is, and what helps: where others decide, that is theirs to do."""
    id_ = number(deployment, "id")
    state = APPROVAL if isinstance(error, NeedsAnother) else text(deployment, "status")
    update = f"`envmgr alm deployments update {id_} --status {status}`"
    if state == BLOCKED:
        return f"it is blocked: {text(deployment, 'reason')}", ways(id_, BLOCKED)
    if state == APPROVAL:
        return error.message, f"{ways(id_, APPROVAL)}; once approved, {update} goes on with it"
    onward = f"{update} goes on with it, {update.replace(status, 'cancelled')} gives it up"
    return error.message, f"{error.hint}; {onward}" if error.hint else onward


def _again(api: Api, deployment: Document) -> Document:
    return document(api.get(f"/deployments/{number(deployment, 'id')}"))
