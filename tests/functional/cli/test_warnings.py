"""Warnings and hints: overridden requests, missing data of upstreams, other notations."""

from __future__ import annotations

import pytest

AGE = {"ENVMGR_MINIMUM_RELEASE_AGE": "7d"}
NO_DIGESTS = "alpha 1.1.0: upstream publishes no digests; they will be recorded on first download"


# -- overruled ----------------------------------------------------------------------------------------------


def test_use_warns_of_an_override(two_tools):
    result = two_tools.ok("use", "alpha", "1.0.0", env={"ENVMGR_ALPHA_VERSION": "2.0.0"})
    assert "warning: $ENVMGR_ALPHA_VERSION overrides this: alpha is 2.0.0; unset it" in result.err
    assert "overrides" not in two_tools.ok("use", "alpha", "1.0.0", env={"ENVMGR_BETA_VERSION": "1"}).err
    assert "overrides" not in two_tools.ok("use", "alpha", "1.0.0").err


def test_use_global_warns_of_a_project_request(two_tools):
    result = two_tools.ok("use", "--global", "alpha", "1.0.0")
    assert "warning: .envmgr:1 overrides this: alpha is ^1.0; run `envmgr use alpha VERSION`" in result.err
    document = two_tools.ok("use", "--global", "alpha", "1.0.0", "--json")
    assert document.json["source"] == {"file": str(two_tools.project / ".envmgr"), "line": 1}
    assert document.err == ""
    elsewhere = two_tools.ok("use", "--global", "alpha", "1.0.0", cwd=two_tools.root)
    assert "warning" not in elsewhere.err


# -- missing data of upstreams -------------------------------------------------------------------------------


@pytest.fixture
def undated_tool(sandbox):
    """Return a machine with a tool whose releases have neither dates nor digests, and a request for it."""
    sandbox.publish("alpha", sums=False)
    versions = ("1.0.0", "1.1.0", "2.0.0")
    sandbox.server.add_json("/alpha/index.json", [{"version": f"v{version}"} for version in versions])
    sandbox.write("alpha=^1.0")
    return sandbox


def test_missing_dates_are_reported_when_a_minimum_age_is_set(undated_tool):
    warning = "minimum_release_age ignored: upstream publishes no release dates"
    assert warning in undated_tool.ok("install", env=AGE).err
    why = undated_tool.ok("why", "alpha", "--json", env=AGE).json
    assert why["note"] == warning
    assert why["candidates"] == ["1.1.0", "1.0.0"]
    words = undated_tool.ok("why", "alpha", env=AGE).out
    assert warning in " ".join(words.split())
    assert "matching   1.1.0, 1.0.0" in words
    assert undated_tool.ok("why", "alpha", "--json").json["note"] is None
    assert warning not in undated_tool.ok("lock", "alpha", env={"ENVMGR_MINIMUM_RELEASE_AGE": "0s"}).err


def test_missing_digests_are_reported_once_and_not_for_verified_archives(undated_tool):
    assert undated_tool.ok("use", "alpha", "1").err.count(NO_DIGESTS) == 1
    assert NO_DIGESTS not in undated_tool.ok("lock").err
    assert NO_DIGESTS not in undated_tool.ok("use", "alpha", "1").err


def test_missing_digests_are_not_reported_for_a_locked_version_that_another_request_takes(undated_tool):
    assert NO_DIGESTS in undated_tool.ok("use", "alpha", "^1").err
    for spec in ("1.1.0", "~1.1", "^1", "==1.1.0"):
        assert "publishes no digests" not in undated_tool.ok("use", f"alpha@{spec}").err
    undated_tool.write("alpha=>=1.1 <2")
    assert "publishes no digests" not in undated_tool.ok("lock").err
    assert "alpha 1.0.0: upstream publishes no digests" in undated_tool.ok("use", "alpha@1.0.0").err


# -- unknown tools ------------------------------------------------------------------------------------------


def test_unknown_tools_fail_before_any_request(two_tools):
    two_tools.write("alpha=^1.0", "bta=1", "  alpa = 2", "gamma=system")
    request_count = len(two_tools.server.requests)
    path = two_tools.project / ".envmgr"
    for words in (["install"], ["lock"], ["lock", "--check"], ["use", "beta", "1"]):
        result = two_tools.run(*words)
        assert result.code == 1
        first, second, hint = result.err.splitlines()
        assert first == f"error: {path}:2:1: unknown tool 'bta'; did you mean beta?"
        assert second == f"{path}:3:3: unknown tool 'alpa'; did you mean alpha?"
        assert hint.startswith("hint: correct the names")
    assert len(two_tools.server.requests) == request_count
    assert path.read_text() == "alpha=^1.0\nbta=1\n  alpa = 2\ngamma=system\n"


# -- written otherwise --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["use", "alpha", ""], "empty version for alpha"),
        (["install", "alpha", " "], "empty version for alpha"),
        (["list", "--remote", "alpha", ""], "empty version for alpha"),
        (["use", "alpha@1", "2"], "two versions: 1 and 2"),
        (["where", "alpha@1", "2"], "two versions: 1 and 2"),
        (["list", "--remote", "alpha@1", "2"], "two versions: 1 and 2"),
        (["use", "alpha", ">=1", "<2"], "run `envmgr use alpha '>=1 <2'`"),
        (["use", "alpha", "1.0.0, 1.1.0"], "write alpha=1.0.0, 1.1.0 to .envmgr"),
        (["use", "alpha", "1.0.0", "1.1.0"], "write alpha=1.0.0,1.1.0 to .envmgr"),
        (["use", "alpha", "1", "beta"], "use TOOL@VERSION for several tools: alpha@1"),
        (["use", "alpha@1", "alpha@2"], "alpha is named twice, with 1 and 2"),
        (["uninstall", "alpha", ""], "empty version for alpha"),
        (["exec"], "missing command after --"),
        (["exec", "alpha"], "exec requires -- between tools and the command"),
        (["exec", "--json", "--", "alpha"], "--json is not supported by exec"),
    ],
    ids=" ".join,
)
def test_an_invalid_command_line_has_a_hint(two_tools, words, message):
    result = two_tools.run(*words)
    assert result.code == 2
    assert message in result.err + result.out
    assert (two_tools.project / ".envmgr").read_text().startswith("alpha=^1.0\n")


def test_the_command_line_is_named_as_the_origin(two_tools):
    result = two_tools.run("exec", "alpha@2", "--", "alpha")
    assert result.code == 127
    assert "alpha 2 is not installed (requested by the command line)" in result.err


def test_a_relative_home_is_rejected(two_tools):
    for words in (["current"], ["install"], ["config", "path"], ["doctor"]):
        result = two_tools.run(*words, env={"ENVMGR_HOME": "home"})
        assert result.code == 1
        assert "error: ENVMGR_HOME must be an absolute path, got home" in result.err
    assert (
        two_tools.ok("config", "path", env={"ENVMGR_HOME": "~/x"}).out
        == f"{two_tools.user_home}/x/config.toml\n"
    )
