"""Bodies are read strictly, and what is wrong with one is told with a pointer to it."""

from __future__ import annotations

import pytest

from envmgr.server.contracts.requests import AppNew, DeploymentNew, EnvironmentPut, VersionPut
from envmgr.server.kit.bodies import decoded
from envmgr.server.kit.problems import InvalidFields, Malformed


def test_what_is_as_declared_is_read():
    assert decoded(b'{"name": "shop"}', AppNew) == AppNew(name="shop")


@pytest.mark.parametrize(
    ("body", "kind", "pointer"),
    [
        (b'{"version_id": "1", "environment": "prod"}', DeploymentNew, "/version_id"),
        (b'{"version_id": 1.0, "environment": "prod"}', DeploymentNew, "/version_id"),
        (b'{"version_id": true, "environment": "prod"}', DeploymentNew, "/version_id"),
        (b'{"build": {"dirty": "true"}}', VersionPut, "/build/dirty"),
        (b'{"artifacts": [{"name": "a", "digest": "b"}]}', VersionPut, "/artifacts/0/digest"),
        (b'{"rules": {"auto_deploy": [{"app": "*", "tag": 1}]}}', EnvironmentPut, "/rules/auto_deploy/0"),
        (b'{"name": "a", "nmae": "b"}', AppNew, ""),
        (b"[]", AppNew, ""),
        (b"null", AppNew, ""),
    ],
)
def test_what_is_not_as_declared_is_pointed_at(body, kind, pointer):
    with pytest.raises(InvalidFields) as caught:
        decoded(body, kind)
    ((told, detail),) = caught.value.errors
    assert told == pointer
    assert detail
    assert "`$" not in detail


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"name": "a"} {}', b'{"name": "\xff"}', b'{"name": "\\ud800"}'],
    ids=repr,
)
def test_what_is_no_json_is_malformed(body):
    with pytest.raises(Malformed):
        decoded(body, AppNew)


@pytest.mark.parametrize("deep", [b"[" * 200_000, b'{"a":' * 200_000])
def test_what_is_nested_too_deeply_is_malformed(deep):
    with pytest.raises(Malformed, match="deeply"):
        decoded(deep, object)
