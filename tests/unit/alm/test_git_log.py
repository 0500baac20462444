from __future__ import annotations

import os
import subprocess

import pytest

from envmgr.alm import git_log
from envmgr.alm.git_log import Repository
from envmgr.kit.environment import Environment

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Tree:
    """A git repository to commit to."""

    def __init__(self, path):
        self.environment = Environment({"PATH": os.environ["PATH"], **AUTHOR}, str(path))
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args):
        result = subprocess.run(
            ["git", *args],
            cwd=self.environment.cwd,
            env=dict(self.environment.variables),
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout.strip()

    def commit(self, subject):
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_commits_between_two_versions_are_listed_newest_first(tree):
    first, *_, last = [tree.commit(subject) for subject in ("one", "two", "three: and more")]
    result = Repository(tree.environment).between(first, last)
    assert (result.added, result.dropped) == (2, 0)
    assert [subject for _, subject in result.entries] == ["three: and more", "two"]
    assert all(last.startswith(result.entries[0][0]) for _ in result.entries)


def test_abbreviated_commits_are_resolved(tree):
    first, last = tree.commit("one"), tree.commit("two")
    assert Repository(tree.environment).between(first[:7], last[:9]).added == 1


def test_commits_missing_in_the_second_version_are_counted(tree):
    base = tree.commit("base")
    their_commit = tree.commit("theirs")
    tree.git("checkout", "--quiet", "-b", "other", base)
    our_commit = tree.commit("ours")
    result = Repository(tree.environment).between(their_commit, our_commit)
    assert (result.added, result.dropped) == (1, 1)
    assert [subject for _, subject in result.entries] == ["ours"]


def test_many_commits_are_counted_and_the_newest_listed(tree, monkeypatch):
    monkeypatch.setattr(git_log, "MAX_COMMITS", 2)
    first, *_, last = [tree.commit(str(number)) for number in range(5)]
    result = Repository(tree.environment).between(first, last)
    assert (result.added, len(result.entries)) == (4, 2)


@pytest.mark.parametrize("other", ["f" * 40, "", "HEAD", "--output=x", "main", "abcdef"])
def test_an_unknown_commit_yields_no_log(tree, other):
    first = tree.commit("one")
    assert Repository(tree.environment).between(first, other) is None
    assert Repository(tree.environment).between(other, first) is None
    assert os.listdir(tree.environment.cwd) == [".git"]


def test_without_a_repository_or_git_there_is_no_log(tree, tmp_path_factory):
    first, last = tree.commit("one"), tree.commit("two")
    elsewhere = Environment(dict(tree.environment.variables), str(tmp_path_factory.mktemp("elsewhere")))
    assert Repository(elsewhere).between(first, last) is None
    assert Repository(Environment({"PATH": "/none"}, tree.environment.cwd)).between(first, last) is None
