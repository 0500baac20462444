"""Rules of environments and auto-deployment: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from envmgr.server.contracts.events.deployment import AutoDeploySkipped
from envmgr.server.contracts.fields import AppName
from envmgr.server.contracts.problems import EnvironmentInUse
from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.problems import AlreadyExists, Forbidden, InvalidFields, NotFound
from envmgr.versions import SpecError, compare, parse, parse_spec, satisfies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.server.contracts.events.deployment import EnvironmentData
    from envmgr.server.contracts.requests import EnvironmentPatch
    from envmgr.server.contracts.resources import AutoDeploy, Deployment, Environment, Rules, Tier
    from envmgr.server.deployment.domain.deployment_model import DeploymentRequest, Initiator, PlacementState
    from envmgr.server.kit.common.context import Principal

WILDCARD = "*"
MAX_RULES = 200
_TIER_HINTS: tuple[tuple[str, Tier, int], ...] = (
    ("dev|local|sandbox|sbx|review|preview", "development", 100),
    ("test|tst|qa|qc|integ|perf|stress|bench|non[-_.]?pro?d|(?:ci|int|load)(?![a-z])", "testing", 200),
    ("uat|accept|acpt", "testing", 250),
    ("stag|stg", "staging", 300),
    ("demo", "staging", 320),
    ("pre[-_.]?(?:pro?d|live|release)|pre(?![a-z])", "staging", 350),
    ("canary", "production", 390),
    ("pro?d|live(?![a-z])", "production", 400),
)
"""Prefixes of environment names, each with the tier and sort order it implies."""
_TIER_PATTERNS = [
    (re.compile(f"(?<![a-z])(?:{pattern})"), tier, order) for pattern, tier, order in _TIER_HINTS
]
_LAST = 500


def infer_tier(name: str) -> EnvironmentPut:
    """Return the tier and order of a new environment, by the first matching word of its name."""
    put, first = EnvironmentPut(tier="other", sort_order=_LAST), len(name)
    for word, tier, order in _TIER_PATTERNS:
        match = word.search(name.lower())
        if match and match.start() < first:
            put, first = EnvironmentPut(tier=tier, sort_order=order), match.start()
    return put


def environment_not_found(name: str) -> NotFound:
    """Return the problem for an unknown environment."""
    return NotFound(f"environment {name!r} not found")


def name_taken(name: str) -> AlreadyExists:
    """Return the problem for a name in use."""
    return AlreadyExists(f"environment {name!r} already exists", name=name)


def in_use(name: str) -> EnvironmentInUse:
    """Return the problem for deleting an environment with deployments."""
    return EnvironmentInUse(f"environment {name!r} has deployment history and cannot be deleted")


def require_all_apps(principal: Principal) -> None:
    """Raise Forbidden for principals limited to some apps: environment rules apply to all."""
    if principal.apps is not None:
        raise Forbidden("an app-restricted credential cannot modify environments")


def validate(rules: Rules) -> None:
    """Raise InvalidFields with a pointer to each invalid rule."""
    errors = list(_errors(rules))
    if errors:
        raise InvalidFields("invalid rules", errors=errors)


def _errors(rules: Rules) -> Iterator[tuple[str, str]]:
    if len(rules.auto_deploy) > MAX_RULES:
        yield "/rules/auto_deploy", f"at most {MAX_RULES} rules"
        return
    for n, rule in enumerate(rules.auto_deploy):
        if rule.app != WILDCARD and not _is_app(rule.app):
            yield f"/rules/auto_deploy/{n}/app", "expected an app name, or * for every app"
        if problem := _range_problem(rule.tag_range):
            yield f"/rules/auto_deploy/{n}/tag_range", problem


def _is_app(name: str) -> bool:
    try:
        msgspec.convert(name, AppName)
    except msgspec.ValidationError:
        return False
    return True


def _range_problem(tag_range: str) -> str:
    if not tag_range.strip():
        return "expected a version range such as ^1.2, or *"
    try:
        parse_spec(tag_range)
    except SpecError as error:
        return str(error)
    return ""


def apply_patch(environment: Environment, change: EnvironmentPatch) -> EnvironmentPut:
    """Return the complete state of an environment after a patch."""
    return EnvironmentPut(
        tier=environment.tier if change.tier is UNSET else change.tier,
        sort_order=environment.sort_order if change.sort_order is UNSET else change.sort_order,
        rules=environment.rules if change.rules is UNSET else change.rules,
    )


def has_changes(environment: Environment, put: EnvironmentPut) -> bool:
    """Return whether a request changes an environment."""
    now = (environment.tier, environment.sort_order, environment.rules)
    return now != (put.tier, put.sort_order, put.rules)


def visible_with(environment: Environment, apps: frozenset[str] | None) -> Environment:
    """Return an environment, optionally with the rules about the apps of these names only."""
    if apps is None:
        return environment
    folded = {WILDCARD, *(name.casefold() for name in apps)}
    visible = tuple(rule for rule in environment.rules.auto_deploy if rule.app.casefold() in folded)
    return replace(environment, rules=replace(environment.rules, auto_deploy=visible))


def matching_rule(rules: Rules, app: str, tag: str) -> AutoDeploy | None:
    """Return the first rule by which a new version is deployed.

    A tag that is not a version (`nightly`) is only in the range `*`; a pre-release only in a range that names one.
    The prefix of a version (`sub/v1.2.0`) is ignored by a range without one.
    """
    for rule in rules.auto_deploy:
        if rule.app.casefold() in {WILDCARD, app.casefold()} and _is_in_range(tag, rule.tag_range):
            return rule
    return None


def _is_in_range(tag: str, tag_range: str) -> bool:
    if parse(tag).is_opaque:
        return tag_range.strip() == WILDCARD
    return satisfies(tag, tag_range)


def is_older(tag: str, other: str) -> bool:
    """Return whether a tag is a version below another one; of tags that cannot be compared, none is."""
    first, second = parse(tag), parse(other)
    if first.is_opaque or second.is_opaque or first.vendor != second.vendor:
        return False
    return compare(tag, other) < 0


def skip_reason(request: DeploymentRequest, placement: PlacementState, before: Deployment | None) -> str:
    """Return why a version is not deployed by rule, or an empty string: rollbacks are manual."""
    if before is not None and is_older(request.tag, before.tag):
        return f"{request.tag} is older than {before.tag}, which is being deployed"
    if placement.current_tag is not None and is_older(request.tag, placement.current_tag):
        return f"{request.tag} is older than {placement.current_tag}, which is deployed"
    if placement.last_version_id == request.version_id:
        return "version already attempted here"
    if placement.last_version_id > request.version_id and not is_older(placement.last_tag, request.tag):
        return f"newer version {placement.last_tag} already attempted here"
    return ""


def with_renamed_app(rules: Rules, was: str, now: str | None) -> Rules:
    """Return rules after an app was renamed or deleted."""
    moved = (
        replace(rule, app=now) if rule.app.casefold() == was.casefold() and now else rule
        for rule in rules.auto_deploy
        if rule.app.casefold() != was.casefold() or now
    )
    return replace(rules, auto_deploy=tuple(dict.fromkeys(moved)))


def rule_label(environment: str, rule: AutoDeploy) -> str:
    """Return a rule as a deployment's reason."""
    return f"auto-deploy rule of {environment}: {rule.app} {rule.tag_range}"


def auto_deploy_skipped_event(
    request: DeploymentRequest, rule: AutoDeploy, why: str, active: int | None
) -> DomainEvent:
    """Return the event of a rule that was not followed."""
    return DomainEvent(
        subject=f"app/{request.app_id}/version/{request.version_id}",
        data=AutoDeploySkipped(
            version_id=request.version_id,
            app_id=request.app_id,
            app=request.app,
            tag=request.tag,
            environment=request.environment,
            rule=rule,
            reason=why,
            active_deployment_id=active,
        ),
        actor=request.initiator.actor,
        traceparent=request.initiator.traceparent,
    )


def environment_event(
    kind: type[EnvironmentData], environment: Environment, initiator: Initiator
) -> DomainEvent:
    """Return an event about an environment."""
    return DomainEvent(
        subject=f"environment/{environment.name}",
        data=kind(
            name=environment.name,
            tier=environment.tier,
            sort_order=environment.sort_order,
            rules=environment.rules,
            created_at=environment.created_at,
            updated_at=environment.updated_at,
        ),
        actor=initiator.actor,
        traceparent=initiator.traceparent,
    )
