"""Detection of CI runs from the environment of their jobs, without I/O.

Only documented variables are read; one function a system, listed in `SYSTEMS`.
"""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.kit.environment import Environment


@frozen
class CiRun:
    """A run of a CI system: what it builds, and its identity; unknown fields are empty."""

    ci: str = ""
    repository: str = ""
    commit: str = ""
    ref: str = ""
    tag: str = ""
    run_id: str = ""
    run_attempt: str = ""
    url: str = ""
    actor: str = ""


def detect(environment: Environment) -> CiRun:
    """Return the run of an environment, an empty one outside of known systems."""
    for marker, run in SYSTEMS.values():
        if environment.get(marker):
            return run(environment)
    return CiRun()


def _github(environment: Environment) -> CiRun:
    """Read https://docs.github.com/actions/reference/variables-reference."""
    get = environment.get
    repository, run_id = get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID")
    page = f"{get('GITHUB_SERVER_URL')}/{repository}/actions/runs/{run_id}"
    return CiRun(
        ci="github",
        repository=repository,
        commit=get("GITHUB_SHA"),
        ref=get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME"),
        tag=get("GITHUB_REF_NAME") if get("GITHUB_REF_TYPE") == "tag" else "",
        run_id=run_id,
        run_attempt=get("GITHUB_RUN_ATTEMPT"),
        url=page if get("GITHUB_SERVER_URL") and run_id else "",
        actor=get("GITHUB_ACTOR"),
    )


def _gitlab(environment: Environment) -> CiRun:
    """Read https://docs.gitlab.com/ci/variables/predefined_variables/."""
    get = environment.get
    return CiRun(
        ci="gitlab",
        repository=get("CI_PROJECT_PATH"),
        commit=get("CI_COMMIT_SHA"),
        ref=get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or get("CI_COMMIT_REF_NAME"),
        tag=get("CI_COMMIT_TAG"),
        run_id=get("CI_PIPELINE_ID"),
        url=get("CI_PIPELINE_URL"),
        actor=get("GITLAB_USER_LOGIN"),
    )


def _circleci(environment: Environment) -> CiRun:
    """Read https://circleci.com/docs/reference/variables/."""
    get = environment.get
    owner, name = get("CIRCLE_PROJECT_USERNAME"), get("CIRCLE_PROJECT_REPONAME")
    return CiRun(
        ci="circleci",
        repository=f"{owner}/{name}" if owner and name else name,
        commit=get("CIRCLE_SHA1"),
        ref=get("CIRCLE_BRANCH") or get("CIRCLE_TAG"),
        tag=get("CIRCLE_TAG"),
        run_id=get("CIRCLE_WORKFLOW_ID") or get("CIRCLE_BUILD_NUM"),
        url=get("CIRCLE_BUILD_URL"),
        actor=get("CIRCLE_USERNAME"),
    )


def _jenkins(environment: Environment) -> CiRun:
    """Read https://www.jenkins.io/doc/book/pipeline/jenkinsfile/ and https://plugins.jenkins.io/git/."""
    get = environment.get
    return CiRun(
        ci="jenkins",
        repository=repository_of(get("GIT_URL")),
        commit=get("GIT_COMMIT"),
        ref=get("CHANGE_BRANCH") or get("BRANCH_NAME") or get("GIT_BRANCH").removeprefix("origin/"),
        tag=get("TAG_NAME"),
        run_id=get("BUILD_TAG") or get("BUILD_NUMBER"),
        url=get("BUILD_URL"),
        actor=get("CHANGE_AUTHOR"),
    )


def _buildkite(environment: Environment) -> CiRun:
    """Read https://buildkite.com/docs/pipelines/configure/environment-variables."""
    get = environment.get
    return CiRun(
        ci="buildkite",
        repository=repository_of(get("BUILDKITE_REPO")) or get("BUILDKITE_PIPELINE_SLUG"),
        commit=get("BUILDKITE_COMMIT"),
        ref=get("BUILDKITE_BRANCH"),
        tag=get("BUILDKITE_TAG"),
        run_id=get("BUILDKITE_BUILD_ID"),
        run_attempt=get("BUILDKITE_RETRY_COUNT"),
        url=get("BUILDKITE_BUILD_URL"),
        actor=get("BUILDKITE_BUILD_CREATOR") or get("BUILDKITE_BUILD_AUTHOR"),
    )


def _azure(environment: Environment) -> CiRun:
    """Read https://learn.microsoft.com/azure/devops/pipelines/build/variables."""
    get = environment.get
    source, run_id = get("BUILD_SOURCEBRANCH"), get("BUILD_BUILDID")
    server, project = get("SYSTEM_COLLECTIONURI"), get("SYSTEM_TEAMPROJECTID") or get("SYSTEM_TEAMPROJECT")
    return CiRun(
        ci="azure",
        repository=get("BUILD_REPOSITORY_NAME"),
        commit=get("BUILD_SOURCEVERSION"),
        ref=_short_ref(get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or source),
        tag=source.removeprefix("refs/tags/") if source.startswith("refs/tags/") else "",
        run_id=run_id,
        run_attempt=get("SYSTEM_JOBATTEMPT"),
        url=f"{server}{project}/_build/results?buildId={run_id}" if server and project and run_id else "",
        actor=get("BUILD_REQUESTEDFOR"),
    )


def _short_ref(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


SYSTEMS: dict[str, tuple[str, Callable[[Environment], CiRun]]] = {
    "github": ("GITHUB_ACTIONS", _github),
    "gitlab": ("GITLAB_CI", _gitlab),
    "circleci": ("CIRCLECI", _circleci),
    "buildkite": ("BUILDKITE", _buildkite),
    "azure": ("TF_BUILD", _azure),
    "jenkins": ("JENKINS_URL", _jenkins),
}
"""By name: the variable that identifies the system, and the function that reads the others."""


def repository_of(remote: str) -> str:
    """Return `owner/name` of a git remote: a URL, `host:owner/name.git`, or a directory."""
    _, scheme, location = remote.strip().partition("://")
    if scheme:
        path = location.partition("/")[2]
    else:
        host, colon, after = remote.strip().partition(":")
        path = after if colon and "/" not in host else remote.strip()
    return path.replace("\\", "/").rstrip("/").removesuffix(".git").strip("/")
