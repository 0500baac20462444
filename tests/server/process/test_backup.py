"""Backup of a running server, and its restoration."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from support.server.concurrent_writers import pages
from support.server.installations import SqliteInstallation
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)
DATABASES = ("app.db", "audit.db", "deployment.db", "gateway.db", "version.db", "worker.db")


@pytest.fixture(scope="module")
def backups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with backups of a server that was written to while they were made."""
    root = tmp_path_factory.mktemp("backups")
    installation = SqliteInstallation(root)
    daemon = installation.daemon
    stop = threading.Event()
    try:
        token = daemon.start().login()["access_token"]
        writer = threading.Thread(target=write, args=(daemon, token, stop))
        writer.start()
        with daemon.wire(token) as wire:
            wait_until(lambda: wire.ask("GET", "/apps").json)
        for name in ("one", "two.tar.gz"):
            result = installation.run("backup", str(root / name))
            assert result.returncode == 0, result.stderr
        stop.set()
        writer.join()
        daemon.stop()
    finally:
        stop.set()
        daemon.end()
    return root


def write(daemon, token, stop):
    with daemon.wire(token) as wire:
        number = 0
        while not stop.is_set():
            number += 1
            reply = wire.ask("POST", "/apps", {"name": f"app-{number}", "version": "1.0.0"})
            assert reply.status == 201, reply.text


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[SqliteInstallation]:
    """Yield an installation without data."""
    installation = SqliteInstallation(tmp_path)
    yield installation
    installation.daemon.end()


def test_a_backup_has_the_databases_the_keys_and_a_manifest_for_their_owner_only(backups):
    names = {"audit.key", "jwt.secret", "manifest.json", *DATABASES}
    assert set(os.listdir(backups / "one")) == names
    assert stat.S_IMODE(os.stat(backups / "one").st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(backups / "one" / name).st_mode) for name in names} == {0o600}
    assert stat.S_IMODE(os.stat(backups / "two.tar.gz").st_mode) == 0o600
    with tarfile.open(backups / "two.tar.gz") as archive:
        assert set(archive.getnames()) == names
    manifest = json.loads((backups / "one" / "manifest.json").read_text())
    assert manifest["files"].keys() == names - {"manifest.json"}
    assert manifest["files"]["app.db"]["revision"] == "0001"
    assert [name for name in os.listdir(backups) if ".partial" in name] == []


@pytest.mark.parametrize("name", ["one", "two.tar.gz"])
def test_a_backup_of_a_server_in_use_is_of_one_moment(backups, restored, name):
    result = restored.run("restore", str(backups / name))
    assert result.returncode == 0, result.stderr
    daemon = restored.daemon.start()
    token = daemon.login()["access_token"]
    daemon.settle(token)
    code, report = restored.verify(token)
    assert (code, report["findings"]) == (0, [])
    with daemon.wire(token) as wire:
        apps = {app["id"] for app in pages(wire, "/apps?limit=200")}
        apps_with_version = {version["app_id"] for version in pages(wire, "/versions?limit=200")}
        assert apps
        assert apps_with_version <= apps
        assert len(apps - apps_with_version) <= 1  # the one whose version was being created
        assert wire.ask("POST", "/apps", {"name": "after"}).status == 201


def test_a_backup_replaces_nothing(backups, restored):
    (restored.root / "kept").mkdir()
    restored.run("restore", str(backups / "one"))
    for name in ("kept", "file"):
        (restored.root / "file").touch()
        result = restored.run("backup", str(restored.root / name))
        assert result.returncode == 1
        assert "already exists" in result.stderr
    assert os.listdir(restored.root / "kept") == []


def test_a_restore_moves_existing_data_aside_only_with_its_option(backups, restored):
    assert restored.run("migrate").returncode == 0
    before = (restored.daemon.data / "app.db").read_bytes()
    refused = restored.run("restore", str(backups / "one"))
    assert refused.returncode == 1
    assert "pass `--replace`" in refused.stderr
    assert (restored.daemon.data / "app.db").read_bytes() == before
    (restored.daemon.data / "app.db-wal").write_bytes(b"of another file")
    assert restored.run("restore", str(backups / "one"), "--replace").returncode == 0
    (aside,) = restored.daemon.data.glob("replaced-*")
    assert (aside / "app.db").read_bytes() == before
    assert (aside / "app.db-wal").exists()
    restored.daemon.start()


def test_a_restore_leaves_a_running_server_alone(backups, restored):
    restored.daemon.start()
    refused = restored.run("restore", str(backups / "one"), "--replace")
    assert refused.returncode == 1
    assert "in use by another server" in refused.stderr
    wait_until(restored.daemon.is_ready)


def damage(path, change):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if change == "flipped" else content[:-1])


@pytest.mark.parametrize("change", ["flipped", "shortened"])
@pytest.mark.parametrize("name", ["app.db", "audit.key"])
def test_a_damaged_backup_is_refused_and_changes_nothing(backups, restored, name, change):
    copy = shutil.copytree(backups / "one", restored.root / "copy")
    damage(copy / name, change)
    refused = restored.run("restore", str(copy))
    assert refused.returncode == 1
    assert f"is damaged: {name}" in refused.stderr
    assert not (restored.daemon.data / "app.db").exists()
    assert [path for path in os.listdir(restored.daemon.data) if "partial" in path or "restore" in path] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest | {"format": 2}, "has format 2, expected 1"),
        (lambda manifest: manifest | {"files": {}}, "is incomplete: app.db"),
        (
            lambda manifest: manifest | {"files": manifest["files"] | {"../x": {"size": 0, "sha256": ""}}},
            "has an unknown file ../x",
        ),
        (
            lambda manifest: (
                manifest
                | {
                    "files": manifest["files"]
                    | {"app.db": manifest["files"]["app.db"] | {"revision": "9999"}}
                }
            ),
            "app.db has schema revision 9999",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(backups, restored, change, message):
    copy = shutil.copytree(backups / "one", restored.root / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(change(manifest)))
    refused = restored.run("restore", str(copy))
    assert refused.returncode == 1
    assert message in refused.stderr


@pytest.mark.parametrize("name", ["nothing", "directory", "text"])
def test_what_is_not_a_backup_is_refused(restored, name):
    (restored.root / "directory").mkdir()
    (restored.root / "text").write_text("text")
    refused = restored.run("restore", str(restored.root / name))
    assert refused.returncode == 1
    assert "not found" in refused.stderr or "is not a backup" in refused.stderr


def test_no_server_starts_on_an_interrupted_restore(backups, restored):
    assert restored.run("restore", str(backups / "one")).returncode == 0
    (restored.daemon.data / "restore.incomplete").touch()
    (restored.daemon.data / "version.db").unlink()
    refused = restored.run("serve", "all")
    assert refused.returncode == 1
    assert "a restore was interrupted" in refused.stderr
    assert restored.run("restore", str(backups / "one")).returncode == 0
    restored.daemon.start()


def test_postgresql_is_left_to_its_own_backups(tmp_path):
    installation = SqliteInstallation(tmp_path)
    installation.environment["DB_URL"] = "postgresql://alm@127.0.0.1:1/alm"
    for arguments in (("backup", str(tmp_path / "b")), ("restore", str(tmp_path / "b"))):
        refused = installation.run(*arguments)
        assert refused.returncode == 1
        assert "run `pg_dump` for each database" in refused.stderr
