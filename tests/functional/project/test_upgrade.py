"""Newer versions are installed and locked, and a request changes only as it must."""

from __future__ import annotations


def publish_newer(sandbox):
    """Publish newer versions than those installed, without waiting for the cached list to expire."""
    sandbox.publish("alpha", ("1.0.0", "1.1.0", "1.2.0", "2.3.1"))
    sandbox.ok("cache", "clear")


def test_upgrade_rewrites_the_lock_and_with_latest_the_request(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.write("# head", " alpha = ^1.0   # why", "", "# tail")
    sandbox.ok("install")
    publish_newer(sandbox)
    planned = sandbox.ok("upgrade", "--latest", "--dry-run")
    assert planned.out == "would upgrade alpha 1.1.0 -> 2.3.1 (^1.0 -> ^2.3)\n"
    result = sandbox.ok("upgrade", "--json").json
    assert [(item["from"], item["to"], item["request"]) for item in result["upgraded"]] == [
        ("1.1.0", "1.2.0", "^1.0")
    ]
    assert [item["version"] for item in result["installed"]] == ["1.2.0"]
    assert sandbox.lock["resolved"] == {"alpha@^1.0": "1.2.0"}
    raised = sandbox.ok("upgrade", "--latest", "alpha")
    assert raised.out == "upgraded alpha 1.2.0 -> 2.3.1 (^1.0 -> ^2.3)\n"
    assert (sandbox.project / ".envmgr").read_text() == "# head\n alpha = ^2.3   # why\n\n# tail\n"
    assert sandbox.lock["resolved"] == {"alpha@^2.3": "2.3.1"}
    assert sandbox.command(["alpha"]).out == "alpha 2.3.1\n"
    assert sandbox.ok("upgrade", "--latest").out == "all tools are up to date\n"


def test_no_file_changes_if_a_version_cannot_be_installed(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.write("alpha=^1.0")
    sandbox.ok("install")
    publish_newer(sandbox)
    del sandbox.server.pages["/alpha/2.3.1/alpha-2.3.1-linux-x64.tar.gz"]
    before = [(sandbox.project / name).read_bytes() for name in (".envmgr", ".envmgr.lock")]
    assert sandbox.run("upgrade", "--latest").code == 1
    assert [(sandbox.project / name).read_bytes() for name in (".envmgr", ".envmgr.lock")] == before
