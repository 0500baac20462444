from __future__ import annotations

import errno
import os

import pytest
from filelock import FileLock

from envmgr.server.bootstrap import databases, registry
from envmgr.server.bootstrap.backend import SqliteBackend
from envmgr.server.kit.config.data_dir import DataDirectoryError


def test_a_directory_is_created_private_to_its_owner(tmp_path):
    with databases.data_directory(str(tmp_path / "a" / "b")) as data:
        assert os.stat(data.path).st_mode & 0o777 == 0o700
        assert data.is_new
        assert data.database("app") == str(tmp_path / "a" / "b" / "app.db")


def test_a_second_process_is_rejected_and_names_the_first(tmp_path):
    first, second = databases.data_directory(str(tmp_path)), databases.data_directory(str(tmp_path))
    with (
        first,
        pytest.raises(
            DataDirectoryError, match=rf"{tmp_path} is in use by another server \(pid {os.getpid()}\)"
        ),
        second,
    ):
        pass
    with second:
        assert not os.path.exists(os.path.join(str(tmp_path), "other"))
    assert sorted(os.listdir(tmp_path)) == ["server.lock"]


def test_a_directory_with_a_database_is_not_new(tmp_path):
    data = databases.data_directory(str(tmp_path))
    assert data.is_new
    (tmp_path / "gateway.db").write_bytes(b"")
    assert not data.is_new


def test_a_directory_without_permission_is_named(tmp_path, monkeypatch):
    backend = SqliteBackend(databases.data_directory(str(tmp_path)))
    with pytest.raises(DataDirectoryError, match="contains no server data"):
        backend.require_data()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may use any directory
    with pytest.raises(DataDirectoryError, match="is not writable") as caught:
        backend.require_data()
    assert caught.value.hint.startswith("chown it to the server's user")


@pytest.mark.parametrize(
    ("error", "hint"),
    [(errno.EACCES, "chown it to the server's user"), (errno.ENOLCK, "use a local file system")],
)
def test_a_lock_that_cannot_be_taken_has_the_hint_of_its_cause(tmp_path, monkeypatch, error, hint):
    def fail(_lock, **_options):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(FileLock, "acquire", fail)
    with (
        pytest.raises(DataDirectoryError, match="cannot lock") as caught,
        databases.data_directory(str(tmp_path)),
    ):
        pass
    assert caught.value.hint.startswith(hint)


def test_a_path_that_is_not_a_directory_is_rejected(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="cannot create"):
        databases.data_directory(str(tmp_path / "file")).make()


def test_a_directory_of_another_owner_is_rejected_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    tmp_path.chmod(0o755)
    with pytest.raises(DataDirectoryError, match=r"not an envmgr-alm data directory.*thesis\.txt") as caught:
        databases.data_directory(str(tmp_path)).make()
    assert "--data-dir" in (caught.value.hint or "")
    assert os.listdir(tmp_path) == ["thesis.txt"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["server.lock", "jwt.secret", "audit.db"])
def test_a_directory_with_any_server_file_belongs_to_a_server(name, tmp_path):
    for item in (name, "notes.txt"):
        (tmp_path / item).write_text("")
    databases.data_directory(str(tmp_path)).make()
    assert set(os.listdir(tmp_path)) == {name, "notes.txt"}


def test_an_empty_directory_is_made_private_to_its_owner(tmp_path):
    (tmp_path / "lost+found").mkdir()
    tmp_path.chmod(0o777)
    data = databases.data_directory(str(tmp_path))
    assert data.is_accessible_to_others
    data.make()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not data.is_accessible_to_others


def test_later_permissions_for_others_are_preserved_and_reported(tmp_path):
    data = databases.data_directory(str(tmp_path))
    with data:
        pass
    tmp_path.chmod(0o750)
    with data:
        assert data.is_accessible_to_others


@pytest.mark.parametrize("service", [service.NAME for service in registry.SERVICES])
def test_the_database_of_any_service_identifies_the_directory(tmp_path, service):
    data = databases.data_directory(str(tmp_path))
    assert data.is_new
    (tmp_path / f"{service}.db").touch()
    (tmp_path / "notes.txt").touch()
    data.make()
    assert not data.is_new
