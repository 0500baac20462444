from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from envmgr import __version__
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


@pytest.fixture
def run_from(monkeypatch, record_origin, tmp_path):
    """Return a function that moves the package below a directory, without a recorded origin."""
    record_origin(None)
    monkeypatch.setattr(
        distribution, "__file__", str(tmp_path / "src" / "envmgr" / "kit" / "distribution.py")
    )
    return tmp_path


def test_the_requirement_of_a_source_tree_is_the_checkout(run_from):
    (run_from / "pyproject.toml").write_text('[project]\nname = "envmgr-toolchain"\n')
    assert distribution.requirement("server") == f"envmgr-toolchain[server] @ {run_from.resolve().as_uri()}"


def test_the_checkout_of_this_package_is_recognized(record_origin):
    record_origin(None)
    checkout = Path(__file__).parents[3]
    assert distribution.requirement() == f"envmgr-toolchain @ {checkout.resolve().as_uri()}"


@pytest.mark.parametrize("project", [None, '[project]\nname = "other"\n'])
def test_a_requirement_of_unknown_origin_is_the_wheel(run_from, project):
    if project:
        (run_from / "pyproject.toml").write_text(project)
    wheel = f"file:///DIRECTORY/envmgr_toolchain-{__version__}-py3-none-any.whl"
    assert distribution.requirement("server") == f"envmgr-toolchain[server] @ {wheel}"


@pytest.mark.usefixtures("run_from")
def test_a_missing_distribution_has_no_recorded_origin(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert "/DIRECTORY/" in distribution.requirement("server")
