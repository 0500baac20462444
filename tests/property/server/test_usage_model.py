"""Usage reflects the newest events, whether they come late, repeatedly or in any order."""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from envmgr.server.contracts.requests import VersionPut
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.version import module
from envmgr.server.version.domain.range_matching import match, read
from support.matrices import examples
from support.services.database_runners import sqlite_database
from support.services.service_fixtures import call
from support.services.version_fixtures import (
    app_data,
    built_with,
    deliver,
    deployment_event,
    event,
    versions_of,
)

APPS = ("shop", "blog", "docs")
ENVIRONMENTS = ("dev", "prod")
PUSHES = (
    VersionPut(),
    built_with("go@1.21.0"),
    built_with("go@1.22.0-rc.1", "go@1.22.0"),
    built_with("go@tip", "zig@0.13.0"),
    built_with("zig@0.12.0"),
)
PINS = ((), ("1.21.0",), ("1.22.0-rc.1", "1.22.0"), ("tip",), ())
RANGES = ("<1.22", "*", "1.22", ">=1.22.0")

emitted = st.tuples(
    st.integers(1, len(APPS)),
    st.sampled_from(ENVIRONMENTS),
    st.none() | st.integers(0, len(PUSHES) - 1),
)
histories = st.lists(emitted, min_size=1, max_size=14).flatmap(
    lambda history: st.tuples(
        st.just(history),
        st.lists(st.integers(1, len(history)), max_size=8).flatmap(
            lambda again: st.permutations([*range(1, len(history) + 1), *again])
        ),
    )
)


@cache
def migrated():
    """Return an empty database of the service."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(sqlite_database(Path(directory), module).close())
        return Path(directory, "version.db").read_bytes()


def expected(history, deleted, spec):
    """Derive the current versions from the history and sort them by a range."""
    newest = {}
    for app_id, environment, push in history:
        newest[app_id, environment] = push
    lists = {"matches": set(), "unknown": set(), "without_lock": set()}
    for (app_id, environment), push in newest.items():
        if push is None or app_id == deleted:
            continue
        if PUSHES[push].toolchain is None:
            lists["without_lock"].add((app_id, environment, None))
        for version in PINS[push]:
            verdict = match(read(spec), version)
            if verdict != "differs":
                lists[verdict].add((app_id, environment, version))
    return lists


async def list_all_pages(versions, spec_text, limit):
    """Read every page; return each list, and fail on duplicates or differing counts."""
    lists, cursor = {"matches": [], "unknown": [], "without_lock": []}, None
    while True:
        page = await versions.usage(call(), "go", spec_text, None, PageRequest(limit=limit, cursor=cursor))
        for name, uses in lists.items():
            uses.extend((use.app_id, use.environment, use.tool_version) for use in getattr(page, name))
        if page.next is UNSET:
            break
        cursor = page.next
    for name, uses in lists.items():
        assert len(uses) == len(set(uses)) == getattr(page.counts, name)
    return {name: set(uses) for name, uses in lists.items()}


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    histories,
    st.none() | st.tuples(st.integers(1, len(APPS)), st.integers(0, 100)),
    st.sampled_from(RANGES),
    st.integers(1, 4),
)
def test_usage_reflects_the_newest_events(drawn, deletion, spec, limit):
    history, order = drawn

    async def scenario():
        async with versions_of(Path(directory), *APPS) as (versions, _, parts):
            version_ids = [(app_id, n) for app_id in range(1, len(APPS) + 1) for n in range(len(PUSHES))]
            results = await asyncio.gather(
                *(versions.upsert(call(), str(app_id), f"1.{n}", PUSHES[n]) for app_id, n in version_ids)
            )
            built = {name: item.value for name, item in zip(version_ids, results, strict=True)}
            events = [
                deployment_event(n, app_id, APPS[app_id - 1], environment, built.get((app_id, push)))
                for n, (app_id, environment, push) in enumerate(history, 1)
            ]
            coming = [events[n - 1] for n in order]
            if deletion:
                app_id, position = deletion
                data = app_data(app_id, APPS[app_id - 1], "2027-01-01T00:00:00Z")
                coming.insert(position % (len(coming) + 1), event("AppDeleted", 9, data, source="app"))
            await deliver(parts, *coming)
            return await list_all_pages(versions, spec, limit)

    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "version.db").write_bytes(migrated())
        result = asyncio.run(scenario())
    assert result == expected(history, deletion and deletion[0], spec)
