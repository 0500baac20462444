"""Files compared with their digests."""

from __future__ import annotations

import hashlib

import pytest

from envmgr.install.download.digests import file_digest, has_digest
from envmgr.kit.digest import Digest
from envmgr.kit.errors import StorageError


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha384", "sha1"])
def test_a_different_file_does_not_match(tmp_path, algorithm):
    path = tmp_path / "f"
    path.write_bytes(b"abc" * 100_000)
    promised = Digest(algorithm, hashlib.new(algorithm, b"abc" * 100_000).hexdigest())
    assert file_digest(str(path), algorithm) == promised
    assert has_digest(str(path), promised)
    path.write_bytes(b"abd")
    assert not has_digest(str(path), promised)


def test_a_missing_file_does_not_match(tmp_path):
    assert not has_digest(str(tmp_path / "none"), Digest("sha256", "0" * 64))
    with pytest.raises(StorageError, match="none"):
        file_digest(str(tmp_path / "none"))
