"""The contract of the port of deployments, for the local service and over gRPC."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.contracts.problems import (
    BeingDeleted,
    DeploymentActive,
    DeploymentInUse,
    EnvironmentInUse,
    InvalidTransition,
)
from envmgr.server.contracts.remote.deployments import RemoteDeployments
from envmgr.server.contracts.requests import (
    DeploymentCreate,
    EnvironmentCreate,
    EnvironmentPatch,
    EnvironmentPut,
    StatusCreate,
)
from envmgr.server.contracts.resources import AutoDeploy, Rules
from envmgr.server.deployment import module
from envmgr.server.deployment.rpc import rpc_service
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from support.services.deployment_fixtures import ANY_VERSION, apps_of
from support.services.remote_ports import TRANSPORTS, Principals, port_over
from support.services.service_fixtures import opened

RULES = Rules(auto_deploy=(AutoDeploy(app="*", tag_range="^1"),), requires_approval=True, blocked="freeze")


@pytest.fixture(params=TRANSPORTS)
def run(request, tmp_path):
    """Run a scenario over a new service: `scenario(deployments, context)`."""

    def run_scenario(scenario):
        async def whole():
            principals = Principals()
            async with opened(tmp_path, module) as database:
                service = module.make(database, ANY_VERSION, apps_of(ANY_VERSION))
                services = [rpc_service(service)]
                async with port_over(request.param, service, services, RemoteDeployments, principals) as port:
                    return await scenario(port, principals.context())

        return asyncio.run(whole())

    return run_scenario


async def deploy(deployments, context, version_id=1, environment="prod"):
    new = DeploymentCreate(version_id=version_id, environment=environment, reason="why")
    return (await deployments.create(context, new)).value


async def succeed(deployments, context, deployment):
    for status in ("in_progress", "successful"):
        await deployments.add_status(context, deployment.id, StatusCreate(status=status))


def test_a_deployment_goes_through_its_statuses(run):
    async def scenario(deployments, context):
        deployment = await deploy(deployments, context)
        assert (deployment.status, deployment.reason, deployment.finished_at) == ("pending", "why", None)
        result = await deployments.add_status(
            context, deployment.id, StatusCreate(status="in_progress", reason="go")
        )
        assert (result.value.status, result.value.reason, result.created) == ("in_progress", "go", True)
        done = await deployments.set_status(context, deployment.id, StatusCreate(status="successful"))
        again = await deployments.set_status(context, deployment.id, StatusCreate(status="successful"))
        assert again == done == await deployments.get(context, deployment.id)
        assert done.finished_at is not None
        history = await deployments.list_statuses(context, deployment.id, PageRequest())
        assert [entry.status for entry in history.items] == ["successful", "in_progress", "pending"]

    run(scenario)


def test_an_invalid_transition_lists_the_allowed_ones(run):
    async def scenario(deployments, context):
        deployment = await deploy(deployments, context)
        with pytest.raises(InvalidTransition) as caught:
            await deployments.add_status(context, deployment.id, StatusCreate(status="rolled_back"))
        assert "in_progress" in caught.value.members["allowed_statuses"]

    run(scenario)


def test_a_second_active_deployment_is_refused_with_the_first(run):
    async def scenario(deployments, context):
        first = await deploy(deployments, context)
        with pytest.raises(DeploymentActive) as caught:
            await deploy(deployments, context, 2)
        assert caught.value.members["active_deployment"] == f"/deployments/{first.id}"
        page = await deployments.list(context, PageRequest(filters={"environment": "prod"}))
        assert (list(page.items), page.next) == ([first], None)

    run(scenario)


def test_the_matrix_has_current_and_latest_deployments(run):
    async def scenario(deployments, context):
        first = await deploy(deployments, context)
        before = (await deployments.matrix(context, None)).placements[0]
        assert (before.current, before.age_seconds) == (None, None)
        await succeed(deployments, context, first)
        second = await deploy(deployments, context, 2)
        matrix = await deployments.matrix(context, "prod")
        (placement,) = matrix.placements
        assert (placement.current.deployment_id, placement.last.deployment_id) == (first.id, second.id)
        assert [(app.id, app.name) for app in matrix.apps] == [(1, "shop")]
        assert [environment.name for environment in matrix.environments] == ["prod"]
        with pytest.raises(NotFound):
            await deployments.matrix(context, "none")

    run(scenario)


def test_a_deletion_hold_blocks_deployments_until_it_is_released(run):
    async def scenario(deployments, context):
        hold = await deployments.begin_deletion(context, app_id=1)
        assert (hold.active_placements, hold.hold_id is None) == (0, False)
        with pytest.raises(BeingDeleted):
            await deploy(deployments, context)
        await deployments.cancel_deletion(context, hold)
        await deploy(deployments, context)
        refused = await deployments.begin_deletion(context, version_id=1)
        assert (refused.active_placements, refused.hold_id) == (1, None)
        forced = await deployments.begin_deletion(context, app_id=1, force=True)
        assert forced.hold_id is not None

    run(scenario)


def test_a_deployment_in_use_is_not_deleted(run):
    async def scenario(deployments, context):
        first = await deploy(deployments, context)
        with pytest.raises(DeploymentInUse):
            await deployments.delete(context, first.id)
        await succeed(deployments, context, first)
        second = await deploy(deployments, context, 2)
        await succeed(deployments, context, second)
        await deployments.delete(context, first.id)
        with pytest.raises(NotFound):
            await deployments.get(context, first.id)

    run(scenario)


def test_the_latest_sequence_is_a_number(run):
    async def scenario(deployments, context):
        assert await deployments.latest_sequence(context) >= 0

    run(scenario)


def test_environments_are_created_replaced_updated_and_deleted(run):
    async def scenario(deployments, context):
        new = EnvironmentCreate(name="prod", tier="production", sort_order=-5, rules=RULES)
        created = (await deployments.create_environment(context, new)).value
        assert (created.tier, created.sort_order, created.rules) == ("production", -5, RULES)
        patched = await deployments.update_environment(context, "prod", EnvironmentPatch(sort_order=0))
        assert (patched.tier, patched.sort_order, patched.rules) == ("production", 0, RULES)
        replaced = await deployments.replace_environment(context, "prod", EnvironmentPut())
        assert (replaced.created, replaced.value.tier, replaced.value.rules) == (False, "other", Rules())
        assert (await deployments.replace_environment(context, "dev", EnvironmentPut())).created
        page = await deployments.list_environments(context, PageRequest(sort="name"))
        assert [environment.name for environment in page.items] == ["dev", "prod"]
        assert await deployments.get_environment(context, "PROD") == replaced.value
        await deployments.delete_environment(context, "dev")
        with pytest.raises(NotFound):
            await deployments.get_environment(context, "dev")
        await deploy(deployments, context)
        with pytest.raises(EnvironmentInUse):
            await deployments.delete_environment(context, "prod")

    run(scenario)
