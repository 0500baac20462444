"""Resolve, install, lock and run, through the installed program."""

from __future__ import annotations

import os

import pytest


def test_a_project_is_installed_locked_and_run_through_shims(two_tools):
    result = two_tools.ok("install")
    assert "installed alpha 1.1.0" in result.out
    assert two_tools.lock["resolved"] == {"alpha@^1.0": "1.1.0", "beta@latest": "1.2.0"}
    assert len(two_tools.lock["tools"]["alpha"]["1.1.0"]["artifacts"]) == 8
    process = two_tools.command(["alpha", "one argument", "", "*"])
    assert (process.code, process.out) == (0, "alpha 1.1.0 <one argument> <> <*>\n")
    assert two_tools.command(["beta"]).out == "beta 1.2.0\n"


def test_a_second_install_sends_no_request_and_changes_nothing(two_tools):
    two_tools.ok("install")
    request_count = len(two_tools.server.requests)
    before = (two_tools.project / ".envmgr.lock").stat().st_mtime_ns
    result = two_tools.ok("install")
    assert "alpha 1.1.0 is already installed" in result.out
    assert len(two_tools.server.requests) == request_count
    assert (two_tools.project / ".envmgr.lock").stat().st_mtime_ns == before


def test_install_writes_one_json_document(two_tools):
    document = two_tools.ok("install", "--json").json
    assert document["schema"] == "envmgr/install/1"
    assert [(item["tool"], item["version"]) for item in document["installed"]] == [
        ("alpha", "1.1.0"),
        ("beta", "1.2.0"),
    ]
    assert document["already_installed"] == []
    entry = document["installed"][0]
    assert set(entry) == {"tool", "version", "path", "url", "sha256", "bytes", "seconds", "from_cache"}
    assert os.path.isfile(os.path.join(entry["path"], "bin", "alpha"))
    again = two_tools.ok("install", "--json").json
    assert [item["tool"] for item in again["already_installed"]] == ["alpha", "beta"]
    forced = two_tools.ok("install", "--force", "--json").json
    assert [item["from_cache"] for item in forced["installed"]] == [True, True]


def test_a_locked_install_uses_the_lock_unchanged(two_tools):
    two_tools.ok("lock")
    two_tools.publish("alpha", ("1.0.0", "1.1.0", "1.9.0"), commands=("alpha", "alpha-helper"))
    assert "1.1.0" in two_tools.ok("install", "--locked").out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: (s.project / ".envmgr.lock").unlink(), ".envmgr.lock not found"),
        (lambda s: s.write("alpha=^2", "beta=latest"), "does not lock alpha=^2"),
    ],
    ids=["missing", "stale"],
)
def test_a_locked_install_fails_before_any_download(two_tools, spoil, message):
    two_tools.ok("lock")
    spoil(two_tools)
    request_count = len(two_tools.server.requests)
    result = two_tools.run("install", "--locked")
    assert result.code == 1
    assert message in result.err
    assert "hint: run `envmgr lock`" in result.err
    assert len(two_tools.server.requests) == request_count


def test_a_locked_install_names_everything_that_the_lock_lacks(two_tools):
    two_tools.ok("lock")
    two_tools.write("alpha=^2", "beta=0.9.0", "alpha2=1")
    two_tools.publish("alpha2")
    result = two_tools.run("install", "--locked")
    assert result.code == 1
    assert (
        ".envmgr.lock\n  does not lock alpha=^2\n  does not lock beta=0.9.0\n  does not lock alpha2=1"
        in result.err
    )
    assert result.err.count("run `envmgr lock`") == 1


def test_use_installs_writes_and_locks(sandbox):
    sandbox.publish("alpha")
    sandbox.ok("use", "alpha", "^1.0")
    assert (sandbox.project / ".envmgr").read_text() == "alpha=^1.0\n"
    assert sandbox.lock["resolved"] == {"alpha@^1.0": "1.1.0"}
    sandbox.ok("use", "alpha@2", "--pin")
    assert (sandbox.project / ".envmgr").read_text() == "alpha=2.0.0\n"
    assert sandbox.lock["resolved"] == {"alpha@2.0.0": "2.0.0"}
    assert sandbox.command(["alpha"]).out == "alpha 2.0.0\n"


def test_use_keeps_comments_and_other_lines(two_tools):
    two_tools.ok("use", "alpha", "2.0.0")
    assert (two_tools.project / ".envmgr").read_text() == "alpha=2.0.0\nbeta=latest  # the newest\n"


def test_a_global_version_applies_without_a_project(sandbox, tmp_path):
    sandbox.publish("alpha")
    sandbox.ok("use", "--global", "alpha", "1.0.0")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert sandbox.command(["alpha"], cwd=elsewhere).out == "alpha 1.0.0\n"
    sandbox.ok("use", "alpha", "2.0.0")
    assert sandbox.command(["alpha"]).out == "alpha 2.0.0\n"
    assert sandbox.command(["alpha"], cwd=elsewhere).out == "alpha 1.0.0\n"


def test_an_environment_variable_overrides_every_file(two_tools):
    two_tools.ok("install")
    two_tools.ok("install", "alpha@2.0.0")
    assert two_tools.command(["alpha"], env={"ENVMGR_ALPHA_VERSION": "2.0.0"}).out == "alpha 2.0.0\n"
    assert two_tools.command(["alpha"]).out == "alpha 1.1.0\n"


def test_the_nearest_file_with_the_tool_decides(two_tools):
    two_tools.ok("install")
    two_tools.ok("install", "alpha@2.0.0")
    nested = two_tools.project / "nested" / "deep"
    nested.mkdir(parents=True)
    (two_tools.project / "nested" / ".envmgr").write_text("alpha=2.0.0\n")
    assert two_tools.command(["alpha"], cwd=nested).out == "alpha 2.0.0\n"
    assert two_tools.command(["beta"], cwd=nested).out == "beta 1.2.0\n"


def test_a_missing_version_is_127_and_names_the_command_that_installs_it(two_tools):
    two_tools.ok("install")
    two_tools.write("alpha=2.0.0", "beta=latest")
    result = two_tools.command(["alpha"])
    assert result.code == 127
    assert "alpha 2.0.0 is not installed" in result.err
    assert "hint: run `envmgr install`" in result.err


def test_an_unconfigured_command_exits_with_126(two_tools, tmp_path):
    two_tools.ok("install")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result = two_tools.command(["alpha"], cwd=elsewhere)
    assert result.code == 126
    assert "no version of alpha is set" in result.err
    assert "envmgr use alpha 1.1.0" in result.err


def test_exec_runs_with_the_named_tools_and_returns_the_exit_code(two_tools):
    two_tools.ok("install")
    two_tools.ok("install", "alpha@2.0.0")
    assert two_tools.ok("exec", "alpha@2", "--", "alpha", "-q").out == "alpha 2.0.0 <-q>\n"
    assert two_tools.ok("exec", "--", "sh", "-c", "alpha").out == "alpha 1.1.0\n"
    assert two_tools.run("exec", "--", "sh", "-c", "exit 42").code == 42


def test_auto_install_installs_missing_tools_of_a_shim(two_tools):
    two_tools.ok("install")
    two_tools.write("alpha=2.0.0", "beta=latest")
    assert two_tools.command(["alpha"], env={"ENVMGR_AUTO_INSTALL": "always"}).out == "alpha 2.0.0\n"
    assert two_tools.lock["resolved"]["alpha@2.0.0"] == "2.0.0"


def test_an_explicit_archive_is_installed_and_its_digest_recorded(two_tools):
    url = f"{two_tools.server.url}/alpha/2.0.0/alpha-2.0.0-linux-x64.tar.gz"
    two_tools.write("alpha=2.0.0", "beta=latest")
    document = two_tools.ok("install", "alpha", "2.0.0", url, "--json").json
    assert document["installed"][0]["url"] == url
    (entry,) = two_tools.lock["tools"]["alpha"]["2.0.0"]["artifacts"].values()
    assert entry == {
        "url": url,
        "sha256": document["installed"][0]["sha256"],
        "size": document["installed"][0]["bytes"],
    }


def test_a_digest_that_upstream_does_not_publish_is_recorded_and_enforced(sandbox):
    sandbox.publish("alpha", ("1.0.0",), sums=False)
    sandbox.write("alpha=1.0.0")
    sandbox.ok("lock")
    artifacts = sandbox.lock["tools"]["alpha"]["1.0.0"]["artifacts"]
    assert not any("sha256" in entry for entry in artifacts.values())
    installed = sandbox.ok("install", "--json").json["installed"][0]
    digests = [
        entry["sha256"]
        for entry in sandbox.lock["tools"]["alpha"]["1.0.0"]["artifacts"].values()
        if "sha256" in entry
    ]
    assert digests == [installed["sha256"]]
    sandbox.publish("alpha", ("1.0.0",), sums=False, ballast=1)
    sandbox.ok("uninstall", "alpha@1.0.0")
    sandbox.ok("cache", "clear")
    result = sandbox.run("install")
    assert result.code == 1
    assert "bytes, expected" in result.err
    assert sandbox.incomplete() == []


def test_uninstall_removes_the_version_and_its_shims(two_tools):
    two_tools.ok("install")
    assert (two_tools.shims / "alpha-helper").exists()
    two_tools.ok("uninstall", "alpha@1.1.0")
    assert not (two_tools.shims / "alpha-helper").exists()
    assert not (two_tools.home / "installs" / "alpha" / "1.1.0").exists()
    result = two_tools.run("uninstall", "alpha@1.1.0")
    assert result.code != 0
    assert "no version of alpha is installed" in result.err


def test_reshim_creates_a_shim_for_a_new_program(two_tools):
    two_tools.ok("install")
    directory = two_tools.ok("where", "alpha").out.strip()
    program = os.path.join(directory, "bin", "added")
    with open(program, "w") as file:
        file.write("#!/bin/sh\necho added\n")
    os.chmod(program, 0o755)
    two_tools.ok("reshim")
    assert two_tools.command(["added"]).out == "added\n"


def test_dry_run_reports_actions_without_effects(two_tools):
    result = two_tools.ok("install", "--dry-run")
    assert "would install alpha 1.1.0" in result.out
    assert not (two_tools.home / "installs").exists()
    assert not (two_tools.project / ".envmgr.lock").exists()


def test_offline_uses_cached_files_and_names_missing_ones(two_tools):
    two_tools.ok("install")
    two_tools.ok("uninstall", "alpha@1.1.0")
    assert "installed alpha 1.1.0" in two_tools.ok("install", "--offline").out
    two_tools.ok("cache", "clear")
    two_tools.ok("uninstall", "alpha@1.1.0")
    result = two_tools.run("install", "--offline")
    assert result.code == 1
    assert "offline" in result.err
