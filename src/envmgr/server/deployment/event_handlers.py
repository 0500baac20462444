"""What deployments do about events: they follow apps and versions, and deploy by rule. Each event acts once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct, convert

from envmgr.server.contracts.events import (
    APP_CREATED,
    APP_DELETED,
    APP_UPDATED,
    VERSION_CREATED,
    VERSION_DELETED,
)
from envmgr.server.contracts.fields import AppName, Id, Tag
from envmgr.server.deployment import (
    deletion_holds,
    domain,
    environment_rules,
    environments,
    placements,
    store,
    transitions,
)
from envmgr.server.deployment.domain import AUTO_ACTOR, By, Order
from envmgr.server.kit.messaging.inbox import fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from envmgr.server.contracts.resources import AutoDeploy, Deployment
    from envmgr.server.kit.common.events import Event
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.messaging.bus import Subscription
    from envmgr.server.kit.messaging.dead_letters import DeadLetters

CONSUMER = "deployment"
AT_ONCE = 64
"""Events that are taken in one transaction: few, because requests wait for it."""


class _App(Struct, frozen=True, kw_only=True):
    """What is needed of an app's event."""

    app_id: Id
    name: AppName


class _Version(Struct, frozen=True, kw_only=True):
    """What is needed of a version's event."""

    version_id: Id
    app_id: Id
    app: AppName
    tag: Tag


def subscriptions(database: Database, dead_letters: DeadLetters) -> list[Subscription]:
    """Subscribe to what happens to apps and versions."""

    async def handle(events: Sequence[Event]) -> None:
        for start in range(0, len(events), AT_ONCE):
            await database.write(partial(_take, events=events[start : start + AT_ONCE]))

    return [dead_letters.consumer(CONSUMER, [APP_CREATED, *_HANDLERS], handle)]


def _take(transaction: Transaction, events: Sequence[Event]) -> None:
    for type_, alike in groupby(fresh(transaction, CONSUMER, events), lambda event: event.type):
        if type_ == APP_CREATED:
            _learn_apps(transaction, alike)
        else:
            for event in alike:
                _HANDLERS[type_](transaction, event)


def _learn_apps(transaction: Transaction, events: Iterable[Event]) -> None:
    """Take note of new apps, all at once: nothing here has an older name of them."""
    apps = [(convert(event.data, _App), event.sequence) for event in events]
    placements.learn_all(transaction, [(app.app_id, app.name, sequence) for app, sequence in apps])


def _follow_app(transaction: Transaction, event: Event) -> None:
    app = convert(event.data, _App)
    was = placements.name_of(transaction, app.app_id, app.name)
    if placements.learn(transaction, event, app.app_id, app.name, gone=False):
        if was is not None and was != app.name:
            environments.follow_app(transaction, was, app.name, _by(event))
        placements.rename(transaction, app.app_id, app.name)
        store.rename(transaction, app.app_id, app.name)


def _forget_app(transaction: Transaction, event: Event) -> None:
    """Keep the history of an app that is gone; what was on its way is cancelled, nothing stands, no rule is left."""
    app = convert(event.data, _App)
    was = placements.name_of(transaction, app.app_id, app.name)
    if not placements.learn(transaction, event, app.app_id, app.name, gone=True):
        return
    deletion_holds.drop_app(transaction, app.app_id)
    who, reason = _by(event), f"{app.name} was deleted"
    for held in store.active_of_app(transaction, app.app_id):
        transitions.cancel(transaction, held, reason, who)
    for held in store.standing_of_app(transaction, app.app_id):
        transitions.retire(transaction, held, reason, who)
    placements.clear(transaction, app.app_id)
    environments.follow_app(transaction, was or app.name, None, who)


def _forget_version(transaction: Transaction, event: Event) -> None:
    """Cancel what was on its way; a version that stands is deleted only with its app, or in the same moment."""
    version = convert(event.data, _Version)
    placements.bury(transaction, version.version_id)
    deletion_holds.drop_version(transaction, version.version_id)
    who, reason = _by(event), f"{version.app} {version.tag} was deleted"
    for held in store.active_of_version(transaction, version.version_id):
        transitions.cancel(transaction, held, reason, who)
    for held in store.standing_of_version(transaction, version.version_id):
        transitions.retire(transaction, held, reason, who)


def _deploy_by_rule(transaction: Transaction, event: Event) -> None:
    order = transitions.known(transaction, _order(event))
    if order is None:
        return
    for environment in environments.every(transaction):
        rule = environment_rules.matching(environment.rules, order.app, order.tag)
        if rule is not None:
            reason = environment_rules.spelled(environment.name, rule)
            _deploy(transaction, replace(order, environment=environment.name, reason=reason), rule)


def _deploy(transaction: Transaction, order: Order, rule: AutoDeploy) -> None:
    """Deploy a version, in the stead of an older one that a rule asked for and that has not begun."""
    spot = placements.spot(transaction, order.app_id, order.environment)
    held = store.active_in(transaction, order.app_id, order.environment)
    before = held.deployment if held else None
    why = environment_rules.objection(order, spot, before)
    if deletion_holds.is_leaving(transaction, order.app_id, order.version_id):
        why = domain.leaves(order)
    if not why and before is not None and not _gives_way(before):
        why = f"deployment {before.id} is {before.status}"
    if why:
        transaction.emit(environment_rules.skipped(order, rule, why, before.id if before else None))
        return
    if held is not None:
        transitions.cancel(transaction, held, f"version {order.tag} came", order.by)
    transitions.begin(transaction, order)


def _gives_way(before: Deployment) -> bool:
    return before.actor == AUTO_ACTOR and before.status in domain.WAITING


def _order(event: Event) -> Order:
    """Make an order for a new version, but for where to."""
    version = convert(event.data, _Version)
    who = By(AUTO_ACTOR, traceparent=event.traceparent)
    return Order(version.version_id, version.app_id, version.app, version.tag, "", "", who)


def _by(event: Event) -> By:
    return By("system:deployment", traceparent=event.traceparent)


_HANDLERS: dict[str, Callable[[Transaction, Event], None]] = {
    APP_UPDATED: _follow_app,
    APP_DELETED: _forget_app,
    VERSION_CREATED: _deploy_by_rule,
    VERSION_DELETED: _forget_version,
}
