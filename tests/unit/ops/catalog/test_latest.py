"""The newest version that a spec allows, upstream and installed."""

from __future__ import annotations

import json

import pytest

from envmgr.kit.errors import NoMatchingVersion, NotInstalled
from envmgr.ops.catalog.latest import latest_installed, latest_release
from envmgr.resolve.tool_specs import parse
from support.machine.installed_tools import Toolbox

VERSIONS = ("1.9.0", "1.10.0", "2.0.0", "3.0.0-rc.1")


@pytest.fixture
def context(tmp_path):
    toolbox = Toolbox(tmp_path)
    directory = tmp_path / "project" / ".envmgr.plugins"
    directory.mkdir(parents=True, exist_ok=True)
    releases = [{"version": version, "artifacts": {}} for version in VERSIONS]
    document = {"name": "alpha", "aliases": ["al"], "source": {"kind": "static", "versions": releases}}
    (directory / "alpha.json").write_text(json.dumps({**document, "format": "tar.gz", "bin": ["alpha"]}))
    toolbox.install("alpha", "1.9.0", ["alpha"])
    toolbox.install("alpha", "1.2.0", ["alpha"])
    return toolbox.context()


@pytest.mark.parametrize(
    ("text", "version"),
    [("alpha", "2.0.0"), ("al@1", "1.10.0"), ("alpha@<1.10", "1.9.0"), ("alpha@3.0.0-rc.1", "3.0.0-rc.1")],
)
def test_the_newest_release_is_chosen(context, text, version):
    result = latest_release(context, parse(text))
    assert (result.tool, result.version, result.installed is not None) == (
        "alpha",
        version,
        version == "1.9.0",
    )
    assert result.release.version == version


def test_no_release_that_matches_is_an_error(context):
    with pytest.raises(NoMatchingVersion):
        latest_release(context, parse("alpha@9"))


@pytest.mark.parametrize(("text", "version"), [("alpha", "1.9.0"), ("al@<1.9", "1.2.0")])
def test_the_newest_installed_version_is_chosen(context, text, version):
    result = latest_installed(context, parse(text))
    assert (result.version, result.installed.version) == (version, version)


def test_no_installed_version_that_matches_is_an_error(context):
    with pytest.raises(NotInstalled, match="alpha matches 2") as caught:
        latest_installed(context, parse("alpha@2"))
    assert caught.value.hint == "run `envmgr install 'alpha@2'`"
