"""Rules of deployments: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from envmgr.server.contracts.problems import (
    BeingDeleted,
    DeploymentActive,
    DeploymentInUse,
    EnvironmentBlocked,
    InvalidTransition,
    SelfApprovalForbidden,
)
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import NotFound

if TYPE_CHECKING:
    from envmgr.server.contracts.events.deployment import DeploymentData
    from envmgr.server.contracts.requests import StatusCreate
    from envmgr.server.contracts.resources import Deployment, Rules, Status
    from envmgr.server.kit.common.context import RequestContext

TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    "pending": ("in_progress", "queued", "awaiting_approval", "blocked", "cancelled"),
    "queued": ("in_progress", "awaiting_approval", "blocked", "cancelled"),
    "awaiting_approval": ("in_progress", "queued", "blocked", "cancelled"),
    "blocked": ("pending", "queued", "awaiting_approval", "cancelled"),
    "in_progress": ("successful", "failed", "cancelled"),
    "successful": ("superseded", "rolled_back"),
    "failed": ("rolled_back",),
    "cancelled": (),
    "superseded": (),
    "rolled_back": (),
}
WAITING_STATUSES: frozenset[Status] = frozenset({"pending", "queued", "awaiting_approval", "blocked"})
ACTIVE_STATUSES: frozenset[Status] = WAITING_STATUSES | {"in_progress"}
"""Of these, a place has one at most."""
_STARTING_STATUSES: frozenset[Status] = frozenset({"queued", "in_progress"})
AUTO_DEPLOY = "auto-deploy"
AUTO_ACTOR = f"system:{AUTO_DEPLOY}"
RULES_ACTOR = "system:rules"
_BLOCK_NOTE = "(though blocked: "


@dataclass(frozen=True, slots=True)
class Initiator:
    """The initiator of an operation: `user_id` is the same for a user's sessions and keys."""

    actor: str
    user_id: int | None = None
    traceparent: str = ""
    can_write_environments: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """A requested deployment: version, environment and initiator."""

    version_id: int
    app_id: int
    app: str
    tag: str
    environment: str
    reason: str
    initiator: Initiator


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A deployment with internal fields: requester, approver, and the superseded deployment."""

    deployment: Deployment
    user_id: int | None = None
    approved_by: str = ""
    supersedes: int | None = None


@dataclass(frozen=True, slots=True)
class PlacementState:
    """The current and the latest deployment of an app in an environment."""

    current_id: int | None = None
    current_version_id: int | None = None
    current_tag: str | None = None
    last_id: int | None = None
    last_version_id: int = 0
    last_tag: str = ""


def initiator(context: RequestContext) -> Initiator:
    """Return the initiator of a request."""
    principal = context.principal
    rules = "environments:write" in principal.scopes and principal.apps is None
    return Initiator(principal.actor, principal.user_id, context.traceparent, rules)


def initial_statuses(rules: Rules, request: DeploymentRequest) -> list[tuple[Status, str, str]]:
    """Return the initial statuses of a deployment, each with its reason and actor."""
    entries: list[tuple[Status, str, str]] = [("pending", request.reason, request.initiator.actor)]
    if rules.blocked:
        entries.append(("blocked", rules.blocked, RULES_ACTOR))
    elif rules.requires_approval:
        note = f"{request.environment} requires approval by another user"
        entries.append(("awaiting_approval", note, RULES_ACTOR))
    return entries


def require_transition(deployment: Deployment, status: Status) -> None:
    """Raise InvalidTransition unless the deployment can move to the status."""
    statuses = TRANSITIONS[deployment.status]
    if status not in statuses:
        allowed = ", ".join(statuses) or "none (final status)"
        raise InvalidTransition(
            f"cannot move deployment {deployment.id} from {deployment.status} to {status}; allowed: {allowed}",
            allowed_statuses=list(statuses),
        )


def resolve_approver(record: DeploymentRecord, rules: Rules, status: Status, initiator: Initiator) -> str:
    """Return the approver of a deployment after a transition; raise SelfApprovalForbidden.

    Where an environment requires approval, and from `awaiting_approval`, only someone other than the requester may make
    the first transition onward; once approved, anyone may make the next ones.
    """
    if status == "awaiting_approval":
        return ""
    is_required = rules.requires_approval or record.deployment.status == "awaiting_approval"
    if record.approved_by or status not in _STARTING_STATUSES or not is_required:
        return record.approved_by
    if _is_requester(record, initiator):
        raise SelfApprovalForbidden(
            f"deployment {record.deployment.id} was requested by {record.deployment.actor} "
            "and must be approved by someone else"
        )
    return initiator.actor


def _is_requester(record: DeploymentRecord, initiator: Initiator) -> bool:
    """Return whether the initiator requested the deployment, by user or by OIDC binding."""
    if initiator.user_id is not None and initiator.user_id == record.user_id:
        return True
    return _approval_identity(initiator.actor) == _approval_identity(record.deployment.actor)


def _approval_identity(actor: str) -> str:
    return actor.partition("/")[0] if actor.startswith("oidc:") else actor


def apply_block(
    deployment: Deployment, rules: Rules, new: StatusCreate, initiator: Initiator
) -> StatusCreate:
    """Return the transition as recorded in the history; raise EnvironmentBlocked.

    While an environment is blocked, only initiators with environments:write may leave `blocked` or start there, and the
    reason records it; anyone may cancel.
    """
    continues = new.status == "in_progress" or (deployment.status == "blocked" and new.status != "cancelled")
    if not rules.blocked or not continues:
        return new
    if not initiator.can_write_environments:
        raise EnvironmentBlocked(
            f"{deployment.environment} is blocked ({rules.blocked}): cancel deployment {deployment.id}, "
            "or ask someone with environments:write",
            reason=rules.blocked,
        )
    return replace(new, reason=f"{new.reason} {_BLOCK_NOTE}{rules.blocked})".lstrip())


def is_noop(deployment: Deployment, new: StatusCreate) -> bool:
    """Return whether a PUT would leave the deployment unchanged."""
    stripped = deployment.reason.split(_BLOCK_NOTE)[0].rstrip()
    return deployment.status == new.status and new.reason in {"", deployment.reason, stripped}


def deployment_not_found(deployment_id: int) -> NotFound:
    """Return the problem for an unknown deployment."""
    return NotFound(f"deployment {deployment_id} not found")


def version_not_found(version_id: int) -> NotFound:
    """Return the problem for an unknown or deleted version."""
    return NotFound(f"version {version_id} not found")


def being_deleted(request: DeploymentRequest) -> BeingDeleted:
    """Return the problem for deploying a version that is being deleted."""
    return BeingDeleted(deletion_message(request))


def deletion_message(request: DeploymentRequest) -> str:
    """Return the message that a version or its app is being deleted."""
    return f"{request.app}@{request.tag} or its app is being deleted"


def already_active(deployment: Deployment) -> DeploymentActive:
    """Return the problem that names the active deployment."""
    url = f"/deployments/{deployment.id}"
    return DeploymentActive(
        f"{deployment.app}@{deployment.tag} is already being deployed to "
        f"{deployment.environment} ({deployment.status}): "
        "wait for it or cancel it",
        headers={"link": f'<{url}>; rel="active"'},
        active_deployment=url,
        active_deployment_status=deployment.status,
    )


def concurrently_active(request: DeploymentRequest) -> DeploymentActive:
    """Return the problem for a deployment that another one preceded concurrently."""
    return DeploymentActive(
        f"another deployment of {request.app} to {request.environment} was created concurrently: retry"
    )


def require_removable(deployment: Deployment, placement: PlacementState) -> None:
    """Raise DeploymentInUse unless the deployment is inactive and superseded."""
    if deployment.status in ACTIVE_STATUSES:
        raise DeploymentInUse(f"deployment {deployment.id} is active ({deployment.status}): cancel it first")
    if deployment.id in {placement.current_id, placement.last_id}:
        role = "current" if deployment.id == placement.current_id else "latest"
        raise DeploymentInUse(
            f"deployment {deployment.id} is the {role} deployment of {deployment.app} in {deployment.environment}"
        )


def deployment_event(
    kind: type[DeploymentData], deployment: Deployment, placement: PlacementState, initiator: Initiator
) -> DomainEvent:
    """Return an event about a deployment, with the placement after it."""
    return DomainEvent(
        subject=f"app/{deployment.app_id}/deployment/{deployment.id}",
        data=kind(
            deployment_id=deployment.id,
            version_id=deployment.version_id,
            app_id=deployment.app_id,
            app=deployment.app,
            tag=deployment.tag,
            environment=deployment.environment,
            status=deployment.status,
            reason=deployment.reason,
            actor=deployment.actor,
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
            finished_at=deployment.finished_at,
            current_version_id=placement.current_version_id,
            current_tag=placement.current_tag,
        ),
        actor=initiator.actor,
        traceparent=initiator.traceparent,
    )
