"""Auto-deployment: a job for each new version that a rule of an environment is about.

The event of a version only enqueues the job. Its unit of work applies the rules that environments have by then, and
also runs the earlier jobs of the app that wait for their first run: versions are deployed in the order of their
events, whichever process has claimed which job. One that has failed waits for its retry without holding up later
versions, and does not replace them then (`environment_rules.skip_reason`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from envmgr.server.deployment.domain import deployment_model, environment_rules
from envmgr.server.deployment.domain.deployment_model import AUTO_ACTOR, DeploymentRequest, Initiator
from envmgr.server.deployment.service import transitions
from envmgr.server.deployment.store import deletion_holds, deployment_rows, environment_rows, placements
from envmgr.server.kit.jobs import job_queue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envmgr.server.contracts.resources import AutoDeploy, Deployment, Environment
    from envmgr.server.kit.db.sql import Reader, Transaction
    from envmgr.server.kit.jobs.job import Job

KIND: Final = "deployment-auto-deploy"


class NewVersion(Struct, frozen=True):
    """A version as its event describes it; the payload of its job."""

    version_id: int
    app_id: int
    app: str
    tag: str
    traceparent: str


def enqueue(transaction: Transaction, versions: Iterable[NewVersion]) -> None:
    """Add the jobs of the versions that a rule is about; the rules are read once for all."""
    environments = _with_rules(transaction)
    for version in versions if environments else ():
        if _is_in_a_rule(transaction, version, environments):
            key = f"{_prefix(version)}{version.version_id}"
            job_queue.enqueue(transaction, KIND, msgspec.structs.asdict(version), key=key)


def run(transaction: Transaction, job: Job) -> None:
    """Deploy the version of a job by the rules, after the earlier ones of its app."""
    environments = _with_rules(transaction)
    version = msgspec.convert(job.payload, NewVersion)
    for earlier in job_queue.find_earlier(transaction, job, _prefix(version)):
        _apply_rules(transaction, msgspec.convert(earlier.payload, NewVersion), environments)
        job_queue.complete_without_lease(transaction, earlier)
    _apply_rules(transaction, version, environments)


def _prefix(version: NewVersion) -> str:
    """Return the beginning of the keys of an app's jobs."""
    return f"app/{version.app_id}/version/"


def _with_rules(reader: Reader) -> list[Environment]:
    return [item for item in environment_rows.list_all(reader) if item.rules.auto_deploy]


def _is_in_a_rule(reader: Reader, version: NewVersion, environments: Iterable[Environment]) -> bool:
    resolved = transitions.resolve_request(reader, _request(version))
    return resolved is not None and any(
        environment_rules.matching_rule(environment.rules, resolved.app, resolved.tag)
        for environment in environments
    )


def _apply_rules(transaction: Transaction, version: NewVersion, environments: Sequence[Environment]) -> None:
    resolved = transitions.resolve_request(transaction, _request(version))
    if resolved is None:
        return
    for environment in environments:
        rule = environment_rules.matching_rule(environment.rules, resolved.app, resolved.tag)
        if rule is not None:
            reason = environment_rules.rule_label(environment.name, rule)
            request = replace(resolved, environment=environment.name, reason=reason)
            if rule.app != environment_rules.WILDCARD and placements.has_namesake(transaction, resolved):
                _skip(transaction, request, rule)
            else:
                _deploy(transaction, request, rule)


def _request(version: NewVersion) -> DeploymentRequest:
    """Return the request for a new version, without its environment."""
    initiator = Initiator(AUTO_ACTOR, traceparent=version.traceparent)
    return DeploymentRequest(version.version_id, version.app_id, version.app, version.tag, "", "", initiator)


def _skip(transaction: Transaction, request: DeploymentRequest, rule: AutoDeploy) -> None:
    """Record that a rule about an app does not apply to another one that took its name."""
    reason = f"the rule is about another app, formerly named {request.app}"
    transaction.emit(environment_rules.auto_deploy_skipped_event(request, rule, reason, None))


def _deploy(transaction: Transaction, request: DeploymentRequest, rule: AutoDeploy) -> None:
    """Deploy a version by rule, superseding an older one by rule that has not started."""
    placement = placements.get(transaction, request.app_id, request.environment)
    record = deployment_rows.active_in(transaction, request.app_id, request.environment)
    active = record.deployment if record else None
    reason = environment_rules.skip_reason(request, placement, active)
    if deletion_holds.has_hold(transaction, request.app_id, request.version_id):
        reason = deployment_model.deletion_message(request)
    if not reason and active is not None and not _is_superseded_by_rule(active):
        reason = f"deployment {active.id} is {active.status}"
    if reason:
        transaction.emit(
            environment_rules.auto_deploy_skipped_event(request, rule, reason, active.id if active else None)
        )
        return
    if record is not None:
        transitions.cancel(transaction, record, f"superseded by version {request.tag}", request.initiator)
    transitions.create(transaction, request)


def _is_superseded_by_rule(active: Deployment) -> bool:
    return active.actor == AUTO_ACTOR and active.status in deployment_model.WAITING_STATUSES
