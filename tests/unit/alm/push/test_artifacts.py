from __future__ import annotations

import hashlib

import pytest

from envmgr.alm.push.artifacts import read
from envmgr.kit.errors import MissingProvenance, UsageError

DIGEST = "a" * 64


def test_digests_and_files_are_read(tmp_path):
    (tmp_path / "shop.tar.gz").write_bytes(b"content")
    assert read(
        [f"image=sha256:{DIGEST}", f"bare={DIGEST.upper()}", "shop.tar.gz=@shop.tar.gz"], str(tmp_path)
    ) == [
        {"name": "image", "digest": f"sha256:{DIGEST}"},
        {"name": "bare", "digest": f"sha256:{DIGEST}"},
        {"name": "shop.tar.gz", "digest": f"sha256:{hashlib.sha256(b'content').hexdigest()}"},
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("shop", "expected NAME=DIGEST"),
        ("=abc", "expected NAME=DIGEST"),
        ("shop=", "expected NAME=DIGEST"),
        ("shop=abc", "invalid digest abc"),
        (f"shop=sha1:{'a' * 40}", "sha1 is too weak"),
    ],
)
def test_an_invalid_artifact_is_a_usage_error_with_an_example(word, message, tmp_path):
    with pytest.raises(UsageError, match=message) as caught:
        read([word], str(tmp_path))
    assert caught.value.hint


def test_a_duplicate_name_is_rejected(tmp_path):
    with pytest.raises(UsageError, match="duplicate --artifact"):
        read([f"a={DIGEST}", f"a={DIGEST}"], str(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingProvenance, match=r"cannot read artifact shop: .*nothing: no such file"):
        read(["shop=@nothing"], str(tmp_path))
