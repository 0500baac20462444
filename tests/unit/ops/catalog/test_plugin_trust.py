"""Trust in install scripts, where a variable decides instead of the file."""

from __future__ import annotations

import json

import pytest

from envmgr.cli.main import main

MANIFEST = {
    "name": "alpha",
    "source": {"kind": "static", "versions": ["1"]},
    "bin": ["alpha"],
    "install_script": {"unix": "make"},
}


@pytest.fixture
def trust(tmp_path, monkeypatch, capsys):
    """Return a function that runs `plugin trust alpha` with a value of the variable."""
    (tmp_path / ".envmgr.plugins").mkdir()
    (tmp_path / ".envmgr.plugins/alpha.json").write_text(json.dumps(MANIFEST))
    monkeypatch.setenv("ENVMGR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(variable, *options):
        monkeypatch.setenv("ENVMGR_TRUSTED", variable)
        assert main(["plugin", "trust", "alpha", *options]) == 0
        return capsys.readouterr()

    return run


def test_without_the_variable_the_file_decides(trust):
    assert json.loads(trust("", "--json").out)["trusted"] is True
    output = trust("", "--revoke")
    assert "alpha is not trusted" in output.err
    assert "ENVMGR_TRUSTED" not in output.err


def test_a_digest_that_the_variable_lacks_is_not_trusted(trust):
    assert json.loads(trust("sha256:other", "--json").out)["trusted"] is False
    output = trust("sha256:other")
    assert "alpha is not trusted" in output.err
    assert "ENVMGR_TRUSTED is set" in output.err


def test_a_digest_in_the_variable_stays_trusted(trust):
    digest = json.loads(trust("", "--json").out)["digest"]
    assert json.loads(trust(digest, "--revoke", "--json").out)["trusted"] is True
    assert "ENVMGR_TRUSTED is set" in trust(digest, "--revoke").err
