from __future__ import annotations

import stat
import sys

import pytest

from envmgr.server.audit.service.signing_key import SigningKeyError, configured_key, private_key


def test_a_key_is_generated_once_and_stored(tmp_path):
    path = str(tmp_path / "audit.key")
    key = private_key(path)
    assert len(key) == 32
    assert private_key(path) == key
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit.key"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_the_key_file_is_private_to_its_owner(tmp_path):
    private_key(str(tmp_path / "audit.key"))
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ="])
def test_a_file_without_a_key_is_rejected_and_preserved(tmp_path, content):
    path = tmp_path / "audit.key"
    path.write_bytes(content)
    with pytest.raises(SigningKeyError, match="not an Ed25519 private key") as caught:
        private_key(str(path))
    assert "restore it from a backup" in caught.value.hint
    assert path.read_bytes() == content


def test_a_setting_is_a_key_or_the_path_of_a_file_with_one(tmp_path):
    path = tmp_path / "audit.key"
    key = private_key(str(path))
    assert configured_key(str(path)) == key
    assert configured_key(path.read_text()) == key


@pytest.mark.parametrize("setting", ["", "c2hvcnQ=", "not-a-path"])
def test_another_setting_is_refused_without_its_text(setting):
    with pytest.raises(SigningKeyError, match="ALM_AUDIT_KEY is neither") as caught:
        configured_key(setting)
    assert "openssl rand -base64 32" in caught.value.hint


def test_a_file_without_a_key_is_refused(tmp_path):
    path = tmp_path / "other"
    path.write_text("no key")
    with pytest.raises(SigningKeyError, match="ALM_AUDIT_KEY is neither"):
        configured_key(str(path))
    with pytest.raises(SigningKeyError, match="cannot read the file in ALM_AUDIT_KEY"):
        configured_key(str(tmp_path))
