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


def test_what_is_forgotten_is_gone_and_the_rest_stays(paths):
    credentials.save(paths, URL, LOGIN)
    credentials.save(paths, OTHER, LOGIN)
    credentials.remove(paths, URL)
    credentials.remove(paths, URL)
    assert (credentials.load(paths, URL), credentials.load(paths, OTHER)) == (None, LOGIN)


def test_only_the_user_can_read_the_file_even_if_others_could_before(paths):
    Path(paths.credentials_file).write_text('{"servers": {}}')
    Path(paths.credentials_file).chmod(0o644)
    credentials.save(paths, URL, LOGIN)
    assert stat.S_IMODE(Path(paths.credentials_file).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["{", "[]", '{"servers": 3}', '"x"'])
def test_a_file_that_is_something_else_is_named_and_not_lost(paths, content):
    Path(paths.credentials_file).write_text(content)
    with pytest.raises(StorageError, match=r"credentials\.json"):
        credentials.save(paths, URL, LOGIN)
    assert Path(paths.credentials_file).read_text() == content


@pytest.mark.parametrize("entry", [None, 3, {}, {"token": ""}, {"token": None, "refresh_token": "x"}])
def test_an_entry_without_a_token_is_none(paths, entry):
    Path(paths.credentials_file).write_text(json.dumps({"servers": {URL: entry}}))
    assert credentials.load(paths, URL) is None


def test_no_secret_is_in_a_repr():
    assert "refresh" not in repr(LOGIN)
    assert "access" not in repr(LOGIN)
