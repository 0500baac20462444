from __future__ import annotations

import pytest

from envmgr.alm.git_log import Commits
from envmgr.alm.refs import CurrentRef, EnvironmentRef, IdRef, TagRef
from envmgr.kit.errors import UsageError
from envmgr.ops.alm.diff import NotDeployed, diff
from support.alm.fake_api_client import FakeApiClient
from support.alm.matrix_builders import cell, matrix, placement


def version(number, commit, app="shop"):
    toolchain = {"lock_digest": None, "tools": []}
    return {
        "id": number,
        "app": app,
        "tag": f"1.{number}",
        "commit": commit,
        "toolchain": toolchain,
        "artifacts": [],
    }


class Knowing:
    """A repository with every commit, and a record of the queries."""

    def __init__(self):
        self.requests = []

    def between(self, before, after):
        self.requests.append((before, after))
        return Commits(1, 0, ((after, "Sell more"),))


def server():
    placements = {
        "dev": [placement("shop", "dev", cell(1, 2, "1.2")), placement("web", "dev", cell(2, 9, "1.9"))],
        "prod": [placement("shop", "prod", cell(3, 1, "1.1")), placement("api", "prod", cell(4, 5, "1.5"))],
    }
    return FakeApiClient(
        {
            "GET /matrix": lambda query: matrix(placements[query["environment"]]),
            "GET /apps/shop/versions/1.1": version(1, "aaa"),
            "GET /versions/1": version(1, "aaa"),
            "GET /versions/2": version(2, "bbb"),
            "GET /versions/5": version(5, "ccc", "api"),
            "GET /versions/9": version(9, "ddd", "web"),
        }
    )


def test_two_versions_are_compared_with_the_commits_between_them():
    repository = Knowing()
    (result,) = diff(server(), TagRef("shop", "1.1"), IdRef(2), None, repository)
    assert (result.app, result.difference.before.tag, result.difference.after.tag) == ("shop", "1.1", "1.2")
    assert result.commits.entries == (("bbb", "Sell more"),)
    assert repository.requests == [("aaa", "bbb")]


def test_the_same_commit_is_not_looked_up():
    repository = Knowing()
    (result,) = diff(server(), IdRef(1), CurrentRef("shop", "prod"), None, repository)
    assert result.difference.is_same_version
    assert result.commits is None
    assert repository.requests == []


def test_two_environments_are_compared_app_by_app():
    result = diff(server(), EnvironmentRef("dev"), EnvironmentRef("prod"), None, Knowing())
    sides = {
        item.app: (
            item.difference.before and item.difference.before.tag,
            item.difference.after and item.difference.after.tag,
        )
        for item in result
    }
    assert sides == {"api": (None, "1.5"), "shop": ("1.2", "1.1"), "web": ("1.9", None)}
    assert [item.app for item in result if item.commits] == ["shop"]


def test_without_a_current_version_the_last_attempt_is_reported():
    api = server()
    tried = cell(6, 7, "2.0", status="in_progress")
    placements = {
        "dev": [placement("web", "dev", None, tried), placement("idle", "dev", None, tried)],
        "prod": [placement("web", "prod", cell(3, 9, "1.9")), placement("api", "prod", cell(4, 5, "1.5"))],
    }
    api.responses["GET /matrix"] = lambda query: matrix(placements[query["environment"]])
    result = {
        item.app: item.absent
        for item in diff(api, EnvironmentRef("prod"), EnvironmentRef("dev"), None, Knowing())
    }
    assert set(result) == {"api", "web"}
    assert result["api"] == NotDeployed("dev", None)
    assert (result["web"].last_attempt.tag, result["web"].last_attempt.status) == ("2.0", "in_progress")


def test_a_diff_of_two_apps_has_no_app_name():
    (result,) = diff(server(), TagRef("shop", "1.1"), IdRef(5), None, Knowing())
    assert (result.app, result.difference.before.app, result.difference.after.app) == (None, "shop", "api")


def test_two_environments_may_be_compared_for_one_app():
    (result,) = diff(server(), EnvironmentRef("dev"), EnvironmentRef("prod"), "shop", Knowing())
    assert (result.app, result.difference.before.version_id) == ("shop", 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [(EnvironmentRef("dev"), IdRef(1)), (CurrentRef("shop", "dev"), EnvironmentRef("dev"))],
)
def test_an_environment_is_compared_only_with_an_environment(before, after):
    with pytest.raises(UsageError, match="cannot compare environment dev") as caught:
        diff(server(), before, after, None, Knowing())
    assert "APP:dev" in caught.value.hint
