"""Commands without writes there need no writable ENVMGR_HOME if everything is installed."""

from __future__ import annotations

import pytest

from support.machine import limited_mounts
from support.matrices import sample

pytestmark = limited_mounts.needs_mounts()


@pytest.fixture
def run(two_tools, tmp_path):
    """Return a function that runs envmgr with a read-only ENVMGR_HOME in which all is installed."""
    two_tools.variables["TMPDIR"] = str(tmp_path)
    two_tools.ok("install")
    two_tools.ok("config", "set", "jobs", "4")
    (two_tools.home / "staging" / "1-killed").mkdir(parents=True)
    mounting = limited_mounts.read_only(two_tools.home)
    return lambda *words: limited_mounts.run(two_tools, mounting, *words)


@pytest.mark.parametrize(
    "words",
    sample(
        [
            ["install", "--locked"],
            ["install"],
            ["use", "alpha", "^1.0"],
            ["lock"],
            ["exec", "--", "alpha"],
            ["current"],
            ["config", "set", "jobs", "4"],
            ["config", "unset", "offline"],
        ],
        every=3,
    ),
    ids=" ".join,
)
def test_commands_without_writes_need_no_lock(run, words):
    result = run(*words)
    assert result.code == 0, result.err


@pytest.mark.parametrize("words", [["install", "--locked"], ["use", "alpha", "^1.0"]], ids=" ".join)
def test_shims_that_another_envmgr_wrote_stay(run, two_tools, words):
    shim = two_tools.shims / "alpha"
    content = shim.read_text().replace("/envmgr/__init__.py", "/../envmgr/__init__.py")
    shim.write_text(content)
    (two_tools.shims / "beta").unlink()
    result = run(*words)
    assert result.code == 0, result.err
    assert "already installed" in result.out
    assert "warning: no shim for beta: cannot write" in result.err
    assert shim.read_text() == content


def test_a_project_is_changed_and_locked(run, two_tools):
    result = run("use", "alpha", "1.1.0")
    assert result.code == 0, result.err
    assert (two_tools.project / ".envmgr").read_text() == "alpha=1.1.0\nbeta=latest  # the newest\n"
    assert sorted(two_tools.lock["resolved"]) == ["alpha@1.1.0", "beta@latest"]


def add_to_project(run, two_tools):
    source = two_tools.project / "alpha.json"
    source.write_text((two_tools.home / "plugins" / "alpha.json").read_text())
    return run("plugin", "add", "--project", "alpha", str(source))


def test_a_manifest_is_added_to_a_project(run, two_tools):
    result = add_to_project(run, two_tools)
    assert result.code == 0, result.err
    assert (two_tools.project / ".envmgr.plugins" / "alpha.json").is_file()


def test_a_manifest_is_neither_added_nor_removed_where_plans_cannot_be_deleted(run, two_tools):
    two_tools.command(["alpha"])  # which writes a plan
    result = add_to_project(run, two_tools)
    assert (result.code, "read-only" in result.err) == (1, True), result.err
    assert not (two_tools.project / ".envmgr.plugins").exists()
    two_tools.ok("plugin", "add", "--project", "alpha", str(two_tools.project / "alpha.json"))
    two_tools.command(["alpha"])
    assert run("plugin", "remove", "--project", "alpha").code == 1
    assert (two_tools.project / ".envmgr.plugins" / "alpha.json").is_file()


def test_doctor_reports_the_directory_alone(run):
    findings = {finding["check"]: finding["state"] for finding in run("doctor", "--json").json["findings"]}
    assert findings.pop("directories") == "error"
    assert "error" not in findings.values()
