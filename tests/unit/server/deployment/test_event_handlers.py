from __future__ import annotations

import pytest

from envmgr.server.contracts.requests import EnvironmentPut
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.deployment.domain.environment_rules import matching_rule
from envmgr.server.deployment.service import transitions
from envmgr.server.deployment.store import environment_rows
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from support.services.deployment_fixtures import run
from support.services.service_fixtures import call

AUTO = "system:auto-deploy"


async def set_rules(world, *rules, environment="staging", **more):
    """Set auto-deploy rules of an environment: pairs of an app and a range."""
    auto = tuple(AutoDeploy(app=app, tag_range=tag_range) for app, tag_range in rules)
    await world.service.replace_environment(
        call(), environment, EnvironmentPut(rules=Rules(auto_deploy=auto, **more))
    )


async def register_version(world, id_, **changes):
    """Deliver the registration of a version."""
    await world.deliver(world.version_event("VersionCreated", id_, **changes))


async def deployments(world):
    """Return every deployment, oldest first."""
    return (await world.service.list(call(), PageRequest(sort="id", limit=200))).items


def test_a_new_version_is_deployed_by_a_matching_rule(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "^1.2"))
        await set_rules(world, ("*", "*"), environment="dev")
        await set_rules(world, ("blog", "*"), environment="prod")
        await register_version(world, 7, tag="v1.4.0")
        made = {deployment.environment: deployment for deployment in await deployments(world)}
        assert set(made) == {"staging", "dev"}
        assert (made["staging"].actor, made["staging"].reason) == (
            AUTO,
            "auto-deploy rule of staging: shop ^1.2",
        )
        assert (made["dev"].version_id, made["dev"].tag, made["dev"].status) == (7, "v1.4.0", "pending")
        (event, _) = await world.emitted_events("DeploymentCreated")
        assert (event.actor, event.traceparent[:2]) == (AUTO, "00")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("tag", "tag_range", "deployed"),
    [
        ("1.4.0", "^1.2", True),
        ("v1.4.0", ">=1 <2", True),
        ("2.0.0", "^1.2", False),
        ("1.4.0-rc.1", "^1.2", False),
        ("1.4.0-rc.1", "*", False),
        ("1.4.0-rc.1", ">=1.4.0-rc.1", True),
        ("nightly", "*", True),
        ("nightly", ">=0", False),
        ("nightly", "", False),
        ("release/1.4.0", "^1.2", True),
        ("release/1.4.0", "release/1", True),
        ("release/1.4.0", "sub/1", False),
        ("feature/login", "*", True),
        ("feature/login", "^1.2", False),
    ],
)
def test_a_rule_deploys_tags_within_its_range(tag, tag_range, deployed):
    rules = Rules(auto_deploy=(AutoDeploy(app="shop", tag_range=tag_range),))
    assert (matching_rule(rules, "shop", tag) is not None) is deployed


def test_a_redelivered_event_deploys_nothing(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        event = world.version_event("VersionCreated", 1)
        await world.deliver(event, event)
        await world.deliver(event)
        (deployment,) = await deployments(world)
        await world.step(deployment, "in_progress", "successful")
        await world.deliver(event)
        assert len(await deployments(world)) == 1
        assert await world.emitted_events("AutoDeploySkipped") == []

    run(tmp_path, scenario)


@pytest.mark.parametrize("waiting", [None, "queued", "awaiting_approval", "blocked"])
def test_a_later_version_replaces_a_pending_one_of_a_rule(tmp_path, waiting):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await register_version(world, 1)
        (first,) = await deployments(world)
        if waiting:
            await world.step(first, waiting)
        await register_version(world, 2)
        first, second = await deployments(world)
        assert (first.status, first.reason) == ("cancelled", "superseded by version 2.0.0")
        assert (second.status, second.version_id) == ("pending", 2)
        assert (await world.history(first))[-1] == ("cancelled", "superseded by version 2.0.0", AUTO)

    run(tmp_path, scenario)


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_rule_blocked_by_a_deployment_it_cannot_cancel_reports_it(tmp_path, by_hand):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        if by_hand:
            active = await world.deploy(1, "staging")
        else:
            await register_version(world, 1)
            (active,) = await deployments(world)
            active = await world.step(active, "in_progress")
        await register_version(world, 2)
        assert await deployments(world) == [active]
        (event,) = await world.emitted_events("AutoDeploySkipped")
        assert event.subject == "app/1/version/2"
        assert event.data == {
            "version_id": 2,
            "app_id": 1,
            "app": "shop",
            "tag": "2.0.0",
            "environment": "staging",
            "rule": {"app": "shop", "tag_range": "*"},
            "reason": f"deployment {active.id} is {active.status}",
            "active_deployment_id": active.id,
        }

    run(tmp_path, scenario)


def test_a_late_event_does_not_replace_a_later_version(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await register_version(world, 2)
        (deployment,) = await deployments(world)
        await world.step(deployment, "in_progress", "successful")
        await register_version(world, 1)
        assert len(await deployments(world)) == 1
        (event,) = await world.emitted_events("AutoDeploySkipped")
        assert event.data["reason"] == "1.0.0 is older than 2.0.0, which is deployed"

    run(tmp_path, scenario)


def test_a_rule_never_downgrades_a_current_or_active_version(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await register_version(world, 1, tag="2.10.0")
        (first,) = await deployments(world)
        await register_version(world, 2, tag="2.9.9")
        first = await world.step(first, "in_progress", "successful")
        await register_version(world, 3, tag="1.9.1")
        assert await deployments(world) == [first]
        on_its_way, standing = await world.emitted_events("AutoDeploySkipped")
        assert on_its_way.data["reason"] == "2.9.9 is older than 2.10.0, which is being deployed"
        assert on_its_way.data["active_deployment_id"] == first.id
        assert standing.data["reason"] == "1.9.1 is older than 2.10.0, which is deployed"
        assert standing.data["active_deployment_id"] is None

    run(tmp_path, scenario)


def test_a_newer_version_is_deployed_despite_an_earlier_registration(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await register_version(world, 9, tag="1.9.0")
        await register_version(world, 8, tag="1.10.0")
        assert [(deployment.tag, deployment.status) for deployment in await deployments(world)] == [
            ("1.9.0", "cancelled"),
            ("1.10.0", "pending"),
        ]

    run(tmp_path, scenario)


def test_tags_that_are_not_versions_are_ordered_by_creation(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await register_version(world, 2, tag="zeta")
        await register_version(world, 1, tag="omega")
        await register_version(world, 3, tag="alpha")
        await register_version(world, 4, tag="1.0.0")
        assert [deployment.tag for deployment in await deployments(world)] == ["zeta", "alpha", "1.0.0"]
        (event,) = await world.emitted_events("AutoDeploySkipped")
        assert event.data["reason"] == "newer version zeta already attempted here"

    run(tmp_path, scenario)


def test_rules_follow_a_renamed_app(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "^1"), ("blog", "*"))
        await set_rules(world, ("blog", "*"), environment="prod")
        await world.deliver(world.app_event("AppCreated"))
        renamed = world.app_event("AppUpdated", 1, "store")
        await world.deliver(renamed, renamed)
        (event,) = await world.emitted_events("EnvironmentUpdated")
        assert (event.subject, event.actor) == ("environment/staging", "system:deployment")
        assert [rule["app"] for rule in event.data["rules"]["auto_deploy"]] == ["store", "blog"]
        result = await world.service.get_environment(call(), "staging")
        assert [(rule.app, rule.tag_range) for rule in result.rules.auto_deploy] == [
            ("store", "^1"),
            ("blog", "*"),
        ]
        await register_version(world, 1, app="store")
        assert [deployment.environment for deployment in await deployments(world)] == ["staging"]
        await register_version(world, 1000, app_id=3, app="shop")
        assert len(await deployments(world)) == 1

    run(tmp_path, scenario)


def test_rules_of_a_deleted_app_are_removed(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"), ("*", "^9"), blocked="freeze")
        deleted = world.app_event("AppDeleted")
        await world.deliver(deleted, deleted)
        (event,) = await world.emitted_events("EnvironmentUpdated")
        assert event.data["rules"] == {"auto_deploy": [{"app": "*", "tag_range": "^9"}], "blocked": "freeze"}
        await register_version(world, 1000, app_id=3, app="shop")
        assert await deployments(world) == []

    run(tmp_path, scenario)


def test_rules_of_the_environment_apply_to_automatic_deployments(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"), requires_approval=True)
        await register_version(world, 1)
        (deployment,) = await deployments(world)
        assert deployment.status == "awaiting_approval"
        assert (await world.step(deployment, "in_progress")).status == "in_progress"

    run(tmp_path, scenario)


def test_deleting_a_version_cancels_its_active_deployments(tmp_path):
    async def scenario(world):
        on_its_way, other = await world.deploy(1), await world.deploy(2, "staging")
        await world.deliver(world.version_event("VersionDeleted", 1))
        assert (await world.service.get(call(), on_its_way.id)).reason == "version shop@1.0.0 deleted"
        assert await world.status(on_its_way) == "cancelled"
        assert await world.status(other) == "pending"
        with pytest.raises(NotFound, match="version 1 not found"):
            await world.deploy(1)

    run(tmp_path, scenario)


def test_a_deleted_version_has_no_placement_and_no_rule_redeploys_it(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        made = await world.deploy_successfully(1)
        created, deleted = (
            world.version_event("VersionCreated", 1),
            world.version_event("VersionDeleted", 1),
        )
        await world.deliver(deleted, created)
        assert await world.status(made) == "superseded"
        assert await world.current() is None
        assert (await world.emitted_events())[-1].data["current_version_id"] is None
        assert len(await deployments(world)) == 1

    run(tmp_path, scenario)


def test_placements_of_a_deleted_app_are_removed_and_its_history_remains(tmp_path):
    async def scenario(world):
        await world.deliver(world.app_event("AppCreated"), world.app_event("AppCreated", 2, "blog"))
        stood = await world.deploy_successfully(1)
        on_its_way, others = await world.deploy(2), await world.deploy_successfully(1000)
        before = len(await world.emitted_events())
        await world.deliver(world.app_event("AppDeleted"))
        assert await world.status(stood) == "superseded"
        assert await world.status(on_its_way) == "cancelled"
        assert await world.status(others) == "successful"
        assert [status for status, _, _ in await world.history(on_its_way)] == ["pending", "cancelled"]
        events = (await world.emitted_events())[before:]
        assert {event.type for event in events} == {"DeploymentUpdated"}
        last = {event.data["deployment_id"]: event.data["current_version_id"] for event in events}
        assert set(last) == {stood.id, on_its_way.id}
        assert events[-1].data["current_version_id"] is None
        matrix = await world.service.matrix(call(), None)
        assert (
            {placement.app for placement in matrix.placements}
            == {app.name for app in matrix.apps}
            == {"blog"}
        )
        assert await world.placement_count(1) == 0
        with pytest.raises(NotFound):
            await world.deploy(3)

    run(tmp_path, scenario)


def test_a_renamed_app_is_renamed_everywhere(tmp_path):
    async def scenario(world):
        made = await world.deploy_successfully(1)
        await world.deliver(world.app_event("AppCreated"), world.app_event("AppUpdated", 1, "store"))
        deployment = await world.service.get(call(), made.id)
        assert (deployment.app, deployment.rev) == ("store", made.rev + 1)
        assert (await world.placement(app="store")).current.version_id == 1
        # The versions' service may still say the old name.
        assert (await world.deploy(2)).app == "store"

    run(tmp_path, scenario)


def test_a_late_event_with_an_old_name_is_ignored(tmp_path):
    async def scenario(world):
        created, renamed = world.app_event("AppCreated"), world.app_event("AppUpdated", 1, "store")
        deleted = world.app_event("AppDeleted", 1, "store")
        await world.deliver(renamed, created)
        assert [app.name for app in (await world.service.matrix(call(), None)).apps] == ["store"]
        late = world.app_event("AppUpdated", 1, "late")
        await world.deliver(late)
        await world.deliver(deleted)
        assert [app.name for app in (await world.service.matrix(call(), None)).apps] == ["late"]

    run(tmp_path, scenario)


def test_a_batch_of_app_events_applies_the_last_event_of_each(tmp_path):
    async def scenario(world):
        events = []
        for n in range(1, 101):
            events.append(world.app_event("AppCreated", n, f"app-{n}"))
            if n % 5 == 0:
                events.append(world.app_event("AppUpdated", n, f"new-{n}"))
            if n % 7 == 0:
                events.append(world.app_event("AppDeleted", n - 1, f"app-{n - 1}"))
        await world.deliver(*events, *events[:3])
        apps = (await world.service.matrix(call(), None)).apps
        gone = {n - 1 for n in range(7, 101, 7)}
        assert {app.id: app.name for app in apps} == {
            n: f"new-{n}" if n % 5 == 0 else f"app-{n}" for n in range(1, 101) if n not in gone
        }

    run(tmp_path, scenario)


def test_a_batch_of_versions_leaves_the_last_one_active(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        await world.deliver(*(world.version_event("VersionCreated", n) for n in range(1, 51)))
        all_deployments = await deployments(world)
        assert [item.status for item in all_deployments] == ["cancelled"] * 49 + ["pending"]
        assert all_deployments[-1].version_id == 50

    run(tmp_path, scenario)


@pytest.mark.parametrize("has_rule", [True, False])
def test_a_batch_of_versions_reads_the_environments_once(tmp_path, monkeypatch, has_rule):
    reads = []

    def record(module, name):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: (reads.append(name), function(*args))[1])

    async def scenario(world):
        await set_rules(world, *([("shop", ">100")] if has_rule else []))
        record(environment_rows, "list_all")
        record(transitions, "resolve_request")
        await world.deliver(*(world.version_event("VersionCreated", n) for n in range(1, 21)))
        once = ["list_all"] + ["resolve_request"] * 20 * has_rule
        assert reads in (once, once * 2)  # a unit of work may run again
        assert await deployments(world) == []

    run(tmp_path, scenario)


def test_an_unreadable_event_is_dead_lettered_and_the_others_are_consumed(tmp_path):
    async def scenario(world):
        await set_rules(world, ("shop", "*"))
        poison = world.event("version", "VersionCreated", "app/1/version/1", {"version_id": "one"})
        await world.bus.publish([poison, world.version_event("VersionCreated", 2)])
        await world.run_jobs()
        assert [deployment.version_id for deployment in await deployments(world)] == [2]
        (dead_letter,) = await world.dead_letters.all()
        assert dead_letter.event == poison

    run(tmp_path, scenario)


@pytest.mark.parametrize("change", ["deleted", "renamed"])
def test_a_rule_does_not_deploy_an_app_that_reuses_the_name(tmp_path, change):
    async def scenario(world):
        rules = Rules(auto_deploy=(AutoDeploy(app="shop"),))
        await world.service.replace_environment(call(), "prod", EnvironmentPut(rules=rules))
        await world.deliver(world.app_event("AppCreated", 1, "shop"))
        late = (
            world.app_event("AppDeleted", 1, "shop")
            if change == "deleted"
            else world.app_event("AppUpdated", 1, "store")
        )
        await world.deliver(world.version_event("VersionCreated", 7, 2, "shop"))
        assert await world.placement_count(2) == 0
        (skipped,) = await world.emitted_events("AutoDeploySkipped")
        assert "another app" in skipped.data["reason"]
        await world.deliver(late)
        rules = (await world.service.get_environment(call(), "prod")).rules
        assert [rule.app for rule in rules.auto_deploy] == ([] if change == "deleted" else ["store"])

    run(tmp_path, scenario)
