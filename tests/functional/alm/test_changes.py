"""Changes by `envmgr alm` on a real server, and its audit log, with and without tampering."""

from __future__ import annotations

import json
import select
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.alm.seeded_server import DOTFILE, NEW, OLD, toolchain
from support.matrices import sample

if TYPE_CHECKING:
    import subprocess


def run_json(machine, *words):
    return json.loads(machine.ok("alm", *words, "--json").out)


def test_an_app_is_created_changed_and_deleted(signed_in):
    made = run_json(signed_in, "apps", "create", "made", "--description", "One", "--version", "0.1")["app"]
    assert made["version"]["tag"] == "0.1"
    assert signed_in.ok("alm", "apps", "update", "made", "--name", "remade").out == "updated remade\n"
    assert run_json(signed_in, "apps", "show", "remade")["app"]["description"] == "One"
    assert signed_in.ok("alm", "apps", "delete", "remade", "--yes").out == "deleted remade\n"
    assert "app 'remade' not found" in signed_in.run("alm", "apps", "show", "remade").err


def test_a_deployed_app_is_deleted_only_with_force(signed_in):
    signed_in.ok("alm", "apps", "create", "forced", "--version", "1")
    signed_in.ok("alm", "deploy", "forced@1", "--env", "forced", "--status", "successful")
    refused = signed_in.run("alm", "apps", "delete", "forced", "--yes")
    assert refused.code == 1
    assert "--force" in refused.err.splitlines()[-1]
    signed_in.ok("alm", "apps", "delete", "forced", "--yes", "--force")


def test_a_version_is_created_from_files_changed_and_deleted(signed_in):
    lock = toolchain(NEW)
    (signed_in.project / "lock").write_text(lock["lock"])
    (signed_in.project / "dotfile").write_text(lock["dotfile"])
    signed_in.ok("alm", "apps", "create", "byhand")
    words = ["--lock", "lock", "--dotfile", "dotfile", "--artifact", "it=@lock", "--commit", "abcdef1"]
    made = run_json(signed_in, "versions", "create", "byhand@1", *words)["version"]
    assert [tool["version"] for tool in made["toolchain"]["tools"]] == ["20.11.1", "3.11.7"]
    assert made["artifacts"][0]["digest"] == made["toolchain"]["lock_digest"]
    signed_in.ok("alm", "versions", "update", "byhand", "1", "--changelog", "Two\nlines")
    assert "  changelog  Two\n             lines\n" in signed_in.ok("alm", "versions", "show", "byhand@1").out
    assert signed_in.ok("alm", "versions", "delete", "byhand@1", "--yes").out == "deleted byhand@1\n"
    assert run_json(signed_in, "versions", "list", "--app", "byhand") == {
        "schema": "envmgr/alm-versions-list/1",
        "versions": [],
        "more": False,
    }


def test_a_tag_with_slashes_works_through_the_whole_lifecycle(signed_in, world):
    (signed_in.project / ".envmgr").write_text(DOTFILE)
    for tag, tools in (("release/3.0", OLD), ("sub/v1.0.0", NEW)):
        (signed_in.project / ".envmgr.lock").write_text(toolchain(tools)["lock"])
        github = {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": tag}
        pushed = json.loads(
            signed_in.ok(
                "alm", "push", "--app", "slashed", "--commit", world.commits[0], "--json", env=github
            ).out
        )
        assert (pushed["tag"], pushed["version"]["tag"], pushed["status"]) == (tag, tag, "created")
    versions = run_json(signed_in, "versions", "list", "--app", "slashed")["versions"]
    assert [version["tag"] for version in versions] == ["sub/v1.0.0", "release/3.0"]
    assert signed_in.ok("alm", "versions", "show", "slashed@release/3.0").out.startswith(
        "slashed@release/3.0"
    )
    done = run_json(signed_in, "deploy", "slashed@release/3.0", "--env", "slashes", "--status", "successful")
    assert done["deployment"]["tag"] == "release/3.0"
    signed_in.ok("alm", "deploy", "slashed", "sub/v1.0.0", "--env", "slashes2", "--status", "successful")
    assert "release/3.0" in signed_in.ok("alm", "status", "--env", "slashes").out
    assert (
        "slashed@release/3.0" in signed_in.ok("alm", "affected", "nodejs", "<20.11.1", "--env", "slashes").out
    )
    assert signed_in.ok("alm", "diff", "slashed@release/3.0", "slashed:slashes2").out.startswith(
        "slashed  release/3.0 -> sub/v1.0.0\n"
    )
    out = signed_in.ok("alm", "checkout", "slashed@release/3.0", "--force").out
    assert out.startswith("wrote .envmgr.lock from slashed@release/3.0\n")
    assert (signed_in.project / ".envmgr.lock").read_text() == toolchain(OLD)["lock"]
    signed_in.ok("alm", "versions", "create", "slashed@hand/1")
    assert (
        signed_in.ok("alm", "versions", "delete", "slashed@hand/1", "--yes").out == "deleted slashed@hand/1\n"
    )
    missing = signed_in.run("alm", "versions", "show", "slashed@release/3.1")
    assert (missing.code, "release/3.0" in missing.err) == (1, True)


def test_an_environment_is_created_only_with_an_option_if_it_differs_in_case(signed_in):
    signed_in.ok("alm", "apps", "create", "cased", "--version", "1")
    made, arrow, *_ = signed_in.ok("alm", "deploy", "cased@1", "--env", "cased").out.splitlines()
    assert made == "created environment cased"
    assert "cased: pending" in arrow
    refused = signed_in.run("alm", "deploy", "cased@1", "--env", "Cased")
    assert refused.code == 1
    assert "hint: use `--env cased`, or pass `--new-env` to create Cased" in refused.err
    same = signed_in.run("alm", "deploy", "cased@1", "--env", "Cased", "--new-env")
    assert same.code == 1
    assert "already being deployed to cased" in same.err


def test_a_deployment_is_advanced_promoted_and_retired(signed_in):
    signed_in.ok("alm", "apps", "create", "walked", "--version", "1")
    _, *begun = signed_in.ok("alm", "deploy", "walked@1", "--env", "one").out.splitlines()
    assert begun[0].startswith("pending walked@1 -> one: pending")
    assert begun[1].startswith("next: envmgr alm deployments update ")
    id_ = begun[1].split()[5]
    active = signed_in.run("alm", "deploy", "walked@1", "--env", "one")
    assert active.code == 1
    assert f"deployment {id_}" in active.err
    done = run_json(signed_in, "deployments", "update", id_, "--status", "successful", "--reason", "fine")
    assert done["steps"] == ["in_progress", "successful"]
    promoted = run_json(signed_in, "deploy", "walked:one", "--env", "two", "--status", "successful")
    assert promoted["deployment"]["environment"] == "two"
    signed_in.ok("alm", "deployments", "update", id_, "--status", "superseded")
    placements = run_json(signed_in, "apps", "show", "walked")["placements"]
    assert {placement["environment"]: bool(placement["current"]) for placement in placements} == {
        "one": False,
        "two": True,
    }
    beyond = signed_in.run("alm", "deployments", "update", id_, "--status", "failed")
    assert (beyond.code, "error: " in beyond.err) == (1, True)


def test_a_deployment_that_requires_approval_waits_for_another_user(signed_in, world):
    signed_in.ok("alm", "apps", "create", "guarded", "--version", "1")
    with world.daemon.wire(world.token()) as wire:
        rules = {"name": "guarded", "rules": {"requires_approval": True}}
        assert wire.ask("POST", "/environments", rules).status == 201
    result = signed_in.run("alm", "deploy", "guarded@1", "--env", "guarded", "--status", "successful")
    assert result.code == 1
    (waiting,) = run_json(signed_in, "deployments", "list", "--app", "guarded")["deployments"]
    assert waiting["status"] == "awaiting_approval"
    assert f"deployment {waiting['id']} was created but could not be set to successful" in result.err
    for state in ("successful", "cancelled"):
        assert f"`envmgr alm deployments update {waiting['id']} --status {state}`" in result.err


def test_repeating_a_command_continues_an_unfinished_deployment(signed_in):
    signed_in.ok("alm", "apps", "create", "left", "--version", "1")
    begun = run_json(signed_in, "deploy", "left@1", "--env", "left")["deployment"]
    done = run_json(signed_in, "deploy", "left@1", "--env", "left", "--status", "successful")
    assert done["resumed"]
    assert (done["deployment"]["id"], done["deployment"]["status"]) == (begun["id"], "successful")
    assert not run_json(signed_in, "deploy", "left@1", "--env", "left", "--status", "successful")["resumed"]


def test_the_log_has_actors_and_changes(signed_in, world):
    signed_in.ok("alm", "apps", "create", "logged", "--version", "1")
    world.daemon.settle(world.token())
    entries = run_json(signed_in, "audit", "--type", "AppCreated", "--limit", "1")["entries"]
    assert [(entry["actor"], entry["payload"]["name"]) for entry in entries] == [("user:admin", "logged")]
    output = signed_in.ok("alm", "audit", "--type", "VersionCreated", "--limit", "1")
    assert output.out.endswith("user:admin  VersionCreated  logged@1\n")
    assert "latest 1 entries" in output.err
    by_actor = signed_in.ok("alm", "audit", "--actor", "admin", "--resource", "logged")
    # Two services emit these events: either may arrive first.
    assert sorted(line.split()[-2:] for line in by_actor.out.splitlines()) == [
        ["AppCreated", "logged"],
        ["VersionCreated", "logged@1"],
    ]
    assert "filtering by actor user:admin" in by_actor.err
    assert "filtering by resource app/" in by_actor.err


@pytest.mark.parametrize("follow", [[], ["--follow", "--limit", "0"]], ids=str)
def test_an_unknown_entry_type_is_an_error_with_suggestions(signed_in, follow):
    refused = signed_in.run("alm", "audit", "--type", "AppCreate", *follow)
    assert (refused.code, refused.out) == (1, "")
    assert "did you mean AppCreated?" in refused.err


def test_the_log_is_followed_live(signed_in, world):
    world.daemon.settle(world.token())  # else an earlier app may arrive after the first line
    with signed_in.start(
        "alm", "audit", "--follow", "--limit", "1", "--type", "AppCreated", "--json"
    ) as follower:
        try:
            _line(follower)
            signed_in.ok("alm", "apps", "create", "followed")
            entry = json.loads(_line(follower))
        finally:
            follower.kill()
    assert entry["schema"] == "envmgr/alm-audit-entry/1"
    assert entry["payload"]["name"] == "followed"


def _line(process: subprocess.Popen[str]) -> str:
    assert select.select([process.stdout], [], [], 60)[0], "nothing came"
    return process.stdout.readline()


def test_the_log_is_verified_against_saved_checkpoints(signed_in, world):
    signed_in.ok("alm", "audit", "--save-checkpoint", "kept.json")
    signed_in.ok("alm", "apps", "create", "grown")
    world.daemon.settle(world.token())
    verdict = run_json(signed_in, "audit", "--verify", "--checkpoint", "kept.json", "--export", "log")[
        "verdict"
    ]
    assert (verdict["intact"], verdict["findings"], verdict["saved_checkpoints"]) == (True, [], 1)
    signed_in.ok("alm", "apps", "create", "grown-more")
    world.daemon.settle(world.token())
    signed_in.ok("alm", "audit", "--save-checkpoint", "kept.json")
    assert len(json.loads((signed_in.project / "kept.json").read_text())) == 2
    away = {"ENVMGR_ALM_URL": "", "ENVMGR_ALM_TOKEN": ""}
    words = ["alm", "audit", "--verify", "--file", "log"]
    assert signed_in.ok(*words, env=away).out.startswith("OK: ")
    older = signed_in.run(*words, "--checkpoint", "kept.json", env=away)
    assert (older.code, "truncated" in older.out) == (1, True)


DONE_TO_IT = {
    "changed": "UPDATE entry SET actor = 'user:eve' WHERE seq = 3",
    "payload": "UPDATE entry SET payload = '{}' WHERE seq = 3",
    "removed": "DELETE FROM entry WHERE seq = 3",
    "truncated": "DELETE FROM entry WHERE seq > (SELECT max(seq) - 2 FROM checkpoint)",
    "forged": "UPDATE checkpoint SET timestamp = timestamp + 1 WHERE id = 1",
    "swapped": "UPDATE entry SET id = CASE seq WHEN 3 THEN (SELECT id FROM saved_entry WHERE seq = 4) "
    "ELSE (SELECT id FROM saved_entry WHERE seq = 3) END WHERE seq IN (3, 4)",
}
FOUND = {
    "changed": ("changed", 3),
    "payload": ("changed", 3),
    "removed": ("removed", 3),
    "truncated": ("truncated", None),
    "forged": ("forged", None),
    "swapped": ("changed", 3),
}


@pytest.mark.parametrize("act", sample(DONE_TO_IT, every=3))
def test_any_change_of_the_database_is_detected_with_its_position(world, signed_in, act):
    signed_in.ok("alm", "audit", "--save-checkpoint", "kept.json")
    world.daemon.settle(world.token())
    with closing(sqlite3.connect(world.daemon.data / "audit.db", timeout=60)) as database:
        _unguard(database)
        database.execute(DONE_TO_IT[act])
        database.commit()
        result = signed_in.run("alm", "audit", "--verify", "--checkpoint", "kept.json", "--json")
        _restore(database)
    assert result.code == 1, result
    findings = json.loads(result.out)["verdict"]["findings"]
    kind, seq = FOUND[act]
    assert any(finding["kind"] == kind and (seq is None or finding["seq"] == seq) for finding in findings), (
        findings
    )
    again = signed_in.run("alm", "audit", "--verify", "--checkpoint", "kept.json")
    assert again.code == 0, again


def _unguard(database: sqlite3.Connection) -> None:
    """Remove the triggers of a database, as its owner could."""
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    for name in names:
        database.execute(f"DROP TRIGGER {name}")
    database.execute("DROP INDEX entry_id")
    for table in ("entry", "checkpoint"):
        database.execute(f"CREATE TEMP TABLE saved_{table} AS SELECT * FROM {table}")


def _restore(database: sqlite3.Connection) -> None:
    for table in ("entry", "checkpoint"):
        database.execute(f"DELETE FROM {table}")
        database.execute(f"INSERT INTO {table} SELECT * FROM saved_{table}")
        database.execute(f"DROP TABLE saved_{table}")
    database.execute("CREATE UNIQUE INDEX entry_id ON entry (id)")
    database.commit()
