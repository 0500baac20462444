"""Deployed versions in large numbers, inserted by SQL into the databases of a running cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from support.local_cluster import Cluster

ENVIRONMENTS, TOOLS = 10, ("nodejs", "python", "zig", "pypi:ruff", "npm:prettier")
_FIRST_ID = 5_000_000_000
"""Above the ids of apps that other parts of the benchmark create."""
_APPS = f"generate_series({_FIRST_ID}::bigint, {_FIRST_ID} + $1::bigint - 1) a"
_PLACEMENTS = f"{_APPS} CROSS JOIN generate_series(0, {ENVIRONMENTS - 1}) e"
_NOW = 1_790_000_000_000
_DEPLOYMENT = (
    f"""INSERT INTO environment (name, folded, tier, sort_order, rules, created_at, updated_at, rev)
    SELECT 'env-' || e, 'env-' || e, 'other', e, '{{}}', {_NOW}, {_NOW}, 1
    FROM generate_series(0, {ENVIRONMENTS - 1}) e WHERE $1::bigint > 0""",
    f"""INSERT INTO app_projection (app_id, name, sequence, deleted)
    SELECT a, 'placed-' || a, 1, false FROM {_APPS}""",
    f"""INSERT INTO placement
    SELECT a, 'env-' || e, 'placed-' || a, a, a, '1.' || e, 'user:ada', {_NOW},
      a, a, '1.' || e, 'successful', 'user:ada', {_NOW}
    FROM {_PLACEMENTS}""",
)
_VERSION = (
    f"""INSERT INTO app_projection (app_id, name, updated_at, sequence, deleted)
    SELECT a, 'placed-' || a, {_NOW}, 1, false FROM {_APPS}""",
    f"""INSERT INTO placement (app_id, environment, app, version_id, tag, state, sequence)
    SELECT a, 'env-' || e, 'placed-' || a, a, '1.' || e, 2, 1 FROM {_PLACEMENTS}""",
    f"""INSERT INTO placement_tool (tool, tool_version, environment, app_id)
    SELECT tool, 18 + a % 5 || '.' || (a + e) % 12 || '.' || a % 3, 'env-' || e, a
    FROM {_PLACEMENTS} CROSS JOIN unnest($2::text[]) tool""",
)


def fill(cluster: Cluster, placements: int) -> None:
    """Insert versions deployed in ten environments each, with five tools each."""
    asyncio.run(_fill(cluster, placements // ENVIRONMENTS))


async def _fill(cluster: Cluster, apps: int) -> None:
    await asyncio.gather(
        _run(cluster.database_url("alm_deployment"), _DEPLOYMENT, apps),
        _run(cluster.database_url("alm_version"), _VERSION, apps),
    )


async def _run(url: str, statements: tuple[str, ...], apps: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement, apps, *([TOOLS] if "$2" in statement else []))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
