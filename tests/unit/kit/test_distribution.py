from __future__ import annotations

import json
from importlib import metadata

import pytest

from envmgr.kit import distribution


@pytest.fixture
def record_origin(monkeypatch):
    """Return a function that records the origin of an installed distribution."""

    def record(origin):
        class Installed:
            def read_text(self, name):
                assert name == "direct_url.json"
                return origin and json.dumps(origin)

        monkeypatch.setattr(metadata, "distribution", lambda _: Installed())

    return record


@pytest.mark.parametrize(
    ("origin", "suffix"),
    [
        (None, ""),
        ({"url": "file:///home/you/envmgr", "dir_info": {"editable": True}}, " @ file:///home/you/envmgr"),
        ({"url": "file:///tmp/a.whl", "archive_info": {}}, " @ file:///tmp/a.whl"),
        (
            {"url": "https://git.example/envmgr", "vcs_info": {"vcs": "git", "commit_id": "0a"}},
            " @ git+https://git.example/envmgr",
        ),
    ],
)
def test_a_requirement_has_the_origin_of_the_installed_distribution(record_origin, origin, suffix):
    record_origin(origin)
    assert distribution.requirement("server", "otel") == f"envmgr-toolchain[server,otel]{suffix}"
    assert distribution.requirement() == f"envmgr-toolchain{suffix}"


def test_the_requirement_of_a_missing_distribution_is_its_name(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert distribution.requirement("server") == "envmgr-toolchain[server]"
