"""Provenance of any CI and git output is accepted by the server, or an error names the option."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from envmgr.alm.client.transport import encode_json
from envmgr.alm.push.ci import SYSTEMS, CiRun, detect
from envmgr.alm.push.git_tags import GitTag
from envmgr.alm.push.git_worktree import GitWorktree
from envmgr.alm.push.provenance import ProvenanceOptions, collect
from envmgr.kit.environment import Environment
from envmgr.kit.errors import MissingProvenance
from envmgr.server.contracts.requests import AppVersionCreate

WORDS = st.one_of(
    st.text(max_size=400),
    st.from_regex(r"[a-z]{1,9}/[a-z]{1,9}(\.git)?", fullmatch=True),
    st.from_regex(r"[0-9a-f]{7,64}", fullmatch=True),
)
WORK = st.builds(
    GitWorktree,
    commit=st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    branch=WORDS,
    tags=st.lists(
        st.builds(GitTag, WORDS, st.none() | st.integers(0, 2**33)),
        max_size=4,
        unique_by=lambda tag: tag.name,
    ).map(tuple),
    changes=st.lists(WORDS, max_size=2).map(tuple),
    remote=WORDS,
    directory=WORDS,
)
VARIABLES = sorted(
    {
        *(marker for marker, _ in SYSTEMS.values()),
        *(
            "GITHUB_REPOSITORY",
            "GITHUB_SHA",
            "GITHUB_REF_NAME",
            "GITHUB_REF_TYPE",
            "GITHUB_SERVER_URL",
            "GITHUB_RUN_ID",
        ),
        *(
            "CI_PROJECT_PATH",
            "CI_COMMIT_SHA",
            "CI_COMMIT_TAG",
            "CI_PIPELINE_URL",
            "BUILDKITE_REPO",
            "BUILDKITE_COMMIT",
        ),
        *("GIT_URL", "GIT_BRANCH", "BUILD_URL", "BUILD_SOURCEBRANCH", "SYSTEM_COLLECTIONURI", "CIRCLE_SHA1"),
    }
)


def check(run, work):
    result, hint = collect_or_hint(run, work)
    if result is None:
        assert "--app" in hint or "--tag" in hint
        return
    body = {"tag": result.tag, "commit": result.commit, "ref": result.ref, "build": dict(result.build)}
    decoded = msgspec.json.decode(encode_json(body), type=AppVersionCreate)
    assert decoded.build.dirty is work.is_dirty


def collect_or_hint(run, work):
    try:
        return collect(ProvenanceOptions(), run, work, "/src/project"), ""
    except MissingProvenance as error:
        return None, error.hint or ""


@given(st.builds(CiRun, *([WORDS] * 9)), WORK)
def test_provenance_of_a_ci_run_is_accepted_by_the_server(run, work):
    check(CiRun(**{**run.__dict__, "ci": "github"}), work)


@given(st.dictionaries(st.sampled_from(VARIABLES), WORDS.filter(lambda text: "\0" not in text)), WORK)
def test_any_environment_yields_valid_provenance_or_an_error(variables, work):
    check(detect(Environment(variables, "/")), work)
