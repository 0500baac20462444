from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.problems import DeploymentActive, EnvironmentInUse
from envmgr.server.contracts.requests import EnvironmentCreate, EnvironmentPatch, EnvironmentPut
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.deployment.domain.environment_rules import MAX_RULES
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import (
    AlreadyExists,
    Forbidden,
    InvalidFields,
    NotFound,
    PreconditionFailed,
)
from support.services.deployment_fixtures import run
from support.services.service_fixtures import call

RULES = Rules(auto_deploy=(AutoDeploy(app="shop", tag_range="^1"), AutoDeploy(app="*")), blocked="freeze")


def test_an_environment_has_the_requested_fields(tmp_path):
    async def scenario(world):
        new = EnvironmentCreate(name="prod", tier="production", sort_order=7, rules=RULES)
        environment = await world.service.create_environment(call(), new)
        result = await world.service.get_environment(call(), "prod")
        assert environment.created
        assert environment.value == result
        assert (result.tier, result.sort_order, result.rules, result.rev) == ("production", 7, RULES, 1)

    run(tmp_path, scenario)


def test_of_concurrent_creations_of_an_environment_one_succeeds(tmp_path):
    async def scenario(world):
        new = EnvironmentCreate(name="prod")
        results = await asyncio.gather(
            *(world.service.create_environment(call(), new) for _ in range(8)), return_exceptions=True
        )
        assert sum(isinstance(result, AlreadyExists) for result in results) == 7
        assert len(await world.emitted_events("EnvironmentCreated")) == 1

    run(tmp_path, scenario)


def test_requests_with_one_idempotency_key_create_one_environment(tmp_path):
    async def scenario(world):
        new = EnvironmentCreate(name="prod", rules=RULES)
        results = [await world.service.create_environment(call(key="k"), new) for _ in range(2)]
        assert [result.replayed for result in results] == [False, True]
        assert results[0].value == results[1].value

    run(tmp_path, scenario)


def test_a_put_creates_or_replaces_an_environment(tmp_path):
    async def scenario(world):
        put = world.service.replace_environment
        creation = await put(call(), "prod", EnvironmentPut(rules=RULES))
        same = await put(call(), "prod", EnvironmentPut(rules=RULES))
        less = await put(call(if_match="1.1"), "prod", EnvironmentPut(tier="production"))
        assert [result.created for result in (creation, same, less)] == [True, False, False]
        assert same.value == creation.value
        assert (less.value.rules, less.value.tier, less.value.rev) == (Rules(), "production", 2)
        with pytest.raises(PreconditionFailed):
            await put(call(if_match="1.1"), "prod", EnvironmentPut())
        with pytest.raises(PreconditionFailed):
            await put(call(if_match="1.1"), "never", EnvironmentPut())
        events = await world.emitted_events()
        assert [event.type for event in events] == ["EnvironmentCreated", "EnvironmentUpdated"]
        assert events[0].subject == "environment/prod"
        assert events[0].data["rules"] == {
            "auto_deploy": [{"app": "shop", "tag_range": "^1"}, {"app": "*", "tag_range": "*"}],
            "blocked": "freeze",
        }

    run(tmp_path, scenario)


def test_a_patch_changes_only_its_fields(tmp_path):
    async def scenario(world):
        await world.service.replace_environment(call(), "prod", EnvironmentPut(tier="staging", rules=RULES))
        changed = await world.service.update_environment(call(), "prod", EnvironmentPatch(sort_order=-3))
        assert (changed.tier, changed.sort_order, changed.rules) == ("staging", -3, RULES)
        with pytest.raises(PreconditionFailed):
            await world.service.update_environment(
                call(if_match="1.1"), "prod", EnvironmentPatch(sort_order=1)
            )
        with pytest.raises(NotFound):
            await world.service.update_environment(call(), "moon", EnvironmentPatch(sort_order=1))

    run(tmp_path, scenario)


def test_all_invalid_rules_are_reported_at_once(tmp_path):
    async def scenario(world):
        rules = Rules(
            auto_deploy=(
                AutoDeploy(app="shop", tag_range="^1 || >=3 <4"),
                AutoDeploy(app="no such name!", tag_range="latest"),
                AutoDeploy(app="123", tag_range=" "),
            )
        )
        attempts = [
            world.service.replace_environment(call(), "prod", EnvironmentPut(rules=rules)),
            world.service.create_environment(call(), EnvironmentCreate(name="prod", rules=rules)),
            world.service.update_environment(call(), "prod", EnvironmentPatch(rules=rules)),
        ]
        for attempt in attempts:
            with pytest.raises(InvalidFields) as caught:
                await attempt
            assert [pointer for pointer, _ in caught.value.errors] == [
                "/rules/auto_deploy/1/app",
                "/rules/auto_deploy/1/tag_range",
                "/rules/auto_deploy/2/app",
                "/rules/auto_deploy/2/tag_range",
            ]
            assert "'latest'" in caught.value.errors[1][1]

    run(tmp_path, scenario)


def test_the_number_of_rules_is_limited(tmp_path):
    async def scenario(world):
        def put(count):
            rules = Rules(auto_deploy=(AutoDeploy(app="*"),) * count)
            return world.service.replace_environment(call(), "prod", EnvironmentPut(rules=rules))

        await put(MAX_RULES)
        with pytest.raises(InvalidFields):
            await put(MAX_RULES + 1)

    run(tmp_path, scenario)


def test_an_environment_with_deployments_cannot_be_deleted(tmp_path):
    async def scenario(world):
        await world.step(await world.deploy(1, "prod"), "cancelled")
        await world.service.replace_environment(call(), "moon", EnvironmentPut())
        with pytest.raises(EnvironmentInUse):
            await world.service.delete_environment(call(), "prod")
        with pytest.raises(PreconditionFailed):
            await world.service.delete_environment(call(if_match="2.9"), "moon")
        await world.service.delete_environment(call(if_match="2.1"), "moon")
        with pytest.raises(NotFound):
            await world.service.get_environment(call(), "moon")
        assert (await world.emitted_events())[-1].type == "EnvironmentDeleted"

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["dev", "moon", "prod"]),
        ("sort_order", ["dev", "prod", "moon"]),
        ("-name", ["prod", "moon", "dev"]),
    ],
)
def test_environments_are_listed_in_pages(tmp_path, sort, expected):
    async def scenario(world):
        for name in ("prod", "moon", "dev"):
            await world.deploy(1, name)
        items, cursor = [], None
        while True:
            page = await world.service.list_environments(
                call(), PageRequest(limit=1, cursor=cursor, sort=sort)
            )
            items += [item.name for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert items == expected

    run(tmp_path, scenario)


def test_a_credential_for_one_app_cannot_change_environments_or_read_rules_of_others(tmp_path):
    async def scenario(world):
        rules = Rules(auto_deploy=(AutoDeploy(app="shop"), AutoDeploy(app="blog"), AutoDeploy(app="*")))
        await world.service.replace_environment(call(), "prod", EnvironmentPut(rules=rules))
        await world.deliver(world.app_event("AppCreated", 2, "blog"))
        limited_caller = call(apps={2})
        listing = [
            await world.service.get_environment(limited_caller, "prod"),
            *(await world.service.list_environments(limited_caller, PageRequest())).items,
            *(await world.service.matrix(limited_caller, None)).environments,
        ]
        assert [[rule.app for rule in item.rules.auto_deploy] for item in listing] == [["blog", "*"]] * 3
        for attempt in (
            world.service.replace_environment(limited_caller, "prod", EnvironmentPut()),
            world.service.create_environment(limited_caller, EnvironmentCreate(name="new")),
            world.service.update_environment(limited_caller, "prod", EnvironmentPatch(sort_order=1)),
            world.service.delete_environment(limited_caller, "prod"),
        ):
            with pytest.raises(Forbidden):
                await attempt
        assert (await world.service.get_environment(call(), "prod")).rules == rules

    run(tmp_path, scenario)


def test_names_are_case_insensitive_and_keep_their_first_case(tmp_path):
    async def scenario(world):
        deployment = await world.deploy(1, "Prod")
        assert (await world.service.get_environment(call(), "PROD")).name == "Prod"
        with pytest.raises(AlreadyExists):
            await world.service.create_environment(call(), EnvironmentCreate(name="prod"))
        replaced = await world.service.replace_environment(call(), "prod", EnvironmentPut(sort_order=7))
        assert (replaced.created, replaced.value.name) == (False, "Prod")
        with pytest.raises(DeploymentActive):
            await world.deploy(2, "prod")
        for name in ("prod", "PROD"):
            page = await world.service.list(call(), PageRequest(filters={"environment": name}))
            assert [(item.id, item.environment) for item in page.items] == [(deployment.id, "Prod")]
            assert len((await world.service.matrix(call(), name)).placements) == 1
        with pytest.raises(EnvironmentInUse):
            await world.service.delete_environment(call(), "prod")

    run(tmp_path, scenario)
