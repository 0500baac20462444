"""Digests in the notations of upstreams."""

from __future__ import annotations

import base64
import hashlib
import sys

import pytest

from envmgr.kit.digest import Digest, from_integrity, parse, sha256_of

HEX = hashlib.sha256(b"x").hexdigest()


def integrity(algorithm: str, content: bytes = b"x") -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


@pytest.mark.parametrize("text", [HEX, HEX.upper(), f"sha256:{HEX}", f" SHA256:{HEX}\n"])
def test_hexadecimal_is_parsed_with_and_without_an_algorithm(text):
    assert parse(text) == Digest("sha256", HEX)
    assert str(parse(text)) == f"sha256:{HEX}"


def test_a_bare_hexadecimal_digest_uses_the_default_algorithm():
    value = hashlib.sha512(b"x").hexdigest()
    assert parse(value, "sha512") == Digest("sha512", value)


@pytest.mark.parametrize(
    "text", ["", "abc", HEX[:-1], HEX + "0", "g" + HEX[1:], f"md5:{HEX}", f"sha512:{HEX}", f":{HEX}x"]
)
def test_anything_else_is_rejected(text):
    with pytest.raises(ValueError, match="invalid digest"):
        parse(text)


def test_integrity_yields_the_strongest_hash():
    text = f"{integrity('sha256')} {integrity('sha512')}?option {integrity('sha1')} unknown-AAAA"
    assert from_integrity(text) == Digest("sha512", hashlib.sha512(b"x").hexdigest())


@pytest.mark.parametrize("text", ["", "sha512", "md5-AAAA", "sha512-!!!!", "sha512-AAAA", "sha512-é"])
def test_integrity_without_a_complete_known_hash_is_rejected(text):
    with pytest.raises(ValueError, match=r"."):
        from_integrity(text)


@pytest.mark.parametrize("content", [b"", b"hello", bytes(100_000)], ids=len)
@pytest.mark.parametrize("absent", [(), ("_sha2", "_sha256")], ids=["Python's own", "OpenSSL's"])
def test_a_sha256_is_that_of_the_standard_library(content, absent, monkeypatch):
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    assert sha256_of(content) == hashlib.sha256(content).hexdigest()
