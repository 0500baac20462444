from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from envmgr.catalog import manifest_reader
from envmgr.catalog.sources import git_tags
from envmgr.catalog.sources.source_context import Context
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import NetworkError, Offline, SourceError
from envmgr.kit.paths import single_root
from envmgr.kit.platform import parse
from support.registries.recorded_upstreams import Recorded, context

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
HASH = "0123456789" * 4


def manifest(url, **fields):
    data = {"name": "tool", "source": {"kind": "git-tags", "url": url}, "bin": ["tool"]}
    return manifest_reader.build({**data, **fields}, "tool.json")


@pytest.fixture
def repository(tmp_path):
    """Create a repository with lightweight and annotated tags, and a branch named like a version."""
    folder = tmp_path / "repository"
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    folder.mkdir()
    for command in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "x"],
        ["tag", "v1.2.0"],
        ["tag", "-m", "x", "v1.10.0"],
        ["tag", "v2.0.0-rc.1"],
        ["tag", "nightly"],
        ["branch", "v9.9.9"],
    ):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return folder


def with_git(root, **settings):
    variables = {"PATH": os.environ["PATH"], "HOME": str(root)}
    return Context(
        None, Recorded({}), Settings(**settings), Environment(variables, str(root)), single_root(str(root))
    )


@needs_git
def test_version_tags_are_listed_with_git(repository, tmp_path):
    listing = git_tags.listing(manifest(f"file://{repository}"), with_git(tmp_path))
    assert listing.versions == ("1.2.0", "1.10.0", "2.0.0-rc.1")
    assert [(release.tag, release.prerelease) for release in listing.releases] == [
        ("v1.2.0", False),
        ("v1.10.0", False),
        ("v2.0.0-rc.1", True),
    ]


@needs_git
def test_cached_tags_are_used_offline(repository, tmp_path):
    tool = manifest(f"file://{repository}")
    with pytest.raises(Offline):
        git_tags.listing(tool, with_git(tmp_path, offline=True))
    git_tags.listing(tool, with_git(tmp_path))
    shutil.rmtree(repository)
    assert len(git_tags.listing(tool, with_git(tmp_path, offline=True)).releases) == 3


@needs_git
def test_a_mirror_replaces_the_repository(repository, tmp_path):
    mirrors = (
        ("https://example.org/", "file:///nowhere/"),
        ("https://example.org/a/b", f"file://{repository}"),
    )
    result = git_tags.listing(manifest("https://example.org/a/b"), with_git(tmp_path, mirrors=mirrors))
    assert len(result.releases) == 3


@needs_git
@pytest.mark.parametrize(
    "url",
    ["file:///nowhere/at/all", "ext::sh -c touch%20owned", "http://example.org/a", "git://example.org/a"],
)
def test_a_repository_that_git_cannot_list_is_an_error_with_its_url(url, tmp_path):
    with pytest.raises(NetworkError, match="cannot list the tags of") as caught:
        git_tags.listing(manifest(url), with_git(tmp_path))
    assert url in caught.value.message
    assert not (tmp_path / "owned").exists()


@needs_git
def test_a_repository_without_versions_is_an_error(repository, tmp_path):
    tool = manifest(f"file://{repository}", versions={"prefix": "release-"})
    with pytest.raises(SourceError, match=r"none of the 4 tags in .* is a version of tool"):
        git_tags.listing(tool, with_git(tmp_path))


def packets(*lines):
    return b"".join(b"%04x%s" % (len(line) + 4, line) if line else b"0000" for line in lines)


def advertised(*references):
    lines = [f"{HASH} {name}".encode() + b"\n" for name in references]
    lines[0] = lines[0][:-1] + b"\0multi_ack agent=git/2\n"
    return packets(b"# service=git-upload-pack\n", b"", *lines, b"")


def test_without_git_the_repository_is_queried_over_http(tmp_path):
    url = "https://example.org/a/b.git/info/refs?service=git-upload-pack"
    body = advertised("HEAD", "refs/heads/v3.0", "refs/tags/v1.0", "refs/tags/v1.1", "refs/tags/v1.1^{}")
    listing = git_tags.listing(
        manifest("https://example.org/a/b.git/"), context(Recorded({url: (body, {})}), tmp_path)
    )
    assert listing.versions == ("1.0", "1.1")


def test_without_git_other_url_schemes_are_an_error(tmp_path):
    with pytest.raises(SourceError, match="git is required to list tags") as caught:
        git_tags.listing(manifest("ssh://git@example.org/a"), context(Recorded({}), tmp_path))
    assert "install git" in caught.value.hint


@pytest.mark.parametrize(
    "body", [b"<html>", b"001e# service=git-upload-pack\nzzzz", b"001e# service=git-upload-pack\n"]
)
def test_a_url_without_a_repository_is_an_error(body, tmp_path):
    lists = Recorded({"https://example.org/a/info/refs?service=git-upload-pack": (body, {})})
    with pytest.raises(SourceError, match=r"https://example\.org/a"):
        git_tags.listing(manifest("https://example.org/a"), context(lists, tmp_path))


def test_archive_urls_come_from_the_template():
    tool = manifest("https://example.org/a", download_url_template="https://x/{tag}/{os}")
    release = git_tags._release(tool, "v1.0")
    assert git_tags.artifact(tool, release, parse("linux-x64"), None).url == "https://x/v1.0/linux"
    bare = manifest("https://example.org/a")
    assert git_tags.artifact(bare, release, parse("linux-x64"), None) is None


@needs_git
def test_credentials_in_a_url_are_redacted(tmp_path):
    with pytest.raises(NetworkError) as caught:
        git_tags.listing(manifest("http://user:secret@example.org/a"), with_git(tmp_path))
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_git_that_does_not_start_is_an_error(tmp_path):
    broken = tmp_path / "git"
    broken.write_text("#!/nowhere/at/all\n", encoding="utf-8")
    broken.chmod(0o755)
    home = Context(
        None, Recorded({}), Settings(), Environment({"PATH": str(tmp_path)}, ""), single_root(str(tmp_path))
    )
    with pytest.raises(NetworkError, match="cannot list the tags of"):
        git_tags.listing(manifest("https://example.org/a"), home)
