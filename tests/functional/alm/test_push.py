"""`envmgr alm push` and `flush`: one version per content, and nothing lost during an outage."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest

from support.alm.fake_alm_server import KEY, LOCK
from support.alm.git_repository import commit, git

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/till",
    "GITHUB_SHA": "3f2c1ab0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4",
    "GITHUB_REF_NAME": "v2.0.0",
    "GITHUB_REF_TYPE": "tag",
    "GITHUB_RUN_ID": "99",
    "GITHUB_SERVER_URL": "https://github.com",
}


@pytest.fixture
def ci(machine, alm):
    """Return a machine with the address of the server and an API key, as in a CI job."""
    machine.variables |= {"ENVMGR_ALM_URL": alm.url, "ENVMGR_ALM_TOKEN": KEY}
    return machine


def spooled(machine):
    directory = machine.home / "spool"
    return sorted(directory.glob("*.json")) if directory.is_dir() else []


def test_a_push_sends_the_provenance_and_the_lock_unchanged(ci, fake_server):
    (ci.project / "shop.tar.gz").write_bytes(b"content")
    result = ci.ok("alm", "push", "--artifact", "shop.tar.gz=@shop.tar.gz", "--changelog", "new")
    head = git(ci.project, "rev-parse", "HEAD")
    version = fake_server.versions["shop", head[:12]]
    assert fake_server.apps == {"shop"}
    assert (version["commit"], version["ref"], version["changelog"]) == (head, "main", "new")
    assert version["toolchain"] == {
        "lock": LOCK,
        "lock_digest": f"sha256:{hashlib.sha256(LOCK.encode()).hexdigest()}",
        "dotfile": "alpha=^1.0\n",
    }
    assert version["artifacts"] == [
        {"name": "shop.tar.gz", "digest": f"sha256:{hashlib.sha256(b'content').hexdigest()}"}
    ]
    assert version["build"]["repository"] == "acme/shop"
    assert result.out == f"registered app shop\nregistered shop@{head[:12]} (version 1)\n"
    assert result.err == ""


def test_a_push_takes_its_values_from_the_ci(ci, fake_server):
    ci.ok("alm", "push", env=GITHUB)
    version = fake_server.versions["till", "v2.0.0"]
    assert version["commit"] == GITHUB["GITHUB_SHA"]
    assert version["build"]["url"] == "https://github.com/acme/till/actions/runs/99"


def test_a_tag_with_slashes_is_pushed_unchanged(ci, fake_server):
    ci.ok("alm", "push", env={**GITHUB, "GITHUB_REF_NAME": "sub/v1.0.0"})
    assert "registered till@release/3.0" in ci.ok("alm", "push", "--tag", "release/3.0", env=GITHUB).out
    git(ci.project, "tag", "inner/v2.0.0")
    assert "registered shop@inner/v2.0.0" in ci.ok("alm", "push").out
    assert set(fake_server.versions) == {
        ("till", "sub/v1.0.0"),
        ("till", "release/3.0"),
        ("shop", "inner/v2.0.0"),
    }


def test_an_invalid_tag_fails_with_a_hint(ci, fake_server):
    result = ci.run("alm", "push", env={**GITHUB, "GITHUB_REF_NAME": "release/lock"})
    assert result.code != 0
    assert "git tag 'release/lock' is not a valid version tag" in result.err
    assert "--tag TAG" in result.err
    assert ci.run("alm", "push", "--tag", "release//3", env=GITHUB).code == 2
    assert fake_server.versions == {}


def test_an_identical_push_of_another_run_creates_no_version(ci, fake_server):
    ci.ok("alm", "push", env=GITHUB)
    result = ci.ok("alm", "push", "--json", env={**GITHUB, "GITHUB_RUN_ID": "100"})
    document = json.loads(result.out)
    assert document["schema"] == "envmgr/alm-push/1"
    assert (document["status"], document["app_created"], document["version"]["id"]) == ("unchanged", False, 1)
    assert len(fake_server.versions) == 1


def test_other_content_under_a_tag_names_what_differs_with_both_values(ci, fake_server):
    ci.ok("alm", "push", "--tag", "v1")
    first = fake_server.versions["shop", "v1"]
    (ci.project / ".envmgr.lock").write_text('{"alpha": "1.0.0"}\n')
    second = commit(ci.project, "second")
    result = ci.run("alm", "push", "--tag", "v1")
    assert result.code == 1
    digest = f"sha256:{hashlib.sha256((ci.project / '.envmgr.lock').read_bytes()).hexdigest()}"
    assert result.err.startswith(
        "error: shop@v1 already exists with different content\n"
        f"  commit: server {first['commit']}, local {second}\n"
        f"  lock digest: server {first['toolchain']['lock_digest']}, local {digest}\n"
    )
    assert "hint: tags are immutable" in result.err
    document = json.loads(ci.run("alm", "push", "--tag", "v1", "--json").out)
    assert (document["schema"], document["code"]) == ("envmgr/error/1", "alm-conflict")


def test_a_push_to_an_existing_app_requires_no_scope_to_create_apps(ci, fake_server, alm):
    fake_server.apps.add("shop")
    ci.ok("alm", "push", "--tag", "v1")
    assert alm.lines == ["PUT /apps/shop/versions/v1"]


def test_a_missing_lock_is_a_warning_or_with_require_lock_an_error(ci, fake_server):
    (ci.project / ".envmgr.lock").unlink()
    result = ci.run("alm", "push", "--tag", "v1", "--require-lock")
    assert (result.code, fake_server.versions) == (1, {})
    assert "envmgr lock" in result.err
    result = ci.ok("alm", "push", "--tag", "v1")
    assert "warning: no .envmgr.lock" in result.err
    assert "toolchain" not in fake_server.versions["shop", "v1"]


@pytest.mark.parametrize(
    ("requests", "lock", "message"),
    [
        ("alpha=^2.0", '{"alpha": "1.2.0"}', "alpha=^2.0 missing from the lock"),
        ("alpha=^1.0\nbeta=1", '{"alpha": "1.2.0"}', "beta=1 missing from the lock"),
        ("alpha=^1.0", '{"alpha": "1.2.0", "beta": "1.0.0"}', "beta is locked but not requested"),
        ("alpha=^1.0", '{"lockfile": 1}', "alpha=^1.0 missing from the lock"),
    ],
)
def test_an_outdated_lock_is_a_warning_or_with_require_lock_an_error(
    ci, fake_server, requests, lock, message
):
    ci.write(*requests.split("\n"))
    (ci.project / ".envmgr.lock").write_text(lock)
    commit(ci.project, "second")
    result = ci.run("alm", "push", "--tag", "v1", "--require-lock")
    assert (result.code, fake_server.versions) == (1, {})
    assert f"is out of date: {message}\nhint: run `envmgr lock`" in result.err
    result = ci.ok("alm", "push", "--tag", "v1", "--json")
    assert json.loads(result.out)["status"] == "created"
    assert result.err.startswith(f"warning: .envmgr.lock is out of date: {message}; ")
    assert fake_server.versions["shop", "v1"]["toolchain"]["lock"] == lock


def test_a_lock_without_a_dotfile_is_pushed(ci, fake_server):
    (ci.project / ".envmgr").unlink()
    commit(ci.project, "second")
    result = ci.ok("alm", "push", "--tag", "v1", "--require-lock")
    assert result.err == ""
    assert fake_server.versions["shop", "v1"]["toolchain"]["dotfile"] == ""


def test_a_lock_is_pushed_with_its_dotfile(ci):
    ci.publish("alpha")
    (ci.project / ".envmgr.lock").unlink()
    ci.ok("lock")
    commit(ci.project, "second")
    assert ci.ok("alm", "push", "--tag", "v1", "--require-lock").err == ""


def test_a_dirty_work_tree_is_reported(ci, fake_server):
    assert "uncommitted" not in ci.ok("alm", "push", "--tag", "v0").err
    (ci.project / ".envmgr").write_text("alpha=^1.1\n")
    result = ci.ok("alm", "push", "--tag", "v1")
    assert fake_server.versions["shop", "v1"]["build"]["dirty"] is True
    message = "warning: uncommitted changes (.envmgr): the commit is not all of what v1 was built from\n"
    assert message in result.err
    assert ci.ok("alm", "push", "--tag", "v1", "--json").json["dirty"] is True


def test_of_several_tags_the_newest_version_is_pushed_and_named(ci, fake_server):
    for tag in ("1.9", "1.10"):
        git(ci.project, "tag", tag)
    assert ci.ok("alm", "push").err == "tag 1.10 chosen, not 1.9; pass --tag to choose another\n"
    git(ci.project, "tag", "1.11")
    assert ci.ok("alm", "push", "--json").json["other_tags"] == ["1.10", "1.9"]
    assert ci.ok("alm", "push", "--tag", "1.9").err == ""
    assert set(fake_server.versions) == {("shop", "1.10"), ("shop", "1.11"), ("shop", "1.9")}


def test_unclear_tags_are_an_error_that_names_them_and_the_command(ci, fake_server):
    for tag in ("api/v1.0.0", "web/v2.0.0"):
        git(ci.project, "tag", tag)
    result = ci.run("alm", "push")
    assert (result.code, fake_server.versions) == (1, {})
    assert "has several tags: web/v2.0.0, api/v1.0.0" in result.err
    assert "hint: choose one, for example `envmgr alm push --tag web/v2.0.0`" in result.err


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9"])
def test_a_server_that_refuses_connections_is_not_tried_again(ci, host):
    result = ci.run("alm", "push", "--tag", "v1", "--url", f"http://{host}", env={"ENVMGR_HTTP_RETRIES": "4"})
    assert result.code == 1
    assert f"cannot reach {host}: connection refused" in result.err
    assert ("retrying" in result.err, "attempts" in result.err) == (False, False)


def test_a_push_from_a_subdirectory_sends_the_same_files(ci, fake_server):
    below = ci.project / "src"
    below.mkdir()
    ci.ok("alm", "push", "--tag", "v1", cwd=below)
    assert fake_server.versions["shop", "v1"]["toolchain"]["lock"] == LOCK


def test_tag_and_app_can_be_passed_outside_of_a_repository(ci, fake_server, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    where = {"cwd": bare, "env": {"GIT_CEILING_DIRECTORIES": str(tmp_path)}}
    result = ci.run("alm", "push", **where)
    assert result.code == 1
    assert "not a git repository" in result.err
    assert "--tag" in result.err
    ci.ok("alm", "push", "--app", "thing", "--tag", "v1", **where)
    assert fake_server.versions["thing", "v1"]["commit"] == ""


def test_a_lost_response_is_retried_without_a_second_version(ci, fake_server):
    fake_server.lose = 2
    ci.ok("alm", "push", "--tag", "v1", env={"ENVMGR_HTTP_RETRIES": "3"})
    assert list(fake_server.versions) == [("shop", "v1")]


def test_an_unreachable_server_fails_the_push_with_its_address(ci, alm):
    alm.close()
    result = ci.run("alm", "push", "--tag", "v1")
    assert result.code == 1
    assert f"cannot reach the ALM server at {alm.url}" in result.err
    assert "envmgr alm serve" in result.err
    assert "--spool" in result.err
    assert spooled(ci) == []


def test_a_push_without_login_fails_with_a_hint(machine, alm):
    result = machine.run("alm", "push", "--url", alm.url)
    assert result.code == 1
    assert "not signed in to" in result.err
    assert "ENVMGR_ALM_TOKEN" in result.err
    result = machine.run("alm", "push")
    assert "no ALM server configured" in result.err


def test_a_push_without_login_is_spooled_until_login(ci, fake_server):
    no_token = {"ENVMGR_ALM_TOKEN": ""}
    result = ci.ok("alm", "push", "--tag", "v1", "--spool", env=no_token)
    assert "not signed in to" in result.err
    assert (len(spooled(ci)), fake_server.versions) == (1, {})
    ci.ok("alm", "flush")
    assert (spooled(ci), list(fake_server.versions)) == ([], [("shop", "v1")])


def test_a_push_that_is_neither_delivered_nor_spooled_is_an_error(ci, fake_server):
    ci.home.mkdir(exist_ok=True)
    (ci.home / "spool").write_text("in the way")
    fake_server.down = True
    result = ci.run("alm", "push", "--app", "shop", "--tag", "v1", "--spool")
    assert result.code == 1
    assert "error: shop@v1 was not delivered (" in result.err
    assert "and could not be queued: cannot write " in result.err
    assert "hint: push again when the server is available" in result.err


def test_a_push_with_a_rejected_token_is_not_spooled(ci, fake_server):
    result = ci.run("alm", "push", "--tag", "v1", "--spool", env={"ENVMGR_ALM_TOKEN": "evm_k9_none"})
    assert (result.code, spooled(ci), fake_server.versions) == (1, [], {})
    assert "authentication failed" in result.err


def test_no_secret_is_printed_or_stored(ci, alm, fake_server):
    fake_server.down = True
    result = ci.ok("alm", "push", "--tag", "v1", "--spool", "--verbose")
    assert KEY not in result.out + result.err
    assert all(KEY not in path.read_text() for path in spooled(ci))
    alm.close()
    assert KEY not in ci.run("alm", "push", "--tag", "v2", "--verbose").err


class TestSpool:
    def test_an_undelivered_push_is_spooled_and_delivered_before_the_next(self, ci, fake_server, alm):
        fake_server.down = True
        result = ci.ok("alm", "push", "--tag", "v1", "--spool")
        assert "shop@v1 queued for" in result.out
        (path,) = spooled(ci)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        commit(ci.project, "second")
        ci.ok("alm", "push", "--tag", "v2", "--spool")
        assert len(spooled(ci)) == 2
        fake_server.down = False
        result = ci.ok("alm", "push", "--tag", "v3")
        assert list(fake_server.versions) == [("shop", "v1"), ("shop", "v2"), ("shop", "v3")]
        assert "delivered queued push shop@v1" in result.err
        assert spooled(ci) == []

    def test_an_unreachable_server_and_offline_mode_spool_the_push(self, ci, alm):
        alm.close()
        document = json.loads(ci.ok("alm", "push", "--tag", "v1", "--spool", "--json").out)
        assert (document["status"], document["version"]) == ("spooled", None)
        assert document["spooled"] == str(spooled(ci)[0])
        ci.ok("alm", "push", "--tag", "v2", "--spool", "--offline")
        assert len(spooled(ci)) == 2

    def test_a_push_with_slashes_in_its_tag_is_spooled_and_delivered(self, ci, fake_server):
        fake_server.down = True
        ci.ok("alm", "push", "--spool", "--tag", "release/3.0")
        assert len(spooled(ci)) == 1
        fake_server.down = False
        assert "shop@release/3.0" in ci.ok("alm", "flush").out
        assert set(fake_server.versions) == {("shop", "release/3.0")}

    def test_an_identical_push_is_spooled_once(self, ci, fake_server):
        fake_server.down = True
        for _ in range(2):
            ci.ok("alm", "push", "--tag", "v1", "--spool")
        assert len(spooled(ci)) == 1

    def test_flush_delivers_and_reports(self, ci, fake_server):
        fake_server.down = True
        ci.ok("alm", "push", "--tag", "v1", "--spool")
        assert ci.run("alm", "flush").code == 1
        fake_server.down = False
        document = json.loads(ci.ok("alm", "flush", "--json").out)
        assert document["delivered"] == [{"app": "shop", "tag": "v1", "created": True}]
        assert ci.ok("alm", "flush").out == "queue is empty\n"

    def test_a_permanently_rejected_push_is_set_aside_and_reported(self, ci, fake_server):
        fake_server.down = True
        ci.ok("alm", "push", "--tag", "v1", "--spool")
        fake_server.down = False
        ci.project.joinpath(".envmgr.lock").write_text('{"alpha": "1.0.0"}\n')
        result = ci.run("alm", "push", "--tag", "v1", "--url", ci.variables["ENVMGR_ALM_URL"])
        assert result.code == 1  # what waited came first, so it is this one that does not fit
        assert "sha256:" in result.err
        fake_server.down = True
        ci.ok("alm", "push", "--tag", "v1", "--spool")
        fake_server.down = False
        result = ci.run("alm", "flush")
        assert result.code == 1
        assert "shop@v1 was rejected" in result.err
        assert spooled(ci) == []
        (aside,) = (ci.home / "spool" / "rejected").glob("*.json")
        assert "sha256:" in aside.with_name(f"{aside.name}.reason").read_text()
        assert ci.ok("alm", "flush").out == "queue is empty\n"

    def test_a_rejected_spooled_push_does_not_stop_others_and_the_command_fails(self, ci, fake_server):
        ci.ok("alm", "push", "--tag", "v1")
        ci.project.joinpath(".envmgr.lock").write_text('{"alpha": "1.0.0"}\n')
        fake_server.down = True
        ci.ok("alm", "push", "--tag", "v1", "--spool")
        fake_server.down = False
        result = ci.run("alm", "push", "--tag", "v2")
        assert (result.code, ("shop", "v2") in fake_server.versions) == (1, True)
        assert "shop@v1 was rejected" in result.err

    def test_a_push_without_permission_stays_spooled(self, ci, fake_server):
        fake_server.down = True
        ci.ok("alm", "push", "--app", "secret", "--tag", "v1", "--spool")
        fake_server.down = False
        fake_server.forbidden.add("secret")
        result = ci.ok("alm", "push", "--tag", "v1")
        assert "still queued" in result.err
        assert len(spooled(ci)) == 1

    def test_a_push_for_another_server_is_not_sent_to_this_one(self, ci, fake_server, alm):
        ci.ok("alm", "push", "--tag", "v1", "--spool", "--url", "http://127.0.0.1:9")
        result = ci.ok("alm", "flush")
        assert "queued for http://127.0.0.1:9" in result.out
        assert alm.requests == []
        assert ci.ok("alm", "push", "--tag", "v1").err == ""

    def test_a_push_queued_for_localhost_is_sent_to_its_address(self, ci, fake_server, alm):
        fake_server.down = True
        local = alm.url.replace("127.0.0.1", "localhost")
        ci.ok("alm", "push", "--tag", "v1", "--spool", "--url", local)
        ci.ok("alm", "push", "--tag", "v1", "--spool")
        assert len(spooled(ci)) == 1
        fake_server.down = False
        ci.ok("alm", "flush")
        assert (spooled(ci), list(fake_server.versions)) == ([], [("shop", "v1")])

    def test_an_invalid_spool_file_is_set_aside(self, ci):
        ci.home.joinpath("spool").mkdir(parents=True)
        ci.home.joinpath("spool", "1-x.json").write_text("{")
        assert ci.run("alm", "flush").code == 1
        assert ci.ok("alm", "flush").out == "queue is empty\n"
