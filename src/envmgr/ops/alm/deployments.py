"""Deployments: begin one, take it further, list, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm.client.fields import get_int, get_str, require_object
from envmgr.alm.client.next_steps import next_steps
from envmgr.kit.errors import AlmConflict, AlmError, AlmNotFound, Forbidden, SelfApprovalForbidden
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import resolve
from envmgr.ops.alm.pages import ListResult, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document
    from envmgr.alm.refs import CurrentRef, IdRef, TagRef

STARTED, APPROVAL, BLOCKED = "in_progress", "awaiting_approval", "blocked"
_COMPLETED_STATUSES = frozenset({"successful", "failed"})
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
    named: TagRef | IdRef | CurrentRef,
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
    version_id = get_int(resolve.find_version(api, named), "id")
    is_new = _is_new(api, environment, expected=new_environment)
    asked = {"version_id": version_id, "environment": environment, "reason": reason}
    if status is None:
        return Deployed(require_object(api.post("/deployments", asked)), (), is_new_environment=is_new)
    begun, resumed = _create_or_resume(api, asked)
    steps = _apply_or_explain(api, begun, status, reason)
    return Deployed(_reload(api, begun) if steps else begun, steps, resumed, is_new)


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
    before = require_object(api.get(f"/deployments/{deployment_id}"))
    try:
        steps = _apply_transitions(api, before, status, reason)
    except SelfApprovalForbidden as error:
        error.hint = next_steps(deployment_id, APPROVAL)
        raise
    return Deployed(_reload(api, before) if steps else before, steps)


def listing(api: Api, which: Filter, limit: int) -> ListResult:
    """Return deployments, newest first."""
    query = {
        "app": which.app,
        "environment": which.environment,
        "status": which.status,
        "actor": which.actor,
    }
    return fetch(api, "/deployments", query, limit)


def show(api: Api, deployment_id: int) -> DeploymentShown:
    """Return a deployment and how it came to be as it is."""
    path = f"/deployments/{deployment_id}"
    history = fetch(api, f"{path}/statuses", {}, 0).items
    return DeploymentShown(
        require_object(api.get(path)), tuple(sorted(history, key=lambda one: get_int(one, "id")))
    )


def transition_path(now: str, status: str) -> Sequence[str]:
    """Return the steps from one state to another: what ends work begins with its start."""
    if now == status:
        return ()
    return (STARTED, status) if status in _COMPLETED_STATUSES and now in _NOT_STARTED else (status,)


def _apply_transitions(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    steps = tuple(transition_path(get_str(deployment, "status"), status))
    for step in steps:
        said = reason if step == status else ""
        api.post(f"/deployments/{get_int(deployment, 'id')}/statuses", {"status": step, "reason": said})
    return steps


def _create_or_resume(api: Api, asked: Document) -> tuple[Document, bool]:
    """Begin a deployment, or find the same one begun by the caller before; tell which."""
    try:
        return require_object(api.post("/deployments", asked)), False
    except AlmConflict as error:
        mine = _own_active(api, error, asked)
        if mine is None:
            raise
        return mine, True


def _own_active(api: Api, error: AlmConflict, asked: Document) -> Document | None:
    """Return the deployment that is in the way if it is of the same version, and the caller's own."""
    path = error.members.get("active_deployment")
    if not isinstance(path, str):
        return None
    active = require_object(api.get(path))
    is_same = all(active.get(name) == asked[name] for name in ("version_id", "environment"))
    me = get_str(require_object(api.get("/auth/me")), "actor")
    return active if is_same and get_str(active, "actor") == me else None


def _apply_or_explain(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    """Take a deployment further; where that fails, say that it is there, and the two ways out."""
    try:
        return _apply_transitions(api, deployment, status, reason)
    except AlmError as error:
        id_ = get_int(deployment, "id")
        why, error.hint = _explain_failure(deployment, status, error)
        error.message = f"deployment {id_} is there, and could not be taken to {status}: {why}"
        error.args = (error.message,)
        raise


def _explain_failure(deployment: Document, status: str, error: AlmError) -> tuple[str, str]:
    """Say why a deployment stays where it is, and what helps: where others decide, that is theirs to do."""
    id_ = get_int(deployment, "id")
    state = APPROVAL if isinstance(error, SelfApprovalForbidden) else get_str(deployment, "status")
    update = f"`envmgr alm deployments update {id_} --status {status}`"
    if state == BLOCKED:
        return f"it is blocked: {get_str(deployment, 'reason')}", next_steps(id_, BLOCKED)
    if state == APPROVAL:
        return error.message, f"{next_steps(id_, APPROVAL)}; once approved, {update} goes on with it"
    onward = f"{update} goes on with it, {update.replace(status, 'cancelled')} gives it up"
    return error.message, f"{error.hint}; {onward}" if error.hint else onward


def _reload(api: Api, deployment: Document) -> Document:
    return require_object(api.get(f"/deployments/{get_int(deployment, 'id')}"))
