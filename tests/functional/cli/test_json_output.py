"""Output for programs: with `--json` one document on stdout and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support.http.fault_server import Server
from support.machine.sandbox import ENVMGR, Sandbox

INSTALLED = {"tool", "version", "path", "url", "sha256", "bytes", "seconds", "from_cache"}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Return a machine where alpha and beta are requested and installed."""
    with Server() as server:
        box = Sandbox(tmp_path_factory.mktemp("json") / "a machine's root", server)
        box.publish("alpha", commands=("alpha", "alpha-helper"))
        box.publish("beta", ("0.9.0", "1.2.0", "1.3.0-rc.1"))
        box.write("alpha=^1.0", "beta=latest")
        box.ok("install")
        yield box


def document(result, schema):
    """Return the only document, which must match a schema."""
    outcome = json.loads(result.out)
    assert outcome.pop("schema") == f"envmgr/{schema}/1", result
    return outcome


CALLS = {
    "list": (["list"], {"tools"}),
    "current": (["current"], {"tools"}),
    "which": (["which", "alpha"], {"command", "path", "tool", "version"}),
    "where": (["where", "alpha"], {"tool", "version", "path"}),
    "env": (["env"], {"path", "variables", "missing", "excluded"}),
    "why": (["why", "alpha"], {"tool", "request", "version", "considered", "lock", "candidates", "rejected"}),
    "install": (["install"], {"installed", "already_installed"}),
    "use": (["use", "alpha", "^1.0"], {"tool", "request", "file", "installed", "already_installed"}),
    "lock": (["lock"], {"path", "changed", "tools"}),
    "reshim": (["reshim"], {"directory", "commands", "added", "removed"}),
    "outdated": (["outdated"], {"tools"}),
    "upgrade": (["upgrade"], {"dry_run", "upgraded", "installed", "already_installed"}),
    "prune": (["prune", "--dry-run"], {"dry_run", "removed", "projects", "deleted_projects", "unreadable"}),
    "uninstall": (["uninstall", "--dry-run", "alpha@1.1.0"], {"dry_run", "removed"}),
    "doctor": (["doctor"], {"findings"}),
    "latest": (
        ["latest", "alpha@1"],
        {"tool", "spec", "version", "date", "lts", "prerelease", "installed", "path"},
    ),
    "self-update": (["self-update"], {"version", "installer", "origin", "location", "commands"}),
    "search": (["search", "alp"], {"text", "tools"}),
    "plugin-list": (["plugin", "list"], {"plugins"}),
    "plugin-show": (["plugin", "show", "alpha"], {"name", "manifest", "digest", "scope"}),
    "plugin-trust": (["plugin", "trust", "alpha"], {"name", "digest", "has_script", "trusted", "changed"}),
    "plugin-update": (["plugin", "update"], {"dry_run", "plugins"}),
    "plugin-lint": (["plugin", "lint", "alpha"], {"manifest", "issues", "warnings"}),
    "config-list": (["config", "list"], {"settings"}),
    "config-get": (["config", "get", "jobs"], {"name", "value", "origin", "description"}),
    "config-set": (["config", "set", "jobs", "3"], {"name", "value", "origin"}),
    "config-unset": (["config", "unset", "jobs"], {"name", "value", "origin"}),
    "config-path": (["config", "path"], {"path"}),
    "cache-dir": (["cache", "dir"], {"path"}),
    "sbom": (["sbom"], {"format", "tools", "document"}),
    "cache-list": (["cache", "list"], {"path", "bytes", "entries"}),
    "version": (["--version"], {"version"}),
    "help": (["install", "--help"], {"help"}),
    "show-completion": (["--show-completion", "zsh"], {"shell", "script"}),
}


@pytest.mark.parametrize("schema", CALLS)
def test_a_command_prints_one_document_and_nothing_else(box, schema):
    words, fields = CALLS[schema]
    result = box.run(*words, "--json")
    assert result.code == 0, result
    assert fields <= document(result, schema).keys()
    assert result.err == ""


def test_changing_commands_report_their_changes(sandbox):
    sandbox.publish("alpha")
    source = sandbox.add_manifest(sandbox.manifest("alpha", ("alpha",)))
    moved = source.rename(sandbox.root / "alpha.json")
    added = document(sandbox.ok("plugin", "add", "alpha", str(moved), "--json"), "plugin-add")
    assert (added["name"], added["scope"]) == ("alpha", "user")
    dry = document(sandbox.ok("install", "alpha@1", "--dry-run", "--json"), "install")
    assert dry["dry_run"] is True
    assert [item["version"] for item in dry["installed"]] == ["1.1.0"]
    assert not (sandbox.home / "installs").exists()
    result = document(sandbox.ok("use", "alpha", "1", "--json"), "use")
    assert result["installed"][0].keys() == INSTALLED
    assert result["file"] == str(sandbox.project / ".envmgr")
    removed = document(sandbox.ok("uninstall", "alpha@1.1.0", "--json"), "uninstall")
    assert removed == {
        "dry_run": False,
        "removed": [
            {"tool": "alpha", "version": "1.1.0", "path": str(sandbox.home / "installs" / "alpha" / "1.1.0")}
        ],
    }
    assert document(sandbox.ok("cache", "clear", "--json"), "cache-clear")["bytes"] > 0
    removal = document(sandbox.ok("plugin", "remove", "alpha", "--json"), "plugin-remove")
    assert removal["name"] == "alpha"


def test_list_has_each_version_and_the_origin_of_the_active_one(box):
    entries = document(box.ok("list", "--json"), "list")["tools"]
    assert [(entry["tool"], entry["version"], entry["active"], entry["request"]) for entry in entries] == [
        ("alpha", "1.1.0", True, "^1.0"),
        ("beta", "1.2.0", True, "latest"),
    ]
    assert all(os.path.isdir(entry["path"]) for entry in entries)
    assert entries[0]["source"] == {"file": str(box.project / ".envmgr"), "line": 1}
    assert entries[0]["installed_at"].endswith("Z")


def test_list_remote_has_pre_releases_and_dates(box):
    result = document(box.ok("list", "--remote", "beta", "--json"), "list")
    assert result["tool"] == "beta"
    assert [(version["version"], version["prerelease"]) for version in result["versions"]] == [
        ("0.9.0", False),
        ("1.2.0", False),
        ("1.3.0-rc.1", True),
    ]
    assert {version["date"] for version in result["versions"]} == {"2024-01-01"}
    assert {version["lts"] for version in result["versions"]} == {None}
    assert [(version["installed"], version["active"]) for version in result["versions"]] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    some = document(box.ok("list", "--remote", "beta", ">=1", "--json"), "list")
    assert [version["version"] for version in some["versions"]] == ["1.2.0"]


def test_current_has_the_origin(box):
    (alpha, _beta) = document(box.ok("current", "--json"), "current")["tools"]
    assert alpha == {
        "tool": "alpha",
        "request": "^1.0",
        "version": "1.1.0",
        "installed": True,
        "source": {"file": str(box.project / ".envmgr"), "line": 1},
        "locked": True,
    }
    override = box.ok("current", "alpha", "--json", env={"ENVMGR_ALPHA_VERSION": "2.0.0"})
    (alpha,) = document(override, "current")["tools"]
    assert (alpha["source"], alpha["installed"]) == ({"env": "ENVMGR_ALPHA_VERSION"}, False)


def test_the_global_file_is_a_default(sandbox):
    sandbox.publish("alpha")
    sandbox.ok("use", "--global", "alpha", "1.0.0", "-q")
    (alpha,) = document(sandbox.ok("current", "--json"), "current")["tools"]
    assert alpha["source"] == {"default": str(sandbox.home / "global.envmgr")}


def test_lock_has_versions_and_platforms(box):
    result = document(box.ok("lock", "--json"), "lock")
    assert result["path"] == str(box.project / ".envmgr.lock")
    assert result["changed"] is False
    assert [(tool["tool"], tool["request"], tool["version"]) for tool in result["tools"]] == [
        ("alpha", "^1.0", "1.1.0"),
        ("beta", "latest", "1.2.0"),
    ]
    assert "linux-x64" in result["tools"][0]["platforms"]


ERRORS = {
    "no command": (["plugin"], 2, "usage"),
    "a wrong command": (["instal"], 2, "usage"),
    "a wrong command of a group": (["plugin", "ad"], 2, "usage"),
    "a group alone": (["plugin"], 2, "usage"),
    "a wrong option": (["install", "--forc"], 2, "usage"),
    "an unknown option": (["--frob"], 2, "usage"),
    "a missing argument": (["which"], 2, "usage"),
    "a bad value": (["install", "--jobs", "x"], 2, "usage"),
    "no such directory": (["-C", "/no/such/place", "list"], 2, "usage"),
    "quiet and verbose": (["-q", "-v", "list"], 2, "usage"),
    "an unknown shell": (["--show-completion", "tcsh"], 2, "usage"),
    "an unknown tool": (["install", "alpa"], 1, "unknown-tool"),
    "an unknown tool to list": (["list", "alpa"], 1, "unknown-tool"),
    "no such version": (["install", "alpha@9"], 1, "no-matching-version"),
    "no version at all": (["install", "alpha@x y"], 1, "invalid-request"),
    "no such setting": (["config", "get", "job"], 1, "config"),
    "a bad setting": (["config", "set", "jobs", "many"], 1, "config"),
    "no such command": (["which", "alfa"], 127, "command-not-found"),
    "no such version installed": (["where", "alpha@2"], 1, "not-installed"),
    "nothing set": (["current", "nodejs"], 1, "no-version-set"),
    "nothing set to explain": (["why", "nodejs"], 1, "no-version-set"),
    "nothing to remove": (["uninstall", "alpha@7.7"], 1, "not-installed"),
    "nothing listed": (["list", "--remote", "alpha", "9"], 1, "no-matching-version"),
    "no such tool to lock": (["lock", "nodejs"], 1, "project"),
    "no such file": (["plugin", "lint", "./nothing.json"], 1, "storage"),
    "no such file to add": (["plugin", "add", "nothing", "./nothing.json"], 1, "storage"),
    "an empty version": (["use", "alpha", ""], 2, "usage"),
    "exec without its --": (["exec", "alpha"], 2, "usage"),
    "exec without a command": (["exec", "--"], 2, "usage"),
    "exec, whose output is the command's own": (["exec", "--", "alpha"], 2, "usage"),
    "exec alone": (["exec"], 2, "usage"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_a_document(box, case):
    words, code, name = ERRORS[case]
    result = box.run("--json", *words)
    assert result.code == code, result
    outcome = document(result, "error")
    assert outcome.keys() == {"code", "message", "hint"}
    assert outcome["code"] == name
    assert outcome["message"]
    assert outcome["hint"]
    assert result.err == ""


def test_an_invalid_manifest_is_reported_with_all_issues(box):
    path = box.project / "bad.json"
    path.write_text('{"name": "Bad Name", "versions_urls": 3}')
    result = box.run("plugin", "lint", "bad.json", "--json")
    outcome = document(result, "plugin-lint")
    assert result.code == 1
    assert len(outcome["issues"]) >= 3
    assert all(issue.startswith("$") for issue in outcome["issues"])


def test_an_internal_error_is_a_document_with_a_log(box):
    program = (
        "import sys\nfrom envmgr.cli import main, fast_path\n"
        "fast_path.lookup = None\nsys.exit(main.main(['--json', 'list']))"
    )
    result = box.command([sys.executable, "-c", program])
    assert result.code == 3
    outcome = document(result, "error")
    assert outcome["code"] == "internal-error"
    log = outcome["hint"].removeprefix("report this bug; details: ")
    with open(log, encoding="utf-8") as file:
        assert "Traceback" in file.read()


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "current"],
        ["current", "--json"],
        ["--json", "lock", "--check"],
        ["plugin", "--json", "list"],
    ],
    ids=" ".join,
)
def test_common_options_are_accepted_before_and_after_the_command(box, words):
    assert box.ok(*words).json["schema"].startswith("envmgr/")


def test_the_directory_option_changes_the_working_directory(box, tmp_path):
    for words in (["-C", str(box.project)], [f"--cwd={box.project}"], ["--cwd", str(box.project)]):
        assert [tool["tool"] for tool in box.ok(*words, "current", "--json", cwd=tmp_path).json["tools"]] == [
            "alpha",
            "beta",
        ]
    assert box.ok("list", "--json", "-C", "..").json["tools"][0]["active"] is False


def test_offline_uses_only_cached_data(box):
    box.ok("list", "--remote", "alpha")
    request_count = len(box.server.requests)
    assert len(box.ok("list", "--remote", "alpha", "--offline", "--json").json["versions"]) == 3
    result = box.run("--offline", "--json", "install", "alpha@2.0.0")
    assert (result.code, result.json["code"]) == (1, "offline")
    assert len(box.server.requests) == request_count


def test_quiet_prints_only_the_result(sandbox):
    sandbox.publish("alpha")
    for words in (
        ["install", "alpha@1"],
        ["use", "alpha", "1"],
        ["install"],
        ["lock"],
        ["reshim"],
        ["config", "set", "jobs", "2"],
        ["uninstall", "alpha@1.1.0"],
        ["cache", "clear"],
    ):
        result = sandbox.ok(*words, "-q")
        assert (result.out, result.err) == ("", "")
    assert sandbox.ok("config", "get", "jobs", "-q").out == "2\n"
    assert sandbox.run("-q", "install", "alpha@9").err.startswith("error: ")


def test_verbose_prints_files_decisions_and_requests(box):
    result = box.ok("current", "-v")
    assert result.out == box.ok("current").out
    assert f"config: {box.project / '.envmgr'}" in result.err
    assert "alpha=^1.0" in result.err
    assert ": 1.1.0 (locked)" in result.err
    result = box.ok("--verbose", "list", "--remote", "alpha", "--json", env={"ENVMGR_JOBS": "7"})
    assert json.loads(result.out)
    assert "setting jobs: 7 (ENVMGR_JOBS)" in result.err
    assert f"GET {box.server.url}/alpha/index.json: " in result.err
    assert "\nGET " not in box.ok("list", "--remote", "alpha").err


def test_verbose_redacts_tokens(box):
    result = box.ok("list", "-v", env={"GITHUB_TOKEN": "a-secret-token"})
    assert "setting github_token: set (GITHUB_TOKEN)" in result.err
    assert "a-secret-token" not in result.err + result.out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_undecodable_names_and_ascii_locales_are_supported(box, tmp_path, locale):
    directory = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \xe6\x97\xa5")
    os.mkdir(directory)
    with open(os.path.join(directory, b".envmgr"), "w") as file:
        file.write("alpha=^1.0\n")
    environment = {**box.environment, "LANG": locale, "LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [ENVMGR, "why", "alpha"], cwd=directory, env=environment, capture_output=True, check=False
    )
    assert result.returncode == 0, result
    result = subprocess.run(
        [ENVMGR, "current", "--json"], cwd=directory, env=environment, capture_output=True, check=False
    )
    assert result.returncode == 0, result
    assert json.loads(result.stdout)["tools"][0]["tool"] == "alpha"
