from __future__ import annotations

import os

import pytest

from envmgr.server.kit.datadir import DataDirectory, DataDirectoryError


def test_a_directory_is_made_for_its_owner_only(tmp_path):
    with DataDirectory(str(tmp_path / "a" / "b")) as data:
        assert os.stat(data.path).st_mode & 0o777 == 0o700
        assert data.is_new
        assert data.database("app") == str(tmp_path / "a" / "b" / "app.db")


def test_one_at_a_time_and_the_second_is_told_whose_it_is(tmp_path):
    first, second = DataDirectory(str(tmp_path)), DataDirectory(str(tmp_path))
    with (
        first,
        pytest.raises(DataDirectoryError, match=rf"process {os.getpid()}\) runs on {tmp_path}"),
        second,
    ):
        pass
    with second:
        assert not os.path.exists(os.path.join(str(tmp_path), "other"))
    assert sorted(os.listdir(tmp_path)) == ["server.lock"]


def test_a_directory_with_a_database_is_not_new(tmp_path):
    data = DataDirectory(str(tmp_path))
    assert data.is_new
    (tmp_path / "gateway.db").write_bytes(b"")
    assert not data.is_new


def test_a_path_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match="cannot make"):
        DataDirectory(str(tmp_path / "file")).make()
