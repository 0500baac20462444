"""Releases whose files are matched by their names, through the whole program."""

from __future__ import annotations

import io
import json
import sys
import zipfile

import pytest

from envmgr.kit.platform import current
from support.archives import archive_builder as archives
from support.http import faults

pytestmark = pytest.mark.skipif(
    not current().key.startswith("linux-x64") or sys.platform == "win32",
    reason="the assets are for linux-x64",
)
PROGRAM = archives.program("tool", "1.0.0")


@pytest.fixture
def publish(sandbox, server):
    """Return a function that publishes releases of `owner/tool`: files by name, by tag."""

    def run(releases, **fields):
        entries = []
        for tag, files in releases.items():
            assets = []
            for name, content in files.items():
                path = f"/owner/tool/releases/download/{tag}/{name}"
                server.add(path, content)
                assets.append(
                    {"name": name, "browser_download_url": f"{server.url}{path}", "state": "uploaded"}
                )
            entries.append({"tag_name": tag, "draft": False, "prerelease": False, "assets": assets})
        server.add_json("/api/repos/owner/tool/releases?per_page=100", entries)
        source = {"kind": "github", "repo": "owner/tool", "api": f"{server.url}/api"}
        sandbox.add_manifest({"name": "tool", "source": source, **fields})
        sandbox.write("tool=^1.0")

    return run


def test_an_ambiguous_file_for_another_platform_does_not_stop_an_install(sandbox, publish):
    files = dict.fromkeys(["tool-linux-amd64", "one-macos-arm64", "two-macos-arm64"], PROGRAM)
    publish({"v1.0.0": files})
    result = sandbox.ok("install")
    assert "tool 1.0.0: not locked for macos-arm64: several files of tool fit macos-arm64" in result.err
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"
    assert "linux-x64" in sandbox.lock["tools"]["tool"]["1.0.0"]["artifacts"]
    assert sandbox.ok("lock", "--check").code == 0


def test_an_ambiguous_file_for_this_platform_is_an_error(sandbox, publish):
    publish({"v1.0.0": dict.fromkeys(["one-linux-amd64", "two-linux-amd64"], PROGRAM)})
    result = sandbox.run("install")
    assert result.code == 1
    assert "several files of tool fit linux-x64:\n  one-linux-amd64\n  two-linux-amd64" in result.err


def test_the_x64_archive_is_locked_for_emulators_with_a_warning(sandbox, publish):
    names = ["tool-linux-amd64", "tool-darwin-amd64", "tool-windows-amd64.exe"]
    publish({"v1.0.0": dict.fromkeys(names, PROGRAM)})
    result = sandbox.ok("lock")
    locked = sandbox.lock["tools"]["tool"]["1.0.0"]["artifacts"]
    assert locked["macos-arm64"]["url"].endswith("/tool-darwin-amd64")
    assert locked["windows-arm64"]["url"].endswith("/tool-windows-amd64.exe")
    assert "no archive for macos-arm64; the one for x64 requires Rosetta 2" in result.err


def zip_of(files, mode):
    archive_file = io.BytesIO()
    with zipfile.ZipFile(archive_file, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    return archive_file.getvalue()


def test_the_bare_program_is_the_command(sandbox, publish):
    files = {"tool_linux_amd64": PROGRAM, "install-man-page.sh": b"#!/bin/sh\n"}
    publish({"v1.0.0": {"tool_linux_amd64": PROGRAM, "tool_linux_amd64.zip": zip_of(files, 0o755)}})
    sandbox.ok("install")
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"
    assert [path.name for path in sandbox.shims.iterdir() if not path.name.startswith(".")] == ["tool"]


def test_a_setup_script_in_an_archive_is_not_a_command(sandbox, publish):
    files = {"tool_linux_amd64": PROGRAM, "install-man-page.sh": b"#!/bin/sh\n"}
    publish({"v1.0.0": {"tool_linux_amd64.zip": zip_of(files, 0o755)}})
    sandbox.ok("install")
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"
    assert not (sandbox.shims / "install-man-page.sh").exists()


@pytest.mark.parametrize("mode", [0, 0o644])
def test_a_zip_without_execute_bits_becomes_a_command(mode, sandbox, publish):
    publish({"v1.0.0": {"tool-linux-amd64.zip": zip_of({"tool": PROGRAM, "README": b"read me"}, mode)}})
    sandbox.ok("install")
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"


def test_an_archive_without_a_program_is_not_installed(sandbox, publish):
    publish({"v1.0.0": {"tool-linux-amd64.zip": zip_of({"README": b"read me"}, 0o644)}})
    result = sandbox.run("install")
    assert result.code == 1
    assert "no program found in the archive (top level: 'README')" in result.err
    assert "name it in a manifest: `bin`" in result.err
    assert sandbox.run("where", "tool").code == 1
    assert sandbox.staged() == []


def test_a_damaged_download_without_a_digest_is_downloaded_again(sandbox, publish, server):
    name = "tool-linux-amd64.tar.gz"
    content = archives.tar({"tool": PROGRAM, "bin/x": b""})
    publish({"v1.0.0": {name: content}}, bin=["tool"])
    page = server.pages[f"/owner/tool/releases/download/v1.0.0/{name}"]
    page.faults = [faults.instead(content[:-20], times=1)]
    result = sandbox.run("install")
    assert result.code == 1
    assert "the download was discarded: retry" in result.err
    sandbox.ok("install")
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"


def test_doctor_reports_and_repairs_an_installation_without_commands(sandbox, publish):
    publish({"v1.0.0": {"tool-linux-amd64": PROGRAM}})
    sandbox.ok("install")
    receipt = sandbox.home / "installs" / "tool" / "1.0.0" / ".envmgr-receipt.json"
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "bin_dirs": ["share"]}))
    result = sandbox.run("doctor")
    assert result.code == 1
    assert "tool 1.0.0 is damaged: it provides no commands" in result.out
    sandbox.run("doctor", "--fix")
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"


def test_the_newest_release_for_this_machine_is_installed(sandbox, publish):
    publish({"v1.2.0": {"tool-darwin-arm64": PROGRAM}, "v1.1.0": {}, "v1.0.0": {"tool-linux-amd64": PROGRAM}})
    notice = "tool ^1.0: passed over 1.2.0, 1.1.0: not available for linux-x64"
    assert notice in sandbox.ok("lock").err
    (sandbox.project / ".envmgr.lock").unlink()
    assert notice in sandbox.ok("install").err
    assert sandbox.lock["resolved"] == {"tool@^1.0": "1.0.0"}
    assert sandbox.command(["tool"]).out == "tool 1.0.0\n"
    sandbox.ok("lock", "--check")
    report = sandbox.ok("why", "tool", "--json").json
    assert report["newest"] == "1.0.0"
    assert {"version": "1.2.0", "reason": "not available for linux-x64"} in report["rejected"]
    for spec in ("latest", "1", "^1"):
        assert (
            sandbox.ok("install", f"tool@{spec}", "--json").json["already_installed"][0]["version"] == "1.0.0"
        )


def test_an_exact_request_is_not_replaced_by_an_older_version(sandbox, publish):
    publish({"v1.1.0": {"tool-darwin-arm64": PROGRAM}, "v1.0.0": {"tool-linux-amd64": PROGRAM}})
    result = sandbox.run("install", "tool@1.1.0")
    assert result.code == 1
    assert "1.1.0" in result.err
    assert sandbox.run("where", "tool").code == 1


def test_a_lock_has_the_newest_release_for_the_configured_platforms(sandbox, publish):
    both = {"tool-linux-amd64": PROGRAM, "tool-darwin-arm64": PROGRAM}
    publish({"v1.2.0": {"tool-linux-amd64": PROGRAM}, "v1.1.0": both, "v1.0.0": both})
    sandbox.ok("lock")
    assert sandbox.lock["resolved"] == {"tool@^1.0": "1.2.0"}
    platforms = {"ENVMGR_LOCK_PLATFORMS": "linux-x64 macos-arm64 linux-s390x"}
    result = sandbox.ok("lock", "tool", env=platforms)
    assert sandbox.lock["resolved"] == {"tool@^1.0": "1.1.0"}, (
        "only linux-s390x, which no release is for, is left out"
    )
    assert "passed over 1.2.0: not available for macos-arm64" in result.err
    result = sandbox.ok("lock", "tool", env={"ENVMGR_LOCK_PLATFORMS": "linux-x64 macos-arm64"})
    assert "passed over 1.2.0: not available for macos-arm64" in result.err
    assert sandbox.lock["resolved"] == {"tool@^1.0": "1.1.0"}


def test_a_learned_digest_is_locked_for_every_platform_with_the_url(sandbox, server):
    server.add("/tool-1.0.0.sh", PROGRAM)
    source = {"kind": "static", "versions": ["1.0.0"]}
    url = f"{server.url}/tool-{{version}}.sh"
    sandbox.add_manifest({"name": "tool", "source": source, "download_url_template": url, "bin": ["tool"]})
    sandbox.write("tool=1.0.0")
    sandbox.ok("install")
    rows = sandbox.lock["tools"]["tool"]["1.0.0"]["artifacts"]
    assert len(rows) > 1
    assert {row["sha256"] for row in rows.values()} == {archives.sha256(PROGRAM)}
    sandbox.ok("lock", "--check")


def edit_lock(sandbox, edit):
    path = sandbox.project / ".envmgr.lock"
    path.write_text(edit(path.read_text()))


def test_a_version_edited_in_a_lock_is_reported_and_repaired(sandbox):
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.write("alpha=^1.0")
    sandbox.ok("lock")
    good = (sandbox.project / ".envmgr.lock").read_text()
    edit_lock(sandbox, lambda text: text.replace('"1.1.0"', '"1.0.0"'))
    for arguments in (("lock", "--check"), ("install", "--locked")):
        result = sandbox.run(*arguments, "--offline")
        assert result.code == 1
        assert "alpha 1.0.0: the URLs are of version 1.1.0" in result.err
    sandbox.ok("lock", "alpha")
    assert (sandbox.project / ".envmgr.lock").read_text() == good
    edit_lock(sandbox, lambda text: text.replace('"1.1.0"', '"1.0.0"'))
    sandbox.ok("install")
    assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"
    assert "/1.0.0/" in sandbox.lock["tools"]["alpha"]["1.0.0"]["artifacts"]["linux-x64"]["url"]


def test_a_locked_version_that_does_not_match_its_request_is_reported_and_repaired(sandbox):
    sandbox.publish("alpha", ("1.0.0", "2.0.0"))
    sandbox.write("alpha=^1.0")
    sandbox.ok("lock")
    good = (sandbox.project / ".envmgr.lock").read_text()
    edit_lock(sandbox, lambda text: text.replace("1.0.0", "2.0.0"))
    for arguments in (("lock", "--check"), ("install", "--locked")):
        result = sandbox.run(*arguments, "--offline")
        assert result.code == 1
        assert "alpha=^1.0: locked version 2.0.0 does not match the request" in result.err
    sandbox.ok("lock")
    assert (sandbox.project / ".envmgr.lock").read_text() == good


def test_a_version_edited_in_a_lock_of_a_github_release_is_reported(sandbox, publish):
    files = {"tool-linux-amd64": PROGRAM, "tool-linux-arm64": PROGRAM}
    publish({"v1.1.0": files, "v1.0.0": files})
    sandbox.ok("lock")
    edit_lock(sandbox, lambda text: text.replace('"1.1.0"', '"1.0.0"'))
    result = sandbox.run("lock", "--check")
    assert result.code == 1
    assert "tool 1.0.0: the URLs are of version 1.1.0" in result.err


def test_a_url_that_the_user_chose_stays_locked(sandbox, server):
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.write("alpha=1.0.0")
    content = archives.tar({"alpha-1/bin/alpha": archives.program("alpha", "mine")})
    server.add("/mine-0.9/alpha.tar.gz", content)
    sandbox.ok("install", "alpha", "1.0.0", f"{server.url}/mine-0.9/alpha.tar.gz")
    sandbox.ok("lock")
    sandbox.ok("lock", "--check")
    sandbox.ok("install", "--locked")
    assert sandbox.command(["alpha"]).out == "alpha mine\n"
