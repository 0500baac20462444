"""Provenance from git: shallow clones, detached heads, linked work trees, and none."""

from __future__ import annotations

import os
import subprocess

import pytest

from envmgr.alm.push import git_worktree
from envmgr.alm.push.git_tags import GitTag
from envmgr.kit.environment import Environment
from envmgr.kit.frozen import replace
from support.alm.git_repository import QUIET, commit, git, repository


def environment(directory, **variables):
    return Environment(
        {"PATH": os.environ["PATH"], "HOME": str(directory), **QUIET, **variables}, str(directory)
    )


def read(directory, commit="", **variables):
    return git_worktree.read(environment(directory, **variables), commit)


@pytest.fixture
def shop(tmp_path):
    return repository(tmp_path / "shop")


def test_a_work_tree_has_a_commit_a_branch_and_a_remote(shop):
    result = read(shop)
    assert result.commit == git(shop, "rev-parse", "HEAD")
    assert (result.branch, result.remote, result.tags) == ("main", "https://github.com/acme/shop.git", ())
    assert (result.directory, result.is_dirty, result.error) == (str(shop), False, "")


def test_subdirectories_belong_to_the_same_work_tree(shop):
    (shop / "a" / "b").mkdir(parents=True)
    assert read(shop / "a" / "b") == read(shop)


def test_the_tags_of_just_this_commit_are_read_with_the_time_of_annotated_ones(shop):
    git(shop, "tag", "light")
    git(shop, "tag", "-a", "v1.0.0", "-m", "one")
    created = int(git(shop, "for-each-ref", "--format=%(taggerdate:unix)", "refs/tags/v1.0.0"))
    assert set(read(shop).tags) == {GitTag("light"), GitTag("v1.0.0", created)}
    commit(shop, "second")
    assert read(shop).tags == ()


def test_a_branch_of_the_same_name_does_not_change_a_tag(shop):
    git(shop, "branch", "v1.0.0")
    git(shop, "tag", "v1.0.0")
    assert read(shop).tags == (GitTag("v1.0.0"),)


def test_a_commit_that_is_not_checked_out_has_its_tag_and_no_branch(shop):
    git(shop, "tag", "v1.0.0")
    first = git(shop, "rev-parse", "HEAD")
    commit(shop, "second")
    result = read(shop, first)
    assert (result.commit, result.tags, result.branch) == (first, (GitTag("v1.0.0"),), "")


def test_an_abbreviated_commit_is_on_the_branch_too(shop):
    short = git(shop, "rev-parse", "HEAD")[:7]
    git(shop, "tag", "v1.0.0")
    assert (read(shop, short).branch, read(shop, short).tags) == ("main", (GitTag("v1.0.0"),))


def test_uncommitted_changes_are_reported_unless_the_file_is_untracked(shop):
    (shop / "new").write_text("x")
    assert not read(shop).is_dirty
    git(shop, "add", "new")
    assert read(shop).is_dirty
    commit(shop, "second")
    (shop / "new").write_text("y")
    assert read(shop).changes == ("new",)


def test_a_detached_head_has_no_branch(shop):
    git(shop, "checkout", "-q", "--detach")
    result = read(shop)
    assert (result.branch, len(result.commit)) == ("", 40)


def test_a_shallow_clone_is_supported(shop, tmp_path):
    git(shop, "tag", "v1.0.0")
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=v1.0.0", f"file://{shop}", "shallow")
    result = read(tmp_path / "shallow")
    assert (result.commit, result.tags) == (git(shop, "rev-parse", "HEAD"), (GitTag("v1.0.0"),))


def test_a_commit_missing_in_a_shallow_clone_has_no_tag(shop, tmp_path):
    first = git(shop, "rev-parse", "HEAD")
    commit(shop, "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{shop}", "shallow")
    result = read(tmp_path / "shallow", first)
    assert (result.tags, result.commit) == ((), first)


def test_a_linked_work_tree_belongs_to_the_same_repository(shop, tmp_path):
    git(shop, "worktree", "add", "-q", "-b", "fix", str(tmp_path / "elsewhere"))
    result = read(tmp_path / "elsewhere")
    assert (result.branch, result.directory) == ("fix", str(shop))


def test_the_only_remote_is_used_or_origin_of_several(tmp_path):
    shop = repository(tmp_path / "shop", remote="")
    assert read(shop).remote == ""
    git(shop, "remote", "add", "acme", "git@git.example:acme/shop.git")
    assert read(shop).remote == "git@git.example:acme/shop.git"
    git(shop, "remote", "add", "other", "git@git.example:other/shop.git")
    assert read(shop).remote == ""


def test_a_remote_without_a_url_is_none(tmp_path):
    shop = repository(tmp_path / "shop", remote="")
    git(shop, "config", "remote.origin.fetch", "+refs/*:refs/*")
    assert read(shop).remote == ""


def test_a_tag_of_the_same_name_does_not_change_a_branch(shop):
    git(shop, "tag", "main")
    assert read(shop).branch == "main"


@pytest.mark.parametrize("ref", ["refs/tags/HEAD", "refs/heads/HEAD"])
def test_a_tag_or_branch_named_head_does_not_change_head(shop, tmp_path, ref):
    git(shop, "update-ref", ref, "HEAD")
    last = commit(shop, "second")
    git(shop, "worktree", "add", "-q", "--detach", str(tmp_path / "detached"))
    git(tmp_path, "clone", "-q", "--bare", str(shop), "bare")
    heads = [(result.commit, result.branch) for result in map(read, (shop, tmp_path / "bare"))]
    assert heads == [(last, "main")] * 2
    assert read(tmp_path / "detached") == replace(read(shop), branch="")


def test_a_tag_named_head_is_no_commit_of_a_new_branch(shop):
    git(shop, "update-ref", "refs/tags/HEAD", "HEAD")
    git(shop, "checkout", "-q", "--orphan", "new")
    assert read(shop).error == "no commits yet"


def test_a_worktree_is_read_by_four_runs_of_git(shop, monkeypatch):
    commands = []

    class Popen(subprocess.Popen):
        def __init__(self, args, **options):
            commands.append(args)
            super().__init__(args, **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    assert read(shop).commit
    assert len(commands) == 4


def test_a_missing_repository_or_commit_is_an_error(tmp_path):
    assert "not a git repository" in read(tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent)).error
    git(tmp_path, "init", "-q")
    assert read(tmp_path).error == "no commits yet"


def test_missing_git_is_an_error(tmp_path):
    assert (
        git_worktree.read(Environment({"PATH": str(tmp_path)}, str(tmp_path))).error == "git is not installed"
    )


def test_a_hanging_git_times_out(tmp_path):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    result = git_worktree.read(
        Environment({"PATH": f"{slow.parent}:/usr/bin:/bin"}, str(tmp_path)), timeout=0.2
    )
    assert result.error == "git rev-parse timed out after 0.2 s"


def test_a_repository_of_another_owner_is_reported_with_the_error_of_git(shop):
    result = read(shop, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "dubious ownership" in result.error


def test_git_runs_while_the_caller_does_something_else(shop, monkeypatch):
    events = []

    class Popen(subprocess.Popen):
        def __init__(self, args, **options):
            events.append("start")
            super().__init__(args, **options)

        def communicate(self, *arguments, **options):
            events.append("wait")
            return super().communicate(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    git_worktree.read(environment(shop), meanwhile=lambda: events.append("meanwhile"))
    assert events == ["start"] * 4 + ["meanwhile"] + ["wait"] * 4
