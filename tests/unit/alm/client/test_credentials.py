from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from envmgr.alm.client import credentials
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.kit.errors import StorageError
from envmgr.kit.paths import single_root

URL, OTHER = "https://alm.example.com", "http://127.0.0.1:8080"
LOGIN = StoredCredentials("access", "refresh", 1_700_000_000.0, "user:ada")


@pytest.fixture
def paths(tmp_path):
    return single_root(str(tmp_path))


def test_stored_credentials_are_looked_up_by_server(paths):
    credentials.save(paths, URL, LOGIN)
    credentials.save(paths, OTHER, StoredCredentials("evm_1_x", actor="key:1"))
    assert credentials.load(paths, URL) == LOGIN
    assert credentials.load(paths, OTHER) == StoredCredentials("evm_1_x", actor="key:1")
    assert credentials.load(paths, "https://elsewhere.example") is None


def test_deleting_credentials_keeps_those_of_other_servers(paths):
    credentials.save(paths, URL, LOGIN)
    credentials.save(paths, OTHER, LOGIN)
    credentials.remove(paths, URL)
    credentials.remove(paths, URL)
    assert (credentials.load(paths, URL), credentials.load(paths, OTHER)) == (None, LOGIN)


LOCALHOST, LOOPBACK = "http://localhost:8080", "http://127.0.0.1:8080"


@pytest.mark.parametrize(("first", "second"), [(LOCALHOST, LOOPBACK), (LOOPBACK, LOCALHOST)])
def test_localhost_and_its_address_are_one_server_with_one_entry(first, second, paths):
    credentials.save(paths, first, LOGIN)
    assert credentials.load(paths, second) == LOGIN
    newer = StoredCredentials("evm_1_x", actor="key:1")
    credentials.save(paths, second, newer)
    assert credentials.load(paths, first) == newer
    assert list(json.loads(Path(paths.credentials_file).read_text())["servers"]) == [second]
    credentials.remove(paths, first)
    assert credentials.load(paths, second) is None


def test_entries_of_both_names_are_read_by_their_own_name_and_removed_together(paths):
    entries = {LOCALHOST: {"token": "a"}, LOOPBACK: {"token": "b"}}
    Path(paths.credentials_file).write_text(json.dumps({"servers": entries}))
    assert credentials.load(paths, LOCALHOST) == StoredCredentials("a")
    assert credentials.load(paths, LOOPBACK) == StoredCredentials("b")
    credentials.remove(paths, LOOPBACK)
    assert credentials.load(paths, LOCALHOST) is None


@pytest.mark.parametrize(
    "other",
    ["http://localhost:8081", "https://localhost:8080", "http://[::1]:8080", "http://localhost:8080/alm"],
)
def test_another_port_scheme_address_or_path_is_another_server(other, paths):
    credentials.save(paths, LOOPBACK, LOGIN)
    assert credentials.load(paths, other) is None


def test_writing_makes_the_file_readable_by_its_owner_only(paths):
    Path(paths.credentials_file).write_text('{"servers": {}}')
    Path(paths.credentials_file).chmod(0o644)
    credentials.save(paths, URL, LOGIN)
    assert stat.S_IMODE(Path(paths.credentials_file).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["{", "[]", '{"servers": 3}', '"x"'])
def test_an_invalid_file_is_reported_and_not_overwritten(paths, content):
    Path(paths.credentials_file).write_text(content)
    with pytest.raises(StorageError, match=r"credentials\.json"):
        credentials.save(paths, URL, LOGIN)
    assert Path(paths.credentials_file).read_text() == content


@pytest.mark.parametrize("entry", [None, 3, {}, {"token": ""}, {"token": None, "refresh_token": "x"}])
def test_an_entry_without_a_token_is_none(paths, entry):
    Path(paths.credentials_file).write_text(json.dumps({"servers": {URL: entry}}))
    assert credentials.load(paths, URL) is None


def test_the_repr_contains_no_secret():
    assert "refresh" not in repr(LOGIN)
    assert "access" not in repr(LOGIN)
