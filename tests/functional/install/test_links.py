"""An installation that was made elsewhere is used, and never changed, by its link."""

from __future__ import annotations

import pytest


@pytest.fixture
def linked(sandbox):
    """Return a machine where alpha 1.0.0 is locked, and linked to a directory of the user."""
    sandbox.publish("alpha", ("1.0.0",))
    sandbox.write("alpha=1.0.0")
    sandbox.ok("lock")
    program = sandbox.root / "elsewhere/bin/alpha"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho elsewhere\n")
    program.chmod(0o755)
    document = sandbox.ok("link", "alpha", "1.0.0", "../elsewhere", "--json").json
    assert document == {
        "schema": "envmgr/link/1",
        "tool": "alpha",
        "version": "1.0.0",
        "path": str(sandbox.root / "elsewhere"),
        "commands": ["alpha"],
    }
    return sandbox


def test_a_link_counts_as_installed_and_is_not_replaced(linked):
    assert linked.command(["alpha"]).out == "elsewhere\n"
    assert "already installed" in linked.ok("install", "--locked").out
    refused = linked.run("install", "--force")
    assert refused.code == 1
    assert "is linked to" in refused.err
    assert linked.command(["alpha"]).out == "elsewhere\n"
    before = sorted((linked.root / "elsewhere").rglob("*"))
    assert "elsewhere stays" in linked.ok("uninstall", "alpha@1.0.0").out
    assert sorted((linked.root / "elsewhere").rglob("*")) == before
    linked.ok("install")
    assert linked.command(["alpha"]).out == "alpha 1.0.0\n"
    existing = linked.run("link", "alpha", "1.0.0", "../elsewhere")
    assert existing.code == 1
    assert "already installed" in existing.err


def test_a_link_to_a_directory_that_was_removed_is_named(linked):
    (linked.root / "elsewhere").rename(linked.root / "moved")
    for arguments in (["which", "alpha"], ["where", "alpha"], ["exec", "--", "alpha"]):
        result = linked.run(*arguments)
        assert result.code != 0
        assert "elsewhere: directory not found" in result.err
    assert linked.command(["alpha"]).code == 127
    assert "(not found)" in linked.ok("list").out
    assert linked.ok("current", "--json").json["tools"][0]["installed"] is False
    findings = linked.run("doctor", "--json").json["findings"]
    assert [item["state"] for item in findings if "is linked to" in item["message"]] == ["error"]
    linked.ok("link", "alpha", "1.0.0", "../moved")
    assert linked.command(["alpha"]).out == "elsewhere\n"
