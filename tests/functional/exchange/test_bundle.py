"""A bundle takes a locked environment to a machine that reaches no server."""

from __future__ import annotations

import shutil

from support.machine.sandbox import Sandbox


def test_a_bundle_of_several_platforms_installs_without_a_network(two_tools, tmp_path, server):
    two_tools.publish("alpha", commands=("alpha", "alpha-helper"), sums=False)
    two_tools.ok("lock")
    created = two_tools.ok(
        "bundle", "create", "tools.tar", "--platform", "linux-x64", "--platform", "macos-arm64"
    )
    assert "2 tools for linux-x64, macos-arm64" in created.out
    first = (two_tools.project / "tools.tar").read_bytes()
    assert two_tools.lock["tools"]["alpha"]["1.1.0"]["artifacts"]["macos-arm64"]["sha256"]
    requests = len(server.requests)
    two_tools.ok("bundle", "create", "tools.tar", "--platform", "macos-arm64", "--platform", "linux-x64")
    assert (two_tools.project / "tools.tar").read_bytes() == first
    assert not [path for path in server.requests[requests:] if str(path).endswith(".tar.gz")]

    machine = Sandbox(tmp_path / "other machine", server)
    shutil.copy(two_tools.project / "tools.tar", machine.project)
    server.requests.clear()
    document = machine.ok("bundle", "load", "tools.tar", "--json").json
    assert document["schema"] == "envmgr/bundle-load/1"
    assert {item["tool"] for item in document["installed"]} == {"alpha", "beta"}
    assert "already installed" in machine.ok("install", "--locked", "--offline").out
    assert machine.command(["alpha"]).out == "alpha 1.1.0\n"
    assert server.requests == []


def test_a_tool_that_is_not_locked_for_a_platform_is_named(sandbox):
    sandbox.publish("alpha")
    sandbox.write("alpha=1.0.0")
    sandbox.ok("lock")
    result = sandbox.run("bundle", "create", "tools.tar", "--platform", "freebsd-x64")
    assert result.code == 1
    assert not (sandbox.project / "tools.tar").exists()
