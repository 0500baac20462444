"""Without a network, cached data is used at once and reported once."""

from __future__ import annotations

import pytest

from support.http import faults
from support.matrices import sample

COMMANDS = {
    "why": ["why", "alpha"],
    "a range": ["list", "--remote", "alpha", "^1.0"],
    "a list": ["list", "--remote", "beta"],
    "use an installed version": ["use", "alpha", "=1.1.0"],
    "use an installed range": ["use", "beta", "^1"],
    "install a range": ["install", "alpha@~1.1", "--force"],
    "install the latest": ["install", "beta@>=1.2"],
    "lock": ["lock"],
    "lock again": ["lock", "alpha", "beta"],
    "check": ["lock", "--check"],
}
"""Commands that request lists of releases."""
CACHED = "using cached data, "
"""Before its age: on a busy machine, a minute passes between two commands."""


@pytest.fixture
def installed_tools(two_tools):
    """Return a machine with two installed tools, whose lists are cached."""
    two_tools.ok("install")
    return two_tools


def warnings(result):
    return [line for line in result.err.splitlines() if CACHED in line]


def run_and_restore(sandbox, args):
    """Run a command, and restore the project's files."""
    files = [sandbox.project / ".envmgr", sandbox.project / ".envmgr.lock"]
    contents = [file.read_bytes() for file in files]
    result = sandbox.ok(*args)
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return result


def lines_without_times(text):
    return [line.partition(" in ")[0] for line in text.splitlines()]


@pytest.mark.parametrize("name", sample(sorted(COMMANDS), every=5))
def test_a_refused_connection_leaves_the_result_unchanged_and_is_reported_once(installed_tools, name):
    expected = run_and_restore(installed_tools, COMMANDS[name])
    installed_tools.server.close()
    result = installed_tools.ok(*COMMANDS[name])
    assert lines_without_times(result.out) == lines_without_times(expected.out)
    (warning,) = warnings(result)
    assert warning.startswith("warning: cannot reach 127.0.0.1:")
    assert "retrying" not in result.err


@pytest.mark.parametrize("name", sample(sorted(COMMANDS), every=5))
def test_a_failing_server_is_queried_once_for_each_cached_list(installed_tools, name):
    run_and_restore(installed_tools, COMMANDS[name])
    installed_tools.server.requests.clear()
    for page in installed_tools.server.pages.values():
        page.faults[:] = [faults.status(503)]
    result = installed_tools.ok(*COMMANDS[name], env={"ENVMGR_HTTP_RETRIES": "4"})
    paths = installed_tools.server.paths
    assert paths
    assert sorted(paths) == sorted(set(paths))
    assert len(warnings(result)) == 1


@pytest.mark.parametrize("args", [["install"], ["use", "alpha", "^1.0"], ["current"]], ids=" ".join)
def test_a_locked_and_installed_tool_causes_no_request(installed_tools, args):
    installed_tools.server.requests.clear()
    installed_tools.ok(*args)
    assert installed_tools.server.requests == []


def test_without_cached_data_a_refused_connection_is_an_error_at_once(installed_tools):
    installed_tools.ok("cache", "clear")
    installed_tools.server.close()
    result = installed_tools.run("list", "--remote", "alpha", env={"ENVMGR_HTTP_RETRIES": "4"})
    assert result.code == 1
    assert "cannot reach 127.0.0.1:" in result.err
    assert "retrying" not in result.err


class TestUse:
    def test_an_installed_version_needs_no_list(self, installed_tools):
        installed_tools.ok("cache", "clear")
        installed_tools.server.close()
        (installed_tools.project / ".envmgr.lock").unlink()
        installed_tools.write()
        result = installed_tools.ok("use", "alpha", "^1.0")
        assert "using the installed alpha 1.1.0, locked for" in result.err
        assert (installed_tools.project / ".envmgr").read_text() == "alpha=^1.0\n"
        assert installed_tools.command(["alpha"]).out == "alpha 1.1.0\n"
        assert "alpha 1.1.0 (locked)" in installed_tools.ok("why", "alpha").out

    def test_another_request_without_a_list_stays_unlocked(self, installed_tools):
        installed_tools.ok("cache", "clear")
        installed_tools.server.close()
        (installed_tools.project / ".envmgr.lock").unlink()
        result = installed_tools.ok("use", "alpha", "1.1.0")
        assert "beta=latest stays unlocked until the next `envmgr lock`" in result.err
        assert sorted(installed_tools.lock["resolved"]) == ["alpha@1.1.0"]
        assert installed_tools.run("install", "--locked").code == 1

    def test_a_version_that_is_not_installed_is_still_an_error(self, installed_tools):
        installed_tools.ok("cache", "clear")
        installed_tools.server.close()
        result = installed_tools.run("use", "alpha", "2.0.0")
        assert result.code == 1
        assert "cannot reach 127.0.0.1:" in result.err


class TestDoctor:
    def test_cached_lists_are_a_finding_and_not_reported_twice(self, installed_tools):
        installed_tools.server.close()
        result = installed_tools.ok("doctor", "--json", env={"ENVMGR_HTTP_RETRIES": "4"})
        (finding,) = [finding for finding in result.json["findings"] if finding["check"] == "network"]
        assert finding["state"] == "warning"
        assert CACHED in finding["message"]
        plain = installed_tools.ok("doctor", env={"ENVMGR_HTTP_RETRIES": "4"})
        assert ("retrying" in plain.err, "cached data" in plain.err) == (False, False)
        assert plain.out.count("using cached data") == 1

    def test_lists_that_are_not_cached_are_requested_once(self, installed_tools):
        installed_tools.ok("cache", "clear")
        installed_tools.server.requests.clear()
        for page in installed_tools.server.pages.values():
            page.faults[:] = [faults.status(503)]
        result = installed_tools.ok("doctor", env={"ENVMGR_HTTP_RETRIES": "4"})
        assert sorted(installed_tools.server.paths) == ["/alpha/index.json", "/beta/index.json"]
        assert result.out.count("! network: ") == 2
        assert "retrying" not in result.err
