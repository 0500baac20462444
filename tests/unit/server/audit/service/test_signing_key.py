from __future__ import annotations

import stat
import sys

import pytest

from envmgr.server.audit.service.signing_key import SigningKeyError, private_key


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
