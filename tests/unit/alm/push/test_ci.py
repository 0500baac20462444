"""The documented variables of each CI system."""

from __future__ import annotations

import pytest

from envmgr.alm.push.ci import SYSTEMS, CiRun, detect, repository_of
from envmgr.kit.environment import Environment

SHA = "3f2c1ab0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4"

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_SHA": SHA,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_ACTOR": "ada",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/group/shop",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_REF_NAME": "v1.2.0",
    "CI_COMMIT_TAG": "v1.2.0",
    "CI_PIPELINE_ID": "5",
    "CI_PIPELINE_URL": "https://gitlab.com/acme/group/shop/-/pipelines/5",
    "GITLAB_USER_LOGIN": "ada",
}
CIRCLECI = {
    "CIRCLECI": "true",
    "CIRCLE_PROJECT_USERNAME": "acme",
    "CIRCLE_PROJECT_REPONAME": "shop",
    "CIRCLE_SHA1": SHA,
    "CIRCLE_BRANCH": "main",
    "CIRCLE_WORKFLOW_ID": "w-1",
    "CIRCLE_BUILD_NUM": "12",
    "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/shop/12",
    "CIRCLE_USERNAME": "ada",
}
BUILDKITE = {
    "BUILDKITE": "true",
    "BUILDKITE_REPO": "git@github.com:acme/shop.git",
    "BUILDKITE_PIPELINE_SLUG": "shop-main",
    "BUILDKITE_COMMIT": SHA,
    "BUILDKITE_BRANCH": "main",
    "BUILDKITE_BUILD_ID": "9e08",
    "BUILDKITE_RETRY_COUNT": "0",
    "BUILDKITE_BUILD_URL": "https://buildkite.com/acme/shop/builds/1514",
    "BUILDKITE_BUILD_CREATOR": "Ada",
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_REPOSITORY_NAME": "acme/shop",
    "BUILD_SOURCEVERSION": SHA,
    "BUILD_SOURCEBRANCH": "refs/tags/v1.2.0",
    "BUILD_BUILDID": "17",
    "SYSTEM_JOBATTEMPT": "1",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECT": "The Shop",
    "SYSTEM_TEAMPROJECTID": "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c",
    "BUILD_REQUESTEDFOR": "Ada",
}
JENKINS = {
    "JENKINS_URL": "https://ci.acme.example/",
    "GIT_URL": "https://git.acme.example/acme/shop.git",
    "GIT_COMMIT": SHA,
    "GIT_BRANCH": "origin/main",
    "BUILD_NUMBER": "153",
    "BUILD_TAG": "jenkins-shop-153",
    "BUILD_URL": "https://ci.acme.example/job/shop/153/",
}
EXPECTED = {
    "github": (
        GITHUB,
        CiRun(
            "github",
            "acme/shop",
            SHA,
            "main",
            "",
            "99",
            "2",
            "https://github.com/acme/shop/actions/runs/99",
            "ada",
        ),
    ),
    "gitlab": (
        GITLAB,
        CiRun(
            "gitlab", "acme/group/shop", SHA, "v1.2.0", "v1.2.0", "5", "", GITLAB["CI_PIPELINE_URL"], "ada"
        ),
    ),
    "circleci": (
        CIRCLECI,
        CiRun("circleci", "acme/shop", SHA, "main", "", "w-1", "", CIRCLECI["CIRCLE_BUILD_URL"], "ada"),
    ),
    "buildkite": (
        BUILDKITE,
        CiRun(
            "buildkite", "acme/shop", SHA, "main", "", "9e08", "0", BUILDKITE["BUILDKITE_BUILD_URL"], "Ada"
        ),
    ),
    "azure": (
        AZURE,
        CiRun(
            "azure",
            "acme/shop",
            SHA,
            "v1.2.0",
            "v1.2.0",
            "17",
            "1",
            "https://dev.azure.com/acme/6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c/_build/results?buildId=17",
            "Ada",
        ),
    ),
    "jenkins": (
        JENKINS,
        CiRun("jenkins", "acme/shop", SHA, "main", "", "jenkins-shop-153", "", JENKINS["BUILD_URL"], ""),
    ),
}


def run_of(variables):
    return detect(Environment(variables, "/"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_field_of_each_ci_system_is_read(system):
    variables, run = EXPECTED[system]
    assert run_of(variables) == run


def test_a_github_ref_of_type_tag_is_a_tag():
    assert run_of({**GITHUB, "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}).tag == "v1"


def test_a_pull_request_has_its_source_branch():
    assert run_of({**GITHUB, "GITHUB_HEAD_REF": "fix", "GITHUB_REF_NAME": "7/merge"}).ref == "fix"
    assert run_of({**GITLAB, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix"}).ref == "fix"
    assert run_of({**JENKINS, "CHANGE_BRANCH": "fix", "BRANCH_NAME": "PR-7"}).ref == "fix"
    assert run_of({**AZURE, "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/fix"}).ref == "fix"


def test_without_a_ci_system_the_run_is_empty():
    assert run_of({"CI": "true", "GITHUB_SHA": SHA}) == CiRun()


@pytest.mark.parametrize("system", SYSTEMS)
def test_missing_variables_leave_fields_empty(system):
    marker, _ = SYSTEMS[system]
    assert run_of({marker: "true"}) == CiRun(ci=system)


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://user:secret@github.com/acme/shop", "acme/shop"),
        ("ssh://git@git.example:22/acme/shop.git/", "acme/shop"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("file:///srv/git/shop.git", "srv/git/shop"),
        ("/srv/git/shop.git", "srv/git/shop"),
        ("../shop", "../shop"),
        ("", ""),
    ],
)
def test_credentials_are_removed_from_a_remote_url(remote, repository):
    assert repository_of(remote) == repository
