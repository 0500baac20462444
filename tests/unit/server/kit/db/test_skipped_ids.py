"""IDs and revisions after a recovery: none is given out twice."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select

from envmgr.server.app import module
from envmgr.server.app.store import app
from envmgr.server.kit.db.postgresql.target import PostgresTarget
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.db.sqlite_file import SqliteFile
from support.services.database_runners import RUNNERS, postgres_url

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("runner", RUNNERS)]
ADD = Statement(
    insert(app).values(
        name=bindparam("name"), folded=bindparam("name"), description="", created_at=1, updated_at=1, rev=1
    )
)
REVISIONS = Statement(select(app.c.id, app.c.rev).order_by(app.c.id))


def target(runner, directory):
    if runner == "sqlite":
        return SqliteFile(str(directory / "app.db"))
    return PostgresTarget(postgres_url(directory, module))


def run(runner, directory, work):
    async def main():
        async with RUNNERS[runner](directory, module) as database:
            return await database.write(work)

    return asyncio.run(main())


def add(name):
    return lambda transaction: transaction.insert(ADD, name=name)


@pytest.mark.parametrize(("minimum", "count", "lowest"), [(0, 10, 12), (40, 10, 51)])
def test_ids_continue_after_those_that_were_lost(runner, tmp_path, minimum, count, lowest):
    assert run(runner, tmp_path, add("one")) == 1
    target(runner, tmp_path).skip_ids(minimum, count)
    assert lowest <= run(runner, tmp_path, add("two")) <= lowest + 1
    rows = run(runner, tmp_path, lambda transaction: transaction.all(REVISIONS))
    assert rows[0] == (1, 1 + count)
    assert rows[1][1] == 1


def test_ids_of_an_empty_table_continue_after_those_that_were_lost(runner, tmp_path):
    run(runner, tmp_path, lambda _: None)
    target(runner, tmp_path).skip_ids(7, 100)
    assert run(runner, tmp_path, add("first")) >= 108
