from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.server.deployment.domain.deployment_model import DeploymentRequest, Initiator
from envmgr.server.deployment.service import transitions
from envmgr.server.deployment.service.matrix import TimestampFormatter
from envmgr.server.kit.common.clock import rfc3339
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import NotFound
from envmgr.server.kit.db.sqlite import DIALECT
from support.services.database_runners import reads_sqlite_file
from support.services.deployment_fixtures import run
from support.services.service_fixtures import call


def test_the_matrix_shows_current_versions_and_last_attempts(tmp_path):
    async def scenario(world):
        await world.deliver(world.app_event("AppCreated"), world.app_event("AppCreated", 3, "attic"))
        await world.deploy_successfully(1)
        tried = await world.step(await world.deploy(2), "in_progress", "failed")
        await world.deploy(1000, "dev")
        matrix = await world.service.matrix(call(), None)
        assert [(app.id, app.name) for app in matrix.apps] == [(3, "attic"), (2, "blog"), (1, "shop")]
        assert [environment.name for environment in matrix.environments] == ["dev", "prod"]
        shop = await world.placement()
        assert (shop.current.tag, shop.current.status, shop.current.actor) == (
            "1.0.0",
            "successful",
            "user:ada",
        )
        assert (shop.last.deployment_id, shop.last.tag, shop.last.status) == (tried.id, "2.0.0", "failed")
        assert shop.last.updated_at == tried.updated_at
        assert 0 <= shop.age_seconds < 60
        blog = await world.placement("dev", "blog")
        assert (blog.current, blog.age_seconds, blog.last.status) == (None, None, "pending")

    run(tmp_path, scenario)


def test_the_matrix_can_be_limited_to_one_environment(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1, "prod")
        await world.deploy_successfully(1, "dev")
        matrix = await world.service.matrix(call(), "dev")
        assert [environment.name for environment in matrix.environments] == ["dev"]
        assert [placement.environment for placement in matrix.placements] == ["dev"]
        with pytest.raises(NotFound):
            await world.service.matrix(call(), "moon")

    run(tmp_path, scenario)


@given(st.lists(st.integers(0, 253_402_300_799_999), max_size=5))
def test_the_matrix_formats_times_as_other_resources_do(moments):
    spelling = TimestampFormatter()
    assert [spelling.format(ms) for ms in moments] == [rfc3339(ms) for ms in moments]


class Watching:
    """A transaction or reader that records its statements."""

    def __init__(self, inner):
        self._inner = inner
        self.texts = []
        self.now = getattr(inner, "now", 0)
        self.emit = getattr(inner, "emit", None)

    def one(self, statement, **values):
        self.texts.append(statement.compile(DIALECT)[0])
        return self._inner.one(statement, **values)

    def all(self, statement, **values):
        self.texts.append(statement.compile(DIALECT)[0])
        return self._inner.all(statement, **values)

    def insert(self, statement, **values):
        self.texts.append(statement.compile(DIALECT)[0])
        return self._inner.insert(statement, **values)

    def execute(self, statement, **values):
        self.texts.append(statement.compile(DIALECT)[0])
        return self._inner.execute(statement, **values)


def plans(path, texts):
    """Return the query plans of SQLite for these statements."""
    connection = sqlite3.connect(path)
    plan = [
        (text, row[3])
        for text in texts
        for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", _parameters(text))
    ]
    connection.close()
    return plan


def _parameters(text):
    import re

    return dict.fromkeys(re.findall(r":(\w+)", text), 1)


@reads_sqlite_file
def test_creating_and_advancing_a_deployment_reads_no_history(tmp_path):
    async def scenario(world):
        await world.deploy_successfully(1)
        texts = []

        def unit(transaction):
            watching = Watching(transaction)
            order = transitions.resolve_request(
                watching, DeploymentRequest(2, 1, "shop", "2.0.0", "prod", "", Initiator("user:ada"))
            )
            deployment = transitions.create(watching, order)
            texts.extend(watching.texts)
            return deployment

        await world.database.write(unit)
        assert len(texts) >= 7
        assert [(text, plan) for text, plan in plans(world.database.path, texts) if "SCAN" in plan] == []

    run(tmp_path, scenario)


@reads_sqlite_file
def test_the_matrix_is_one_scan_of_its_projection(tmp_path):
    from envmgr.server.deployment.service.matrix import matrix

    async def scenario(world):
        await world.deploy_successfully(1)
        texts = []

        def unit(reader):
            watching = Watching(reader)
            matrix(watching, call().principal, None)
            texts.extend(watching.texts)

        await world.database.read(unit)
        query_plans = [plan for _, plan in plans(world.database.path, texts)]
        assert "SCAN placement" in query_plans
        assert not any("deployment" in plan or "status_entry" in plan for plan in query_plans)

    run(tmp_path, scenario)


@reads_sqlite_file
@pytest.mark.parametrize(
    "statement", ["count_active_for_app", "count_active_for_version", "find", "active_in", "has_any_in"]
)
def test_frequent_queries_use_an_index(tmp_path, statement):
    from envmgr.server.deployment.store import deployment_rows, placements

    arguments = {
        "count_active_for_app": (1,),
        "count_active_for_version": (1,),
        "find": (1,),
        "active_in": (1, "prod"),
        "has_any_in": ("prod",),
    }

    async def scenario(world):
        await world.deploy_successfully(1)
        texts = []

        def unit(reader):
            watching = Watching(reader)
            getattr(placements if hasattr(placements, statement) else deployment_rows, statement)(
                watching, *arguments[statement]
            )
            texts.extend(watching.texts)

        await world.database.read(unit)
        matches = [plan for _, plan in plans(world.database.path, texts)]
        assert any("USING" in plan for plan in matches)
        assert not any(plan.startswith(("SCAN deployment", "SCAN placement")) for plan in matches)

    run(tmp_path, scenario)


@reads_sqlite_file
@pytest.mark.parametrize("filters", [{}, {"app": 1}, {"environment": "prod"}])
def test_the_list_of_an_app_is_newest_first_even_with_a_reused_name(tmp_path, filters):
    from envmgr.server.deployment.store import deployment_rows, placements

    async def scenario(world):
        await world.deploy_successfully(1)
        texts = []

        def unit(reader):
            watching = Watching(reader)
            deployment_rows.page(
                watching,
                PageRequest(filters=filters),
                placements.visible_apps(watching, call(apps={1}).principal),
            )
            texts.extend(watching.texts)

        await world.database.read(unit)
        matches = [plan for _, plan in plans(world.database.path, texts)]
        assert any("SEARCH app_projection USING INTEGER PRIMARY KEY" in plan for plan in matches)
        assert any("SEARCH deployment USING" in plan for plan in matches)
        scans = [
            plan for plan in matches if plan.startswith(("SCAN", "USE TEMP")) and "VIRTUAL TABLE" not in plan
        ]
        assert scans == []

    run(tmp_path, scenario)
