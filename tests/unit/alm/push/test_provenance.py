"""Options override the CI, which overrides git; missing or invalid values are errors with a hint."""

from __future__ import annotations

import pytest

from envmgr.alm.push.ci import CiRun
from envmgr.alm.push.git_tags import GitTag
from envmgr.alm.push.git_worktree import GitWorktree
from envmgr.alm.push.provenance import ProvenanceOptions, collect, commit_of
from envmgr.kit.errors import MissingProvenance, UsageError

SHA = "3f2c1ab0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4"
OTHER = "0123456789abcdef0123456789abcdef01234567"
WORK = GitWorktree(
    commit=SHA,
    branch="main",
    tags=(GitTag("v1.0.0"),),
    remote="git@git.example:acme/shop.git",
    directory="/src/dir",
)
RUN = CiRun("github", "acme/till", OTHER, "release", "v2.0.0", "99", "1", "https://ci.example/99", "ada")


def collect_provenance(options=None, run=None, work=WORK, directory="/src/project"):
    return collect(options or ProvenanceOptions(), run or CiRun(), work, directory)


def test_without_a_ci_all_fields_come_from_git():
    result = collect_provenance()
    assert (result.app, result.tag, result.commit, result.ref) == ("shop", "v1.0.0", SHA, "main")
    assert dict(result.build) == {
        "ci": "",
        "run_id": "",
        "run_attempt": "",
        "url": "",
        "actor": "",
        "repository": "acme/shop",
        "dirty": False,
    }


def test_ci_values_override_git():
    result = collect_provenance(run=RUN)
    assert (result.app, result.tag, result.commit, result.ref) == ("till", "v2.0.0", OTHER, "release")
    assert dict(result.build)["repository"] == "acme/till"
    assert dict(result.build)["url"] == "https://ci.example/99"


def test_options_override_ci_and_git():
    result = collect_provenance(ProvenanceOptions("a", "b", "ABCDEF1", "c"), RUN)
    assert (result.app, result.tag, result.commit, result.ref) == ("a", "b", "abcdef1", "c")


def test_an_empty_ref_can_be_passed():
    assert collect_provenance(ProvenanceOptions(ref="")).ref == ""


def tagged(*names):
    return GitWorktree(commit=SHA, tags=tuple(GitTag(name) for name in names), directory="/src/dir")


def test_of_several_tags_the_newest_version_counts_and_the_others_are_named():
    result = collect_provenance(work=tagged("1.9", "1.10", "1.11"))
    assert (result.tag, result.other_tags) == ("1.11", ("1.10", "1.9"))
    assert collect_provenance(work=tagged("1.9")).other_tags == ()


def test_an_unclear_tag_must_be_passed_and_the_candidates_are_named():
    with pytest.raises(MissingProvenance) as caught:
        collect_provenance(work=tagged("api/v1.0", "web/v2.0"))
    assert caught.value.message == "commit 3f2c1ab0c9d8 has several tags: web/v2.0, api/v1.0"
    assert caught.value.hint == "choose one, for example `envmgr alm push --tag web/v2.0`"
    assert (
        collect_provenance(ProvenanceOptions(tag="api/v1.0"), work=tagged("api/v1.0", "web/v2.0")).other_tags
        == ()
    )


def test_an_invalid_tag_beside_a_valid_one_is_passed_over():
    assert collect_provenance(work=tagged("release,1", "spring")).tag == "spring"


def test_the_tag_of_the_ci_is_not_that_of_another_commit():
    assert collect_provenance(ProvenanceOptions(commit=SHA), RUN).tag == "v1.0.0"
    assert collect_provenance(ProvenanceOptions(commit=OTHER[:7]), RUN).tag == "v2.0.0"


def test_without_a_tag_the_version_is_the_short_commit():
    assert collect_provenance(work=GitWorktree(commit=SHA, directory="/src/dir")).tag == SHA[:12]


@pytest.mark.parametrize(
    ("work", "app"),
    [
        (GitWorktree(commit=SHA, directory="/src/dir"), "dir"),
        (GitWorktree(error="git is not installed"), "project"),
        (GitWorktree(commit=SHA, remote="/srv/git/till.git", directory="/src/dir"), "till"),
    ],
)
def test_without_a_remote_the_app_has_the_name_of_the_directory(work, app):
    assert collect_provenance(ProvenanceOptions(tag="1"), work=work).app == app


def test_the_tag_is_required_without_repository_and_ci():
    with pytest.raises(MissingProvenance, match="git is not installed") as caught:
        collect_provenance(work=GitWorktree(error="git is not installed"))
    assert "--tag" in (caught.value.hint or "")
    assert (
        collect_provenance(ProvenanceOptions(tag="1"), work=GitWorktree(error="git is not installed")).commit
        == ""
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ProvenanceOptions(app="a b"), "invalid --app 'a b'"),
        (ProvenanceOptions(app="123"), "invalid --app '123'"),
        (ProvenanceOptions(app=""), "invalid --app ''"),
        (ProvenanceOptions(tag="release/"), "invalid --tag 'release/'"),
        (ProvenanceOptions(tag="a/lock"), "invalid --tag 'a/lock'"),
        (ProvenanceOptions(tag="v1\n"), "invalid --tag"),
        (ProvenanceOptions(commit="main"), "invalid --commit main"),
        (ProvenanceOptions(commit="abc"), "invalid --commit abc"),
    ],
)
def test_an_invalid_option_is_a_usage_error(options, message):
    with pytest.raises(UsageError, match=message):
        collect_provenance(options)


@pytest.mark.parametrize(
    ("options", "run", "work"),
    [
        (ProvenanceOptions(tag="sub/v1.0.0"), CiRun(), GitWorktree()),
        (ProvenanceOptions(), CiRun("github", "acme/shop", tag="sub/v1.0.0"), GitWorktree()),
        (ProvenanceOptions(), CiRun(), GitWorktree(commit=SHA, tags=(GitTag("sub/v1.0.0"),))),
    ],
)
def test_a_tag_may_contain_slashes(options, run, work):
    assert collect(options, run, work, "/src/dir").tag == "sub/v1.0.0"


def test_a_detected_value_that_is_not_a_valid_name_must_be_passed():
    with pytest.raises(MissingProvenance, match=r"'\.github' is not a valid app name") as caught:
        collect_provenance(run=CiRun(repository="acme/.github", tag="v1"))
    assert "--app" in (caught.value.hint or "")
    with pytest.raises(MissingProvenance, match="'release,1' is not a valid version tag") as caught:
        collect_provenance(work=GitWorktree(commit=SHA, tags=(GitTag("release,1"),), directory="/src/dir"))
    assert "--tag" in (caught.value.hint or "")


def test_a_ci_commit_of_head_is_resolved_by_git():
    run = CiRun("buildkite", "acme/shop", commit="HEAD")
    assert commit_of(ProvenanceOptions(), run) == ""
    assert collect_provenance(run=run).commit == SHA


def test_ci_values_are_reduced_to_one_line():
    build = dict(
        collect_provenance(
            run=CiRun("x", "acme/shop", actor="a\nb\x00", run_id="9" * 999, url="javascript:1")
        ).build
    )
    assert build["actor"] == "a b"
    assert len(build["run_id"]) == 300
    assert build["url"] == ""
