"""The rules of deployments: pure.

pending           → in_progress, queued, awaiting_approval, blocked, cancelled
queued            → in_progress, awaiting_approval, blocked, cancelled
awaiting_approval → in_progress, queued, blocked, cancelled
blocked           → pending, queued, awaiting_approval, cancelled
in_progress       → successful, failed, cancelled
successful        → superseded, rolled_back
failed            → rolled_back

The rest are ends. A deployment is `successful` exactly as long as it is what stands in its place (an app in an
environment): the next success there makes it `superseded`, and so does somebody who says that it was retired.
When what stands is `rolled_back`, what it had superseded stands again, if its version still exists: this way back,
superseded → successful, is the service's alone.
"""

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
    """Who does something: `user_id` is the same for a user's sessions and keys; `rules`: may write environments."""

    actor: str
    user_id: int | None = None
    traceparent: str = ""
    can_write_environments: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What is to be deployed where, and who asks for it."""

    version_id: int
    app_id: int
    app: str
    tag: str
    environment: str
    reason: str
    initiator: Initiator


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A deployment, and what only its service knows of it: whose it is, who approved it, what it superseded."""

    deployment: Deployment
    user_id: int | None = None
    approved_by: str = ""
    supersedes: int | None = None


@dataclass(frozen=True, slots=True)
class PlacementState:
    """What stands in a place, and what was last tried there."""

    current_id: int | None = None
    current_version_id: int | None = None
    current_tag: str | None = None
    last_id: int | None = None
    last_version_id: int = 0
    last_tag: str = ""


def initiator(context: RequestContext) -> Initiator:
    """Say who calls."""
    principal = context.principal
    rules = "environments:write" in principal.scopes and principal.apps is None
    return Initiator(principal.actor, principal.user_id, context.traceparent, rules)


def initial_statuses(rules: Rules, request: DeploymentRequest) -> list[tuple[Status, str, str]]:
    """Return how a deployment begins: each state with its reason and who put it there."""
    entries: list[tuple[Status, str, str]] = [("pending", request.reason, request.initiator.actor)]
    if rules.blocked:
        entries.append(("blocked", rules.blocked, RULES_ACTOR))
    elif rules.requires_approval:
        waits = f"{request.environment} asks for the approval of somebody else"
        entries.append(("awaiting_approval", waits, RULES_ACTOR))
    return entries


def require_transition(deployment: Deployment, status: Status) -> None:
    """Raise ImpossibleStep unless a deployment can go there."""
    steps = TRANSITIONS[deployment.status]
    if status not in steps:
        ways = " or ".join(steps) or "nothing: this is its end"
        raise InvalidTransition(
            f"deployment {deployment.id} is {deployment.status}; from there it can become {ways}",
            allowed_statuses=list(steps),
        )


def resolve_approver(record: DeploymentRecord, rules: Rules, status: Status, initiator: Initiator) -> str:
    """Return who has approved a deployment once it has taken a step; raise NeedsAnother unless who takes it may.

    Where an environment asks for approval, and from `awaiting_approval`, only somebody other than who asked may take
    the first step onward; whoever approved, all others may take the next ones.
    """
    if status == "awaiting_approval":
        return ""
    asked_for = rules.requires_approval or record.deployment.status == "awaiting_approval"
    if record.approved_by or status not in _STARTING_STATUSES or not asked_for:
        return record.approved_by
    if _is_requester(record, initiator):
        raise SelfApprovalForbidden(
            f"{record.deployment.actor} asked for deployment {record.deployment.id}: somebody else must move it on"
        )
    return initiator.actor


def _is_requester(record: DeploymentRecord, initiator: Initiator) -> bool:
    """Say whether it was them who asked for a deployment: a user's keys are the user, and a binding's jobs are one."""
    if initiator.user_id is not None and initiator.user_id == record.user_id:
        return True
    return _approval_identity(initiator.actor) == _approval_identity(record.deployment.actor)


def _approval_identity(actor: str) -> str:
    return actor.partition("/")[0] if actor.startswith("oidc:") else actor


def apply_block(
    deployment: Deployment, rules: Rules, new: StatusCreate, initiator: Initiator
) -> StatusCreate:
    """Return a step as the history is to have it; raise EnvironmentBlocked unless who takes it may.

    While an environment is blocked, only who may write environments leaves `blocked` or begins there, and the reason
    says so; everybody may cancel.
    """
    goes_on = new.status == "in_progress" or (deployment.status == "blocked" and new.status != "cancelled")
    if not rules.blocked or not goes_on:
        return new
    if not initiator.can_write_environments:
        raise EnvironmentBlocked(
            f"{deployment.environment} is blocked: {rules.blocked}; deployment {deployment.id} can be cancelled, "
            "or goes on when somebody who may write environments lets it",
            reason=rules.blocked,
        )
    return replace(new, reason=f"{new.reason} {_BLOCK_NOTE}{rules.blocked})".lstrip())


def is_noop(deployment: Deployment, new: StatusCreate) -> bool:
    """Say whether a PUT would leave a deployment as it is."""
    said = deployment.reason.split(_BLOCK_NOTE)[0].rstrip()
    return deployment.status == new.status and new.reason in {"", deployment.reason, said}


def deployment_not_found(deployment_id: int) -> NotFound:
    """Say that there is no such deployment."""
    return NotFound(f"there is no deployment {deployment_id}")


def version_not_found(version_id: int) -> NotFound:
    """Say that a version is gone, or its app."""
    return NotFound(f"there is no version {version_id}")


def being_deleted(request: DeploymentRequest) -> BeingDeleted:
    """Say why a version is not deployed, although it is still there."""
    return BeingDeleted(deletion_message(request))


def deletion_message(request: DeploymentRequest) -> str:
    """Say that a version is about to go, or its app."""
    return f"{request.app} {request.tag} is being deleted, or its app is"


def already_active(deployment: Deployment) -> DeploymentActive:
    """Say which deployment is in the way."""
    url = f"/deployments/{deployment.id}"
    return DeploymentActive(
        f"{deployment.app} {deployment.tag} is on its way to {deployment.environment} ({deployment.status}): "
        "let it finish, or cancel it",
        headers={"link": f'<{url}>; rel="active"'},
        active_deployment=url,
        active_deployment_status=deployment.status,
    )


def concurrently_active(request: DeploymentRequest) -> DeploymentActive:
    """Return the error of a deployment that another one of the same moment precedes."""
    return DeploymentActive(
        f"another deployment of {request.app} to {request.environment} was created concurrently: retry"
    )


def require_removable(deployment: Deployment, placement: PlacementState) -> None:
    """Raise DeploymentStands unless a deployment is history only."""
    if deployment.status in ACTIVE_STATUSES:
        raise DeploymentInUse(f"deployment {deployment.id} is {deployment.status}: cancel it first")
    if deployment.id in {placement.current_id, placement.last_id}:
        what = "is what stands" if deployment.id == placement.current_id else "is the last that was tried"
        raise DeploymentInUse(
            f"deployment {deployment.id} {what} of {deployment.app} in {deployment.environment}"
        )


def deployment_event(
    kind: type[DeploymentData], deployment: Deployment, placement: PlacementState, initiator: Initiator
) -> DomainEvent:
    """Create an event about a deployment, with the placement after it."""
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
