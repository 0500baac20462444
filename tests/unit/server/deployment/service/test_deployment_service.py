from __future__ import annotations

import asyncio
import sqlite3

import pytest

from envmgr.server.contracts.problems import (
    DeploymentActive,
    DeploymentInUse,
    EnvironmentBlocked,
    InvalidTransition,
    SelfApprovalForbidden,
)
from envmgr.server.contracts.requests import DeploymentCreate, EnvironmentPut, StatusCreate
from envmgr.server.contracts.resources import Rules
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.preconditions import etag_of
from envmgr.server.kit.common.problems import IdempotencyKeyReused, NotFound, PreconditionFailed
from support.services.database_runners import reads_sqlite_file
from support.services.deployment_fixtures import ANOTHER, KnownVersions, run, version
from support.services.service_fixtures import call


def asking(**rules):
    return EnvironmentPut(rules=Rules(**rules))


def test_a_new_deployment_is_pending_and_can_be_read(tmp_path):
    async def scenario(world):
        deployment = await world.deploy(7, "prod", reason="release")
        assert deployment == await world.service.get(call(), deployment.id)
        assert (deployment.app, deployment.tag, deployment.status, deployment.reason) == (
            "shop",
            "7.0.0",
            "pending",
            "release",
        )
        assert (deployment.actor, deployment.finished_at, deployment.rev) == ("user:ada", None, 1)
        assert await world.history(deployment) == [("pending", "release", "user:ada")]

    run(tmp_path, scenario)


def test_a_deployment_has_its_latest_reason_and_the_history_has_all(tmp_path):
    async def scenario(world):
        deployment = await world.deploy(reason="release")
        started = await world.step(deployment, "in_progress")
        assert started.reason == ""
        failed = await world.step(deployment, "failed", reason="no disk")
        assert failed.reason == "no disk"
        assert [reason for _, reason, _ in await world.history(deployment)] == ["release", "", "no disk"]

    run(tmp_path, scenario)


def test_a_blocked_environment_requires_the_scope_for_environments_and_records_it(tmp_path):
    async def scenario(world):
        user, app_only = call("user"), call(apps={1, 2})
        deployment = await world.deploy(by=user)
        await world.service.replace_environment(call(), "prod", asking(blocked="freeze"))
        frozen = await world.deploy(1000, by=user)
        assert frozen.status == "blocked"
        for item, way in ((frozen, "queued"), (frozen, "pending"), (deployment, "in_progress")):
            for caller in (user, app_only):
                with pytest.raises(EnvironmentBlocked, match=r"prod is blocked \(freeze\)") as caught:
                    await world.service.add_status(caller, item.id, StatusCreate(status=way))
                assert caught.value.members == {"reason": "freeze"}
        started = StatusCreate(status="in_progress", reason="hotfix")
        updated = await world.service.set_status(call(), deployment.id, started)
        assert updated.reason == "hotfix (though blocked: freeze)"
        assert await world.service.set_status(call(), deployment.id, started) == updated
        await world.step(frozen, "queued")
        assert (await world.history(frozen))[-1] == ("queued", "(though blocked: freeze)", "user:ada")
        await world.step(deployment, "successful", by=user)
        assert (await world.step(frozen, "cancelled", by=user)).status == "cancelled"

    run(tmp_path, scenario)


def test_unblocking_an_environment_allows_all_callers(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(call(), "prod", asking(blocked="freeze"))
        deployment = await world.deploy(by=call("user"))
        await world.service.replace_environment(call(), "prod", asking())
        moved = await world.step(deployment, "queued", "in_progress", by=call("user"))
        assert (moved.status, moved.reason) == ("in_progress", "")

    run(tmp_path, scenario)


def test_the_version_is_read_without_the_callers_idempotency_key_and_etag(tmp_path):
    versions = KnownVersions(version(1))

    async def scenario(world):
        await world.deploy(1, by=call(key="k"))
        ((context_, version_id),) = versions.requests
        assert (context_.principal.actor, context_.idempotency, version_id) == ("user:ada", None, 1)
        with pytest.raises(NotFound, match="version 2 not found"):
            await world.deploy(2, "prod")

    run(tmp_path, scenario, versions)


@pytest.mark.parametrize(
    ("name", "tier", "order"),
    [
        ("prod", "production", 400),
        ("Production-eu", "production", 400),
        ("staging", "staging", 300),
        ("eu-stg", "staging", 300),
        ("demo", "staging", 320),
        ("preprod", "staging", 350),
        ("pre-prod", "staging", 350),
        ("canary", "production", 390),
        ("eu-prod", "production", 400),
        ("prod-preview", "production", 400),
        ("uat2", "testing", 250),
        ("perf", "testing", 200),
        ("non-prod", "testing", 200),
        ("sandbox", "development", 100),
        ("premium", "other", 500),
        ("city", "other", 500),
        ("qa2", "testing", 200),
        ("dev-ada", "development", 100),
        ("moon", "other", 500),
    ],
)
def test_an_environment_is_created_on_first_use_with_a_tier_for_its_name(tmp_path, name, tier, order):
    async def scenario(world):
        await world.deploy(1, name)
        await world.deploy(1000, name)
        environment_ = await world.service.get_environment(call(), name)
        assert (environment_.name, environment_.tier, environment_.sort_order) == (name, tier, order)
        assert [event.type for event in await world.emitted_events()] == [
            "EnvironmentCreated",
            "DeploymentCreated",
            "DeploymentCreated",
        ]

    run(tmp_path, scenario)


def test_a_second_active_deployment_of_an_app_is_a_conflict(tmp_path):
    async def scenario(world):
        first = await world.deploy(1)
        with pytest.raises(DeploymentActive) as caught:
            await world.deploy(2)
        url = f"/deployments/{first.id}"
        assert caught.value.members == {"active_deployment": url, "active_deployment_status": "pending"}
        assert caught.value.headers == {"link": f'<{url}>; rel="active"'}
        await world.deploy(2, "staging")
        await world.deploy(1000, "prod")
        await world.step(first, "cancelled")
        await world.deploy(2)

    run(tmp_path, scenario)


def test_of_concurrent_deployments_one_succeeds(tmp_path):
    async def scenario(world):
        results = await asyncio.gather(*(world.deploy(n) for n in range(1, 17)), return_exceptions=True)
        assert sum(isinstance(result, DeploymentActive) for result in results) == 15
        assert len(await world.emitted_events("DeploymentCreated")) == 1

    run(tmp_path, scenario)


@reads_sqlite_file
def test_the_database_rejects_a_second_active_or_successful_deployment(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1)
        await world.deploy(2)
        connection = sqlite3.connect(world.database.path)
        for status in ("successful", "blocked"):
            with pytest.raises(sqlite3.IntegrityError, match=r"deployment\.app_id, deployment\.environment"):
                connection.execute(
                    "INSERT INTO deployment SELECT NULL, version_id, app_id, app, tag, environment, ?, reason, actor,"
                    " created_at, updated_at, finished_at, rev, user_id, approved_by, supersedes FROM deployment"
                    " WHERE id = 1",
                    [status],
                )
        connection.close()

    run(tmp_path, scenario)


@reads_sqlite_file
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE status_entry SET reason = 'forged'",
        "DELETE FROM status_entry",
        "INSERT OR REPLACE INTO status_entry SELECT id, deployment_id, 'failed', '', 'x', 0 FROM status_entry",
    ],
)
def test_history_entries_are_immutable(tmp_path, statement):
    async def scenario(world):
        deployment = await world.deploy()
        connection = sqlite3.connect(world.database.path)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()
        assert await world.history(deployment) == [("pending", "", "user:ada")]

    run(tmp_path, scenario)


def test_an_invalid_transition_lists_the_valid_ones_and_changes_nothing(tmp_path):
    async def scenario(world):
        deployment = await world.deploy()
        with pytest.raises(InvalidTransition) as caught:
            await world.step(deployment, "successful")
        steps = ["in_progress", "queued", "awaiting_approval", "blocked", "cancelled"]
        assert caught.value.members == {"allowed_statuses": steps}
        assert caught.value.slug == "invalid-transition"
        assert await world.service.get(call(), deployment.id) == deployment
        await world.step(deployment, "cancelled")
        with pytest.raises(InvalidTransition) as caught:
            await world.step(deployment, "in_progress")
        assert caught.value.members == {"allowed_statuses": []}

    run(tmp_path, scenario)


def test_every_transition_is_recorded_with_its_reason_and_actor(tmp_path):
    async def scenario(world):
        deployment = await world.deploy(reason="release")
        await world.step(deployment, "queued")
        await world.step(deployment, "in_progress", by=call(actor=ANOTHER), reason="go")
        ended = await world.step(deployment, "failed", reason="exit 1")
        assert await world.history(deployment) == [
            ("pending", "release", "user:ada"),
            ("queued", "", "user:ada"),
            ("in_progress", "go", ANOTHER),
            ("failed", "exit 1", "user:ada"),
        ]
        assert (ended.reason, ended.actor, ended.rev) == ("exit 1", "user:ada", 4)
        assert ended.finished_at == ended.updated_at

    run(tmp_path, scenario)


def test_a_success_supersedes_the_current_deployment(tmp_path):
    async def scenario(world):
        first, second = await world.deploy_successfully(1), await world.deploy_successfully(2)
        assert await world.status(first) == "superseded"
        assert await world.current() == 2
        assert (await world.history(first))[-1] == (
            "superseded",
            f"superseded by deployment {second.id}",
            "user:ada",
        )
        events = (await world.emitted_events("DeploymentUpdated"))[-2:]
        assert [(event.data["deployment_id"], event.data["status"]) for event in events] == [
            (first.id, "superseded"),
            (second.id, "successful"),
        ]
        assert {(event.data["current_version_id"], event.data["current_tag"]) for event in events} == {
            (2, "2.0.0")
        }

    run(tmp_path, scenario)


def test_a_superseded_deployment_is_current_again_after_a_rollback_of_its_successor(tmp_path):
    async def scenario(world):
        first, second = await world.deploy_successfully(1), await world.deploy_successfully(2)
        ended = (await world.service.get(call(), first.id)).finished_at
        await world.step(second, "rolled_back", reason="slow")
        assert await world.current() == 1
        again = await world.service.get(call(), first.id)
        assert (again.status, again.finished_at) == ("successful", ended)
        assert (await world.history(first))[-1] == (
            "successful",
            f"restored: deployment {second.id} was rolled back",
            "user:ada",
        )
        placement = await world.placement()
        assert (placement.last.version_id, placement.last.status) == (2, "rolled_back")
        assert {event.data["current_version_id"] for event in (await world.emitted_events())[-2:]} == {1}
        await world.step(again, "rolled_back")
        assert await world.current() is None

    run(tmp_path, scenario)


def test_a_rollback_skips_deleted_versions(tmp_path):
    async def scenario(world):
        first, second, third = [await world.deploy_successfully(n) for n in (1, 2, 3)]
        await world.deliver(world.version_event("VersionDeleted", 2))
        await world.step(third, "rolled_back")
        assert await world.status(first) == "successful"
        assert await world.status(second) == "superseded"
        assert await world.current() == 1

    run(tmp_path, scenario)


def test_a_rollback_skips_deleted_deployments(tmp_path):
    async def scenario(world):
        first, second, third = [await world.deploy_successfully(n) for n in (1, 2, 3)]
        await world.service.delete(call(), second.id)
        await world.step(third, "rolled_back")
        assert await world.status(first) == "successful"
        assert await world.current() == 1

    run(tmp_path, scenario)


def test_rolling_back_a_failed_deployment_preserves_the_current_one(tmp_path):
    async def scenario(world):
        first = await world.deploy_successfully(1)
        failed = await world.step(await world.deploy(2), "in_progress", "failed", "rolled_back")
        assert (await world.status(first), failed.status) == ("successful", "rolled_back")
        assert await world.current() == 1

    run(tmp_path, scenario)


def test_a_current_deployment_can_be_retired_without_a_successor(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1)
        second = await world.deploy_successfully(2)
        await world.step(second, "superseded", reason="switched off")
        assert await world.current() is None
        assert await world.placement_count(1) == 0
        third = await world.deploy_successfully(3)
        await world.step(third, "rolled_back")
        assert await world.current() is None

    run(tmp_path, scenario)


def test_a_deployment_that_requires_approval_is_started_by_another_user(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(call(), "prod", asking(requires_approval=True))
        deployment = await world.deploy(reason="release")
        waits = "prod requires approval by another user"
        assert (deployment.status, deployment.reason) == ("awaiting_approval", waits)
        assert [(status, actor) for status, _, actor in await world.history(deployment)] == [
            ("pending", "user:ada"),
            ("awaiting_approval", "system:rules"),
        ]
        for ahead in ("queued", "in_progress"):
            with pytest.raises(SelfApprovalForbidden):
                await world.step(deployment, ahead)
        await world.step(deployment, "queued", by=call(actor=ANOTHER))
        await world.step(deployment, "in_progress", "successful")
        assert await world.current() == 1

    run(tmp_path, scenario)


def test_a_key_of_the_requester_does_not_count_as_another_user(tmp_path):
    async def scenario(world):
        import msgspec

        def of_user(actor, user_id):
            item = call(actor=actor)
            return msgspec.structs.replace(
                item, principal=msgspec.structs.replace(item.principal, user_id=user_id)
            )

        await world.service.replace_environment(call(), "prod", asking(requires_approval=True))
        deployment = await world.deploy(by=of_user("user:ada", 3))
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "in_progress", by=of_user("key:9", 3))
        await world.step(deployment, "in_progress", by=of_user("user:grace", 4))

    run(tmp_path, scenario)


def test_another_job_of_the_same_binding_does_not_count_as_another_user(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(call(), "prod", asking(requires_approval=True))
        deployment = await world.deploy(by=call(actor="oidc:4/run-1"))
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "in_progress", by=call(actor="oidc:4/run-2"))
        await world.step(deployment, "in_progress", by=call(actor="oidc:44/run-2"))

    run(tmp_path, scenario)


def test_an_approval_cannot_be_bypassed(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(call(), "prod", asking(requires_approval=True))
        deployment = await world.step(await world.deploy(), "blocked", "pending")
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "in_progress")
        await world.step(deployment, "queued", by=call(actor=ANOTHER))
        await world.step(deployment, "awaiting_approval")
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "in_progress")
        # The rule may go, but who waits for approval still does.
        await world.service.replace_environment(call(), "prod", asking())
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "in_progress")

    run(tmp_path, scenario)


def test_a_blocked_deployment_starts_blocked_with_its_reason(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(
            call(), "prod", asking(blocked="freeze", requires_approval=True)
        )
        deployment = await world.deploy(reason="release")
        assert (deployment.status, deployment.reason) == ("blocked", "freeze")
        assert await world.history(deployment) == [
            ("pending", "release", "user:ada"),
            ("blocked", "freeze", "system:rules"),
        ]
        with pytest.raises(SelfApprovalForbidden):
            await world.step(deployment, "queued")

    run(tmp_path, scenario)


def test_a_put_adds_a_status_once(tmp_path):
    async def scenario(world):
        deployment = await world.deploy()
        moved = await world.service.set_status(
            call(if_match="1.1"), deployment.id, StatusCreate(status="in_progress", reason="go")
        )
        event_count = len(await world.emitted_events())
        for reason in ("go", ""):
            again = StatusCreate(status="in_progress", reason=reason)
            assert await world.service.set_status(call(), deployment.id, again) == moved
        assert len(await world.emitted_events()) == event_count
        with pytest.raises(InvalidTransition):
            await world.service.set_status(
                call(), deployment.id, StatusCreate(status="in_progress", reason="other")
            )

    run(tmp_path, scenario)


def test_a_stale_etag_is_rejected(tmp_path):
    async def scenario(world):
        deployment = await world.deploy()
        await world.step(deployment, "queued")
        with pytest.raises(PreconditionFailed):
            await world.service.set_status(
                call(if_match="1.1"), deployment.id, StatusCreate(status="in_progress")
            )
        with pytest.raises(PreconditionFailed):
            await world.service.delete(call(if_match="1.1"), deployment.id)

    run(tmp_path, scenario)


def test_requests_with_one_idempotency_key_create_one_deployment_and_one_status(tmp_path):
    async def scenario(world):
        new = DeploymentCreate(version_id=1, environment="prod")
        results = [await world.service.create(call(key="a"), new) for _ in range(3)]
        assert [result.replayed for result in results] == [False, True, True]
        assert len({result.value for result in results}) == 1
        deployment, ahead = results[0].value, StatusCreate(status="in_progress")
        steps = [await world.service.add_status(call(key="b"), deployment.id, ahead) for _ in range(3)]
        assert [step.replayed for step in steps] == [False, True, True]
        assert [status for status, _, _ in await world.history(deployment)] == ["pending", "in_progress"]
        with pytest.raises(IdempotencyKeyReused):
            await world.service.add_status(call(key="b", fingerprint="other"), deployment.id, ahead)

    run(tmp_path, scenario)


@reads_sqlite_file
def test_only_finished_deployments_can_be_deleted_and_their_history_stays(tmp_path):
    async def scenario(world):
        first = await world.deploy(1)
        with pytest.raises(DeploymentInUse, match="cancel it first"):
            await world.service.delete(call(), first.id)
        first = await world.step(first, "in_progress", "successful")
        with pytest.raises(DeploymentInUse, match="is the current deployment"):
            await world.service.delete(call(), first.id)
        second = await world.step(await world.deploy(2), "cancelled")
        with pytest.raises(DeploymentInUse, match="is the latest deployment"):
            await world.service.delete(call(), second.id)
        await world.deploy_successfully(3)
        await world.service.delete(call(if_match=etag_of(second)), second.id)
        with pytest.raises(NotFound):
            await world.service.get(call(), second.id)
        with pytest.raises(NotFound):
            await world.service.list_statuses(call(), second.id, PageRequest())
        (event,) = await world.emitted_events("DeploymentDeleted")
        assert (event.subject, event.data["current_version_id"]) == (f"app/1/deployment/{second.id}", 3)
        connection = sqlite3.connect(world.database.path)
        rows = connection.execute(
            "SELECT status FROM status_entry WHERE deployment_id = ? ORDER BY id", [second.id]
        ).fetchall()
        connection.close()
        assert rows == [("pending",), ("cancelled",)]

    run(tmp_path, scenario)


def test_an_event_contains_its_deployment_and_the_resulting_placement(tmp_path):
    async def scenario(world):
        deployment = await world.deploy(1, reason="release")
        (event,) = await world.emitted_events("DeploymentCreated")
        assert event.subject == f"app/1/deployment/{deployment.id}"
        assert event.data == {
            "deployment_id": deployment.id,
            "version_id": 1,
            "app_id": 1,
            "app": "shop",
            "tag": "1.0.0",
            "environment": "prod",
            "status": "pending",
            "reason": "release",
            "actor": "user:ada",
            "created_at": deployment.created_at,
            "updated_at": deployment.updated_at,
            "finished_at": None,
            "current_version_id": None,
            "current_tag": None,
        }

    run(tmp_path, scenario)


def test_current_and_active_deployments_are_counted_by_placement(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1, "prod")
        await world.deploy(1, "prod")
        await world.deploy_successfully(1, "staging")
        await world.step(await world.deploy(2, "staging"), "cancelled")
        await world.deploy(2, "dev")
        await world.deploy(1000, "prod")
        resources = [{"app_id": 1}, {"version_id": 1}, {"version_id": 2}, {"app_id": 2}, {"app_id": 3}]
        leaves = [await world.service.begin_deletion(call(), **fields) for fields in resources]
        assert [leave.active_placements for leave in leaves] == [3, 2, 1, 1, 0]
        assert [leave.hold_id is None for leave in leaves] == [True, True, True, True, False]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [4, 3, 2, 1]),
        ({"app": "blog"}, [4]),
        ({"app": "2"}, [4]),
        ({"app": "blog", "app_id": 1}, []),
        ({"app_id": 1}, [3, 2, 1]),
        ({"environment": "prod"}, [4, 2, 1]),
        ({"status": "successful"}, [1]),
        ({"version_id": 2}, [3, 2]),
        ({"actor": ANOTHER}, [3]),
        ({"app": "shop", "environment": "prod"}, [2, 1]),
    ],
)
def test_deployments_are_listed_newest_first_and_filtered(tmp_path, filters, expected):
    async def scenario(world):
        await world.deploy_successfully(1, "prod")
        await world.deploy(2, "prod")
        await world.deploy(2, "staging", by=call(actor=ANOTHER))
        await world.deploy(1000, "prod")
        items, cursor = [], None
        while True:
            page = await world.service.list(call(), PageRequest(limit=2, cursor=cursor, filters=filters))
            items += [item.id for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert items == expected

    run(tmp_path, scenario)


@pytest.mark.parametrize("sort", ["environment", "-environment", "status", "-status"])
def test_deployments_are_sorted_page_by_page(tmp_path, sort):
    async def scenario(world):
        await world.deploy_successfully(1, "prod")
        await world.deploy(2, "staging")
        await world.deploy(2, "prod")
        await world.deploy(1000, "dev")
        items, cursor = [], None
        while True:
            page = await world.service.list(call(), PageRequest(limit=1, cursor=cursor, sort=sort))
            items += [(getattr(item, sort.removeprefix("-")), item.id) for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert len(items) == 4
        assert items == sorted(items, reverse=sort.startswith("-"))

    run(tmp_path, scenario)


def test_deployments_of_an_unknown_app_are_not_found(tmp_path):
    async def scenario(world):
        with pytest.raises(NotFound, match="app 'shp' not found"):
            await world.service.list(call(), PageRequest(filters={"app": "shp"}))

    run(tmp_path, scenario)


def test_a_credential_for_one_app_cannot_read_or_change_others(tmp_path):
    async def scenario(world):
        other_deployment = await world.deploy_successfully(1)
        limited_caller = call(apps={2})
        own_deployment = await world.deploy(1000, by=limited_caller)
        assert [item.id for item in (await world.service.list(limited_caller, PageRequest())).items] == [
            own_deployment.id
        ]
        matrix = await world.service.matrix(limited_caller, None)
        assert (
            {placement.app for placement in matrix.placements}
            == {app.name for app in matrix.apps}
            == {"blog"}
        )
        for attempt in (
            world.service.get(limited_caller, other_deployment.id),
            world.service.list_statuses(limited_caller, other_deployment.id, PageRequest()),
            world.service.add_status(limited_caller, other_deployment.id, StatusCreate(status="rolled_back")),
            world.service.set_status(limited_caller, other_deployment.id, StatusCreate(status="rolled_back")),
            world.service.delete(limited_caller, other_deployment.id),
            world.deploy(2, by=limited_caller),
        ):
            with pytest.raises(NotFound, match=r"^(deployment|version) [0-9]+ not found$"):
                await attempt
        assert await world.status(other_deployment) == "successful"

    run(tmp_path, scenario)


@pytest.mark.parametrize("number", [0, 5, 2**53])
def test_an_unknown_resource_is_not_found(tmp_path, number):
    async def scenario(world):
        for attempt in (
            world.service.get(call(), number),
            world.service.list_statuses(call(), number, PageRequest()),
            world.service.add_status(call(), number, StatusCreate(status="queued")),
            world.service.delete(call(), number),
        ):
            with pytest.raises(NotFound):
                await attempt

    run(tmp_path, scenario)
