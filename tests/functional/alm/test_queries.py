"""Queries of `envmgr alm` to a real server: status, affected versions, differences."""

from __future__ import annotations

import json
import re

import pytest

from support.alm.seeded_server import DOTFILE, LOCK, NEW, OLD


def document(result, command):
    outcome = json.loads(result.out)
    assert outcome.pop("schema") == f"envmgr/alm-{command}/1"
    assert result.err == ""
    return outcome


def test_status_prints_the_deployment_matrix(signed_in):
    lines = re.sub(r"\b\d+[smh]\b", "0s", signed_in.ok("alm", "status").out).splitlines()
    assert [" ".join(line.split()) for line in lines[:4]] == [
        "dev staging prod",
        "billing - - ok 2.0 0s",
        "shop != ok 1.4 0s ok 1.4 0s ok 1.3 0s",
        "failed 1.4 0s",
    ]
    assert "2 apps in 3 environments, 1 differs, 1 failed" in lines
    assert lines[-1].startswith("not deployed anywhere: idle")


def test_status_of_one_environment_and_app_and_as_json(signed_in):
    result = document(signed_in.ok("alm", "status", "--env", "prod", "--app", "shop", "--json"), "status")
    assert result["apps"] == [{"app": "shop", "differs": False, "behind": []}]
    assert {placement["environment"] for placement in result["matrix"]["placements"]} == {"prod"}
    whole = document(signed_in.ok("alm", "status", "--json"), "status")
    assert {"app": "shop", "differs": True, "behind": ["prod"]} in whole["apps"]


def test_a_misspelt_environment_has_a_suggestion(signed_in):
    result = signed_in.run("alm", "status", "--env", "prd")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: environment 'prd' not found\nhint: did you mean prod?\n"


def test_affected_lists_matches_and_undecidable_versions(signed_in):
    result = document(signed_in.ok("alm", "affected", "nodejs", "<20.11.1", "--json"), "affected")
    assert [(match["app"], match["environment"], match["tool_version"]) for match in result["matches"]] == [
        ("shop", "prod", "20.9.0")
    ]
    assert [item["app"] for item in result["without_lock"]] == ["billing"]
    assert result["unknown"] == []
    output = signed_in.ok("alm", "affected", "nodejs@<20.11.1").out
    assert output.startswith("1 affected, with nodejs <20.11.1\n  shop@1.3  prod  nodejs 20.9.0\n")


def test_affected_suggests_used_tools_for_an_unknown_one(signed_in):
    message = "no deployed version uses"
    output = signed_in.ok("alm", "affected", "npm:nodejs", "<99").out
    assert output.startswith(f"{message} npm:nodejs (used instead: nodejs)\n")
    assert signed_in.ok("alm", "affected", "ruff", "<99").out.startswith(f"{message} ruff\n")


@pytest.mark.parametrize(("environment", "code"), [("prod", 1), ("dev", 0)])
def test_affected_can_fail_on_matches(signed_in, environment, code):
    result = signed_in.run("alm", "affected", "nodejs", "<20.11.1", "--env", environment, "--exit-code")
    assert result.code == code, result


@pytest.mark.parametrize(
    ("tool", "meant"), [("nodjs", "nodejs"), ("npm:nodejs", "nodejs"), ("terrafrom", "terraform")]
)
def test_affected_with_a_probably_misspelt_tool_fails(signed_in, tool, meant):
    result = signed_in.run("alm", "affected", tool, "<20", "--exit-code")
    assert (result.code, result.out) == (1, "")
    assert f"error: no deployed version uses {tool}" in result.err
    assert f"hint: did you mean {meant}?" in result.err
    assert (
        json.loads(signed_in.run("alm", "affected", tool, "<20", "--exit-code", "--json").out)["code"]
        == "alm-not-found"
    )


def test_affected_with_an_unused_tool_succeeds(signed_in):
    assert (
        "no deployed version uses terraform"
        in signed_in.ok("alm", "affected", "terraform", "<99", "--exit-code").out
    )


def test_diff_lists_commits_and_tools_of_two_versions(signed_in, world):
    result = signed_in.ok("alm", "diff", "shop@1.3", "shop@1.4", "-C", str(world.tree))
    before, after = (commit[:10] for commit in world.commits)
    assert result.out.splitlines()[:3] == [
        "shop  1.3 -> 1.4",
        f"  commit  {before} -> {after}",
        "  commits",
    ]
    assert f"    {world.commits[1][:7]} Sell more" in result.out
    assert "    ~  nodejs  20.9.0 -> 20.11.1" in result.out
    assert "    ~  python  3.11.9 -> 3.11.7   downgrade" in result.out


def test_diff_of_two_environments_lists_every_app(signed_in):
    result = document(signed_in.ok("alm", "diff", "staging", "prod", "--json"), "diff")
    apps = {app["app"]: app for app in result["apps"]}
    assert set(apps) == {"billing", "shop"}
    assert (apps["billing"]["before"], apps["billing"]["after"]["tag"]) == (None, "2.0")
    assert {tool["tool"]: tool["direction"] for tool in apps["shop"]["tools"]} == {
        "nodejs": "down",
        "python": "up",
    }
    assert apps["shop"]["commits"] is None
    same = signed_in.ok("alm", "diff", "dev", "staging").out
    assert same == "dev -> staging: same version\n"


def test_diff_rejects_a_version_with_an_environment(signed_in):
    result = signed_in.run("alm", "diff", "prod", "shop@1.4")
    assert result.code == 2
    assert "APP:prod" in result.err


def test_checkout_writes_the_deployed_lock(signed_in):
    result = signed_in.ok("alm", "checkout", "shop:prod")
    assert result.out == "wrote .envmgr and .envmgr.lock from shop@1.3\nnext: envmgr install --locked\n"
    assert (signed_in.project / ".envmgr").read_text() == DOTFILE
    assert (signed_in.project / ".envmgr.lock").read_text() == LOCK.format(**OLD)
    refused = signed_in.run("alm", "checkout", "shop@1.4")
    assert refused.code == 1
    assert ".envmgr.lock already exist" in refused.err
    old, new = OLD["nodejs"], NEW["nodejs"]
    assert f'  .envmgr.lock: - "nodejs": "{old}",\n' in refused.err
    assert f'  .envmgr.lock: + "nodejs": "{new}",\n' in refused.err
    assert (signed_in.project / ".envmgr.lock").read_text() == LOCK.format(**OLD)
    forced = document(signed_in.ok("alm", "checkout", "shop", "1.4", "--force", "--json"), "checkout")
    assert forced["changed"] == [str(signed_in.project / ".envmgr.lock")]
    assert (signed_in.project / ".envmgr.lock").read_text() == LOCK.format(**NEW)


def test_checkout_of_an_environment_uses_the_app_of_the_project(signed_in, world):
    result = signed_in.ok("alm", "checkout", "prod", "-C", str(world.tree), "--force")
    assert "from shop@1.3" in result.out
    assert (world.tree / ".envmgr.lock").read_text() == LOCK.format(**OLD)


def test_checkout_of_a_version_without_a_lock_is_an_error(signed_in):
    result = signed_in.run("alm", "checkout", "billing:prod")
    assert result.code == 1
    assert "has no lock file" in result.err
    assert not (signed_in.project / ".envmgr").exists()


def test_records_are_printed(signed_in):
    assert [line.split()[0] for line in signed_in.ok("alm", "apps", "list").out.splitlines()] == [
        "billing",
        "idle",
        "shop",
    ]
    output = signed_in.ok("alm", "apps", "show", "shop").out
    assert "  description  Sells\n" in output
    assert "shop@1.4" in output
    version = document(signed_in.ok("alm", "versions", "show", "shop:prod", "--json"), "versions-show")[
        "version"
    ]
    assert [tool["version"] for tool in version["toolchain"]["tools"]] == ["20.9.0", "3.11.9"]
    versions = signed_in.ok("alm", "versions", "list", "--limit", "1")
    assert len(versions.out.splitlines()) == 1
    assert "use `--limit N` for more" in versions.err
    failed = document(
        signed_in.ok("alm", "deployments", "list", "--status", "failed", "--json"), "deployments-list"
    )
    (item,) = failed["deployments"]
    history = signed_in.ok("alm", "deployments", "show", str(item["id"])).out
    assert [line.split()[2] for line in history.splitlines()[-3:]] == ["pending", "in_progress", "failed"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["versions", "show", "shop@9.9"], 1, "version shop@9.9 not found"),
        (["versions", "show", "99999"], 1, "version 99999 not found"),
        (["deployments", "show", "99999"], 1, "deployment 99999 not found"),
        (["checkout", "shop:nowhere"], 1, "environment 'nowhere' not found"),
        (["checkout", "idle:prod"], 1, "idle is not deployed in prod"),
        (["versions", "show", "prod"], 2, "invalid version"),
        (["apps", "update", "shop"], 2, "nothing to update"),
        (["apps", "delete", "idle"], 2, "stdin is not a terminal"),
        (["deploy", "shop@1.4", "--env", "a b"], 2, "invalid environment name"),
        (["deploy", "shop@1.4", "--env", "x", "--status", "done"], 2, "invalid value for '--status'"),
        (["affected", "nodejs"], 2, "specify a version range for nodejs"),
        (["affected", "nodejs", "1.2.x.y("], 1, "invalid character in version"),
        (["audit", "--file", "x"], 2, "--verify"),
        (["audit", "--verify", "--actor", "x"], 2, "take no filters"),
        (["versions", "create", "shop:prod"], 2, "invalid new version"),
        (["versions", "create", "shop@1.3"], 1, "version shop@1.3 already exists"),
    ],
    ids=str,
)
def test_errors_have_an_exit_code(signed_in, words, code, message):
    result = signed_in.run("alm", *words)
    assert (result.code, result.out) == (code, ""), result
    assert message in result.err


def test_an_unreachable_server_is_an_error(signed_in):
    result = signed_in.run("alm", "status", "--url", "http://127.0.0.1:1", env={"ENVMGR_HTTP_RETRIES": "0"})
    assert result.code == 1
    assert "cannot reach the ALM server" in result.err
