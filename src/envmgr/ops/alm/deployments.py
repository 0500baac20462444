"""Deployments: create, change status, list, show."""

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
    """Filter of deployments."""

    app: str | None = None
    environment: str | None = None
    status: str | None = None
    actor: str | None = None


@frozen
class Deployed:
    """A deployment and the transitions that were applied; `resumed`: it existed before.

    `is_new_environment`: the deployment created its environment.
    """

    deployment: Document
    steps: tuple[str, ...]
    resumed: bool = False
    is_new_environment: bool = False


@frozen
class DeploymentDetails:
    """A deployment and its history, oldest transition first."""

    deployment: Document
    history: tuple[Document, ...]


def deploy(
    api: Api,
    ref: TagRef | IdRef | CurrentRef,
    environment: str,
    status: str | None,
    reason: str,
    *,
    new_environment: bool = False,
) -> Deployed:
    """Create a deployment of a version, and apply the transitions to a status, if one is given.

    With a status, an active deployment of the same version by the caller is resumed. Raise AlmNotFound for an unknown
    environment that differs from an existing one only in case, unless `new_environment` is set.
    """
    version_id = get_int(resolve.find_version(api, ref), "id")
    is_new = _is_new(api, environment, expected=new_environment)
    request = {"version_id": version_id, "environment": environment, "reason": reason}
    if status is None:
        return Deployed(require_object(api.post("/deployments", request)), (), is_new_environment=is_new)
    deployment, resumed = _create_or_resume(api, request)
    steps = _apply_or_explain(api, deployment, status, reason)
    return Deployed(_reload(api, deployment) if steps else deployment, steps, resumed, is_new)


def _is_new(api: Api, environment: str, *, expected: bool) -> bool:
    """Return whether a deployment will create its environment; False without permission to read them."""
    try:
        names = resolve.environments(api)
    except Forbidden:
        return False
    suggestions = [name for name in names if name.casefold() == environment.casefold()]
    if suggestions and environment not in suggestions and not expected:
        raise AlmNotFound(
            f"environment {environment!r} not found; did you mean {' or '.join(suggestions)}?",
            f"use `--env {suggestions[0]}`, or pass `--new-env` to create {environment}",
        )
    return environment not in names


def advance(api: Api, deployment_id: int, status: str, reason: str) -> Deployed:
    """Set a deployment's status, through the intermediate ones."""
    deployment = require_object(api.get(f"/deployments/{deployment_id}"))
    try:
        steps = _apply_transitions(api, deployment, status, reason)
    except SelfApprovalForbidden as error:
        error.hint = next_steps(deployment_id, APPROVAL)
        raise
    return Deployed(_reload(api, deployment) if steps else deployment, steps)


def listing(api: Api, filters: Filter, limit: int) -> ListResult:
    """Return deployments, newest first."""
    query = {
        "app": filters.app,
        "environment": filters.environment,
        "status": filters.status,
        "actor": filters.actor,
    }
    return fetch(api, "/deployments", query, limit)


def show(api: Api, deployment_id: int) -> DeploymentDetails:
    """Return a deployment and its history."""
    path = f"/deployments/{deployment_id}"
    history = fetch(api, f"{path}/statuses", {}, 0).items
    return DeploymentDetails(
        require_object(api.get(path)),
        tuple(sorted(history, key=lambda transition: get_int(transition, "id"))),
    )


def transition_path(current: str, status: str) -> Sequence[str]:
    """Return the statuses on the way to another one: a completed deployment was in progress before."""
    if current == status:
        return ()
    return (STARTED, status) if status in _COMPLETED_STATUSES and current in _NOT_STARTED else (status,)


def _apply_transitions(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    steps = tuple(transition_path(get_str(deployment, "status"), status))
    for step in steps:
        step_reason = reason if step == status else ""
        api.post(
            f"/deployments/{get_int(deployment, 'id')}/statuses", {"status": step, "reason": step_reason}
        )
    return steps


def _create_or_resume(api: Api, request: Document) -> tuple[Document, bool]:
    """Create a deployment, or return the caller's own active one; the flag is True for the latter."""
    try:
        return require_object(api.post("/deployments", request)), False
    except AlmConflict as error:
        active = _own_active(api, error, request)
        if active is None:
            raise
        return active, True


def _own_active(api: Api, error: AlmConflict, request: Document) -> Document | None:
    """Return the blocking deployment if it is the caller's own, and of the same version."""
    path = error.members.get("active_deployment")
    if not isinstance(path, str):
        return None
    active = require_object(api.get(path))
    is_same = all(active.get(name) == request[name] for name in ("version_id", "environment"))
    actor = get_str(require_object(api.get("/auth/me")), "actor")
    return active if is_same and get_str(active, "actor") == actor else None


def _apply_or_explain(api: Api, deployment: Document, status: str, reason: str) -> tuple[str, ...]:
    """Apply transitions; an error states that the deployment exists, and how to continue or cancel it."""
    try:
        return _apply_transitions(api, deployment, status, reason)
    except AlmError as error:
        id_ = get_int(deployment, "id")
        reason, error.hint = _explain_failure(deployment, status, error)
        error.message = f"deployment {id_} was created but could not be set to {status}: {reason}"
        error.args = (error.message,)
        raise


def _explain_failure(deployment: Document, status: str, error: AlmError) -> tuple[str, str]:
    """Return the reason of a failed transition and a hint: next steps or the required approval."""
    id_ = get_int(deployment, "id")
    status_now = APPROVAL if isinstance(error, SelfApprovalForbidden) else get_str(deployment, "status")
    update = f"`envmgr alm deployments update {id_} --status {status}`"
    if status_now == BLOCKED:
        return f"it is blocked: {get_str(deployment, 'reason')}", next_steps(id_, BLOCKED)
    if status_now == APPROVAL:
        return error.message, f"{next_steps(id_, APPROVAL)}; after approval, run {update}"
    commands = f"run {update} to continue, or {update.replace(status, 'cancelled')} to cancel"
    return error.message, f"{error.hint}; {commands}" if error.hint else commands


def _reload(api: Api, deployment: Document) -> Document:
    return require_object(api.get(f"/deployments/{get_int(deployment, 'id')}"))
