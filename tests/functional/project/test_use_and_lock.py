"""The lock records what was installed, and only what it records is installed."""

from __future__ import annotations

import json

import pytest

from support.machine.sandbox import PLATFORMS


@pytest.fixture
def tool_without_digests(sandbox):
    """Return a machine with a tool whose upstream publishes no digests."""
    sandbox.publish("alpha", ("1.0.0", "1.2.0"), sums=False)
    return sandbox


def elsewhere(sandbox, version: str, name: str = "alpha") -> str:
    """Return another URL of an archive, which the manifest has for no version."""
    page = sandbox.server.pages[f"/{name}/{version}/{name}-{version}-linux-x64.tar.gz"]
    return sandbox.server.add(f"/elsewhere/{version}.tar.gz", page.body)


def url_of(sandbox, version: str, name: str = "alpha") -> str:
    return f"{sandbox.server.url}/{name}/{version}/{name}-{version}-linux-x64.tar.gz"


def locked_artifact(sandbox, version: str, tool: str = "alpha") -> dict:
    return sandbox.lock["tools"][tool][version]["artifacts"]["linux-x64"]


def test_use_records_the_learned_digest(tool_without_digests):
    tool_without_digests.ok("use", "alpha", "1.2.0")
    assert locked_artifact(tool_without_digests, "1.2.0")["sha256"]
    before = (tool_without_digests.project / ".envmgr.lock").read_bytes()
    tool_without_digests.ok("install")
    assert (tool_without_digests.project / ".envmgr.lock").read_bytes() == before


@pytest.mark.parametrize("spec", ["alpha=1.0.0, 1.2.0", "alpha=1.2.0, 1.0.0"])
@pytest.mark.parametrize("expected", ["1.0.0", "1.2.0"])
def test_use_pins_the_named_version(tool_without_digests, spec, expected):
    tool_without_digests.write(spec)
    tool_without_digests.ok("install")
    tool_without_digests.ok("use", "alpha", expected, "--pin")
    assert (tool_without_digests.project / ".envmgr").read_text() == f"alpha={expected}\n"


def test_a_locked_install_writes_no_lock_and_installs_nothing_without_a_digest(tool_without_digests):
    tool_without_digests.write("alpha=1.0.0")
    tool_without_digests.ok("lock")
    before = (tool_without_digests.project / ".envmgr.lock").read_bytes()
    result = tool_without_digests.run("install", "--locked")
    assert result.code == 1
    assert "has no digest of alpha 1.0.0 for linux-x64" in result.err
    assert (tool_without_digests.project / ".envmgr.lock").read_bytes() == before
    assert not (tool_without_digests.home / "installs").exists()


def test_a_changed_archive_at_a_locked_url_is_rejected_before_unpacking(tool_without_digests):
    tool_without_digests.write("alpha=1.0.0")
    tool_without_digests.ok("install")
    tool_without_digests.ok("uninstall", "alpha@1.0.0")
    tool_without_digests.ok("cache", "clear")
    tool_without_digests.publish("alpha", ("1.0.0", "1.2.0"), sums=False, ballast=1)
    result = tool_without_digests.run("install", "alpha", "1.0.0", url_of(tool_without_digests, "1.0.0"))
    assert result.code == 1
    assert not (tool_without_digests.home / "installs" / "alpha" / "1.0.0").exists()


def test_an_installation_from_another_url_does_not_change_the_lock(tool_without_digests):
    tool_without_digests.ok("install", "alpha", "1.0.0", elsewhere(tool_without_digests, "1.2.0"))
    tool_without_digests.write("alpha=1.0.0")
    result = tool_without_digests.run("install")
    assert result.code == 1
    assert "is already installed from" in result.err
    assert "--force" in result.err
    assert not (tool_without_digests.project / ".envmgr.lock").exists()
    tool_without_digests.ok("install", "--force")
    assert tool_without_digests.command(["alpha"]).out == "alpha 1.0.0\n"


def test_an_installation_must_match_the_lock(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.2.0"))
    sandbox.write("alpha=1.0.0")
    sandbox.ok("lock")
    lock = (sandbox.project / ".envmgr.lock").read_bytes()
    (sandbox.project / ".envmgr").rename(sandbox.project / "kept")
    sandbox.ok("install", "alpha", "1.0.0", elsewhere(sandbox, "1.2.0"))
    (sandbox.project / "kept").rename(sandbox.project / ".envmgr")
    result = sandbox.run("install", "--locked", "--json")
    assert (result.code, result.json["code"]) == (1, "digest-mismatch")
    assert (sandbox.project / ".envmgr.lock").read_bytes() == lock
    sandbox.ok("install", "--locked", "--force")
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"


def test_an_archive_chosen_by_url_stays_locked(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    page = sandbox.server.page("/alpha/1.0.0/alpha-1.0.0-linux-x64.tar.gz")
    elsewhere = sandbox.server.add("/elsewhere/alpha-1.0.0.tar.gz", page.body)
    sandbox.write("alpha=1.0.0")
    sandbox.ok("install", "alpha", "1.0.0", elsewhere)
    entry = locked_artifact(sandbox, "1.0.0")
    assert entry["url"] == elsewhere
    sandbox.ok("lock", "--platform", "linux-arm64")
    assert locked_artifact(sandbox, "1.0.0") == entry
    sandbox.ok("lock", "--check")


def test_an_unlisted_version_can_be_used_after_installation_by_url(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    sandbox.ok("install", "alpha", "3.0.0", elsewhere(sandbox, "1.0.0"))
    sandbox.ok("use", "alpha", "3.0.0")
    assert set(locked_artifact(sandbox, "3.0.0")) == {"url", "sha256", "size"}
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"
    sandbox.ok("lock", "--check")


def test_a_manifest_without_a_download_template_is_an_error_with_a_hint(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    sandbox.ok("plugin", "add", "gamma", f"{sandbox.server.url}/alpha/index.json", "{version}/bin/alpha")
    result = sandbox.run("install", "gamma", "1.0.0")
    assert result.code == 1
    assert "envmgr install gamma 1.0.0 URL" in result.err
    sandbox.ok("install", "gamma", "1.0.0", url_of(sandbox, "1.0.0"))
    sandbox.ok("use", "gamma", "1.0.0")
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"


def test_a_source_build_is_rejected_on_install_only(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    sandbox.publish("beta", ("1.0.0",))
    sandbox.write("alpha=1.0.0")
    sandbox.ok("install")
    sandbox.write("alpha=1.0.0", "beta=ref:main")
    for command in (["install"], ["lock"], ["lock", "--check"]):
        result = sandbox.run(*command)
        assert result.code == 1, command
        assert "building from source is not supported" in result.err
    assert [tool["tool"] for tool in sandbox.ok("current", "--json").json["tools"]] == ["alpha", "beta"]
    assert sandbox.ok("list").out.startswith("alpha")
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"


def test_use_changes_nothing_when_the_lock_cannot_be_read(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.2.0"))
    sandbox.ok("use", "alpha", "1.0.0")
    lock = sandbox.project / ".envmgr.lock"
    broken = "<<<<<<< ours\n" + lock.read_text()
    lock.write_text(broken)
    assert sandbox.run("use", "alpha", "1.2.0").code == 1
    assert (sandbox.project / ".envmgr").read_text() == "alpha=1.0.0\n"
    assert lock.read_text() == broken
    assert not (sandbox.home / "installs" / "alpha" / "1.2.0").exists()


def test_the_simple_form_is_a_preference_and_is_rewritten(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.2.0"))
    sandbox.write("alpha=^1")
    (sandbox.project / ".envmgr.lock").write_text(json.dumps({"alpha": "1.0.0"}))
    sandbox.ok("install")
    assert sandbox.lock["resolved"] == {"alpha@^1": "1.0.0"}


class TestSeveralTools:
    """`use` of several tools writes all of them or none."""

    @pytest.fixture
    def box(self, sandbox):
        sandbox.publish("alpha")
        sandbox.publish("beta", ("0.9.0", "1.2.0"))
        return sandbox

    def contents(self, box):
        return [
            (box.project / name).read_text() if (box.project / name).exists() else None
            for name in (".envmgr", ".envmgr.lock")
        ]

    def test_a_tool_alone_is_its_newest_version(self, box):
        box.ok("use", "alpha")
        assert (box.project / ".envmgr").read_text() == "alpha=latest\n"
        assert box.command(["alpha"]).out == "alpha 2.0.0\n"

    def test_several_are_written_and_locked_at_once(self, box):
        result = box.ok("use", "alpha@1.0.0", "beta@^1")
        assert (box.project / ".envmgr").read_text() == "alpha=1.0.0\nbeta=^1\n"
        assert box.lock["resolved"] == {"alpha@1.0.0": "1.0.0", "beta@^1": "1.2.0"}
        assert result.err.count("wrote ") == 2
        assert box.command(["alpha"]).out + box.command(["beta"]).out == "alpha 1.0.0\nbeta 1.2.0\n"

    def test_several_without_versions_are_their_newest_and_pin_holds_for_all(self, box):
        box.ok("use", "alpha", "beta", "--pin")
        assert (box.project / ".envmgr").read_text() == "alpha=2.0.0\nbeta=1.2.0\n"

    def test_json_has_every_request_and_the_only_tool_at_the_top(self, box):
        several = box.ok("use", "alpha@1.0.0", "beta@1", "--json").json
        assert [(item["tool"], item["request"]) for item in several["requests"]] == [
            ("alpha", "1.0.0"),
            ("beta", "1"),
        ]
        assert (several["tool"], several["request"], several["source"]) == (None, None, None)
        only = box.ok("use", "alpha@1.0.0", "--json").json
        assert (only["tool"], only["request"]) == ("alpha", "1.0.0")
        assert only["requests"][0]["source"] == only["source"]

    @pytest.mark.parametrize("last", ["beta@7", "nosuchtool", "beta@system --pin", "alpha@2"])
    def test_if_a_request_cannot_be_met_nothing_is_written(self, box, last):
        box.write("beta=0.9.0  # as is")
        before = self.contents(box)
        assert box.run("use", "alpha@1.0.0", *last.split()).code in {1, 2}
        assert self.contents(box) == before

    def test_if_an_installation_fails_nothing_is_written(self, box):
        box.write("beta=0.9.0")
        box.ok("install")
        before = self.contents(box)
        for platform in PLATFORMS:
            box.server.add(f"/alpha/1.0.0/alpha-1.0.0-{platform}.tar.gz", b"changed")
        assert box.run("use", "beta@1.2.0", "alpha@1.0.0").code == 1
        assert self.contents(box) == before

    def test_if_the_lock_cannot_be_written_the_requests_are_taken_back(self, box):
        box.write("beta=0.9.0")
        (box.project / ".envmgr.lock").mkdir()
        assert box.run("use", "alpha@1.0.0").code == 1
        assert (box.project / ".envmgr").read_text() == "beta=0.9.0\n"

    def test_another_name_of_the_same_tool_is_its_version(self, box):
        box.add_manifest(box.manifest("beta", ("beta",)) | {"aliases": ["b"]})
        assert "beta@b: b: no such version" in box.run("use", "beta", "b").err


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_dotfile_and_a_lock_in_utf_16_are_read_and_written_as_utf_8(two_tools, encoding):
    """PowerShell's `>` writes UTF-16 with a BOM and CRLF."""
    dotfile, lock = two_tools.project / ".envmgr", two_tools.project / ".envmgr.lock"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    dotfile.write_bytes(f"{mark}# tools\r\nalpha=1.0.0\r\n".encode(encoding))
    two_tools.ok("install")
    lock.write_bytes((mark + lock.read_text()).encode(encoding))
    assert "alpha  1.0.0" in two_tools.ok("current").out
    two_tools.ok("lock", "--check")
    two_tools.ok("use", "beta@latest")
    assert (
        dotfile.read_bytes().decode().replace("\r\n", "\n").startswith("# tools\nalpha=1.0.0\nbeta=latest\n")
    )
    two_tools.ok("lock", "--check")


def test_a_dotfile_in_damaged_utf_16_is_named(two_tools):
    (two_tools.project / ".envmgr").write_bytes(b"\xff\xfea\0\xd8")
    result = two_tools.run("current")
    assert result.code == 1
    assert ".envmgr: invalid UTF-16 at byte 5" in result.err
    assert "hint: save the file as UTF-8" in result.err
