"""Credentials come from a netrc file, by host."""

from __future__ import annotations

import pytest

from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError
from envmgr.kit.http.netrc import Netrc


@pytest.fixture
def home(tmp_path):
    def logins(netrc="", **variables):
        environment = Environment({"HOME": str(tmp_path), **variables}, str(tmp_path))
        return Netrc(Settings(netrc=netrc), environment, notes.append)

    notes = []
    logins.path, logins.notes = tmp_path, notes
    return logins


def test_the_users_own_file_is_read(home):
    (home.path / ".netrc").write_text("machine a.b login me password secret\nmachine c.d login you\n")
    logins = home()
    assert logins.credentials_for("https://a.b:8443/x") == ("me", "secret")
    assert logins.credentials_for("https://c.d/") == ("you", "")
    assert logins.credentials_for("https://other/") is None


def test_without_a_netrc_file_no_credentials_are_sent(home):
    assert home().credentials_for("https://a.b/") is None
    assert home.notes == []


@pytest.mark.parametrize("path", ["setting", "variable"])
def test_another_file_may_be_relative_to_the_working_directory(home, path):
    (home.path / "logins").write_text("default login me password secret")
    logins = home("logins") if path == "setting" else home(NETRC="logins")
    assert logins.credentials_for("https://a.b/") == ("me", "secret")


@pytest.mark.parametrize("content", [None, "nonsense", b"\xff\xfe machine"])
def test_an_explicit_file_must_be_valid(home, content):
    if content is not None:
        (home.path / "logins").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match="logins"):
        home("logins").credentials_for("https://a.b/")


def test_an_invalid_default_file_is_ignored(home):
    (home.path / ".netrc").write_text("nonsense")
    logins = home()
    assert logins.credentials_for("https://a.b/") is None
    assert logins.credentials_for("https://c.d/") is None
    assert len(home.notes) == 1
    assert ".netrc" in home.notes[0]


def test_an_entry_with_the_port_wins_over_that_of_the_host(home):
    (home.path / ".netrc").write_text(
        "machine a.b login host\nmachine a.b:8443 login port\ndefault login any\n"
    )
    logins = home()
    assert logins.credentials_for("https://a.b:8443/x") == ("port", "")
    assert logins.credentials_for("https://a.b:9443/x") == ("host", "")
    assert logins.credentials_for("https://a.b/x") == ("host", "")
    assert logins.credentials_for("https://other:1/x") == ("any", "")
