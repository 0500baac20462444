"""A version that was changed in a lock without its URL is refused, and user-chosen URLs are not."""

from __future__ import annotations

import json

import pytest

ONE_PLATFORM = {"ENVMGR_LOCK_PLATFORMS": "linux-x64"}


@pytest.fixture
def edited(sandbox):
    """Return a function that locks alpha 1.1.0, for one platform, and changes the version to 1.0.0."""

    def edit(**fields):
        sandbox.variables |= ONE_PLATFORM
        sandbox.publish("alpha", ("1.0.0", "1.1.0"))
        if fields:
            document = sandbox.manifest("alpha", ("alpha",)) | fields
            sandbox.add_manifest({name: value for name, value in document.items() if value is not None})
        sandbox.write("alpha=^1.0")
        sandbox.ok("lock")
        path = sandbox.project / ".envmgr.lock"
        good = path.read_text()
        path.write_text(good.replace('"1.1.0"', '"1.0.0"'))
        return good

    return edit


def list_tools(sandbox):
    """Serve a list that has the URLs of archives; return the fields of its manifest."""
    entries = [
        {
            "version": f"v{version}",
            "files": [
                {
                    "platform": platform,
                    "url": f"{sandbox.server.url}/alpha/{version}/alpha-{version}-{platform}.tar.gz",
                }
                for platform in ("linux-x64", "linux-arm64")
            ],
        }
        for version in ("1.0.0", "1.1.0")
    ]
    url = sandbox.server.add_json("/listed.json", entries)
    return {
        "versions_url": url,
        "versions": {
            "version": "version",
            "prefix": "v",
            "artifact": "files[?platform=='{os}-{arch}'] | [0]",
            "url": "url",
        },
        "download_url_template": None,
        "libc": None,
    }


def is_refused(sandbox, *args):
    result = sandbox.run(*args)
    assert result.code == 1
    assert "alpha 1.0.0: the URLs are of version 1.1.0" in result.err
    assert not (sandbox.home / "installs" / "alpha").exists()
    return True


class TestTemplates:
    def test_a_version_edited_for_one_platform_is_refused_without_a_request(self, sandbox, edited):
        good = edited()
        sandbox.server.requests.clear()
        for args in (["install", "--locked"], ["lock", "--check"]):
            assert is_refused(sandbox, *args)
        assert sandbox.server.requests == []
        sandbox.ok("lock", "alpha")
        assert (sandbox.project / ".envmgr.lock").read_text() == good

    def test_it_is_repaired_to_its_own_archive_by_install(self, sandbox, edited):
        edited()
        sandbox.ok("install")
        assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"
        sandbox.ok("install", "--locked")

    @pytest.mark.parametrize("command", ["lock", "install"])
    def test_a_version_that_does_not_exist_is_replaced(self, sandbox, edited, command):
        good = edited()
        path = sandbox.project / ".envmgr.lock"
        path.write_text(good.replace('"1.1.0"', '"1.7.0"'))
        result = sandbox.ok(command)
        assert "the locked version 1.7.0 does not exist" in result.err
        assert path.read_text() == good

    def test_an_exact_version_that_does_not_exist_is_an_error(self, sandbox, edited):
        good = edited()
        sandbox.write("alpha=1.7.0")
        path = sandbox.project / ".envmgr.lock"
        path.write_text(good.replace('"1.1.0"', '"1.7.0"').replace("alpha@^1.0", "alpha@1.7.0"))
        result = sandbox.run("lock")
        assert (result.code, "1.7.0" in result.err) == (1, True), result.err

    def test_one_platform_of_several_is_refused_and_repaired(self, sandbox):
        sandbox.publish("alpha", ("1.0.0", "1.1.0"))
        sandbox.write("alpha=^1.0")
        sandbox.ok("lock")
        path = sandbox.project / ".envmgr.lock"
        good = json.loads(path.read_text())
        document = json.loads(path.read_text())
        row = document["tools"]["alpha"]["1.1.0"]["artifacts"]["macos-arm64"]
        row["url"] = row["url"].replace("1.1.0", "1.0.0")
        path.write_text(json.dumps(document))
        result = sandbox.run("install", "--locked")
        assert result.code == 1
        assert "alpha 1.1.0: the URL for macos-arm64 is of version 1.0.0" in result.err
        sandbox.ok("lock")
        assert json.loads(path.read_text()) == good

    def test_the_archive_of_another_version_cannot_be_chosen(self, sandbox):
        sandbox.publish("alpha", ("1.0.0", "1.1.0"))
        url = f"{sandbox.server.url}/alpha/1.1.0/alpha-1.1.0-linux-x64.tar.gz"
        result = sandbox.run("install", "alpha", "1.0.0", url)
        assert result.code == 1
        assert f"{url} is the archive of alpha 1.1.0, not 1.0.0" in result.err
        assert "hint: run `envmgr install alpha 1.1.0`" in result.err

    def test_a_url_without_the_version_is_accepted(self, sandbox):
        sandbox.variables |= ONE_PLATFORM
        sandbox.publish("alpha", ("1.0.0",))
        page = sandbox.server.pages["/alpha/1.0.0/alpha-1.0.0-linux-x64.tar.gz"]
        sandbox.server.add("/newest/linux-x64.tar.gz", page.body)
        document = sandbox.manifest("alpha", ("alpha",), sums=False)
        template = f"{sandbox.server.url}/newest/{{os}}-{{arch}}.tar.gz"
        sandbox.add_manifest(document | {"download_url_template": template})
        sandbox.write("alpha=1.0.0")
        sandbox.ok("install")
        assert "1.0.0" in sandbox.ok("list", "alpha").out
        sandbox.ok("install", "--locked")
        sandbox.ok("lock", "--check")


class TestLists:
    def test_a_version_edited_for_one_platform_is_refused_by_the_cached_list(self, sandbox, edited):
        good = edited(**list_tools(sandbox))
        sandbox.server.requests.clear()
        assert is_refused(sandbox, "install", "--locked")
        assert sandbox.server.requests == []
        assert is_refused(sandbox, "lock", "--check")
        sandbox.ok("lock", "alpha")
        assert (sandbox.project / ".envmgr.lock").read_text() == good

    def test_it_is_repaired_by_lock_and_install(self, sandbox, edited):
        edited(**list_tools(sandbox))
        sandbox.ok("install")
        assert sandbox.command(["alpha"]).out == "alpha 1.0.0\n"

    def test_without_a_cached_list_the_check_of_the_lock_reports_it(self, sandbox, edited):
        edited(**list_tools(sandbox))
        sandbox.ok("cache", "clear")
        result = sandbox.run("lock", "--check")
        assert result.code == 1
        assert "/alpha/1.0.0/alpha-1.0.0-linux-x64.tar.gz" in result.err

    def test_a_chosen_url_stays(self, sandbox):
        sandbox.variables |= ONE_PLATFORM
        sandbox.publish("alpha", ("1.0.0", "1.1.0"))
        document = sandbox.manifest("alpha", ("alpha",)) | list_tools(sandbox)
        sandbox.add_manifest({name: value for name, value in document.items() if value is not None})
        sandbox.write("alpha=1.0.0")
        page = sandbox.server.pages["/alpha/1.0.0/alpha-1.0.0-linux-x64.tar.gz"]
        url = sandbox.server.add("/mine-1.1.0/alpha.tar.gz", page.body)
        sandbox.ok("install", "alpha", "1.0.0", url)
        for args in (["lock"], ["lock", "--check"], ["install", "--locked"]):
            sandbox.ok(*args)
        assert sandbox.lock["tools"]["alpha"]["1.0.0"]["artifacts"]["linux-x64"]["url"] == url
