from __future__ import annotations

import hashlib
import json

import pytest

from envmgr.kit.audit_log import checkpoint as checkpoints
from envmgr.kit.audit_log import ed25519

KEY = hashlib.sha256(b"a key").digest()
STATED = {"origin": "alm", "seq": 7, "hash": "ab" * 32, "timestamp": 1_700_000_000_000, "previous": ""}


def encode_key(private: bytes) -> str:
    return str(checkpoints.sign(private, STATED)["public_key"])


def test_a_signed_checkpoint_is_valid():
    signed = checkpoints.sign(KEY, STATED)
    assert set(signed) == set(checkpoints.ALL_FIELDS)
    assert checkpoints.verify_error(json.loads(json.dumps(signed)), encode_key(KEY)) is None
    assert checkpoints.verify_error(signed) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("origin", "other", "signature"),
        ("seq", 8, "signature"),
        ("hash", "cd" * 32, "signature"),
        ("timestamp", 0, "signature"),
        ("previous", "ef", "signature"),
        ("public_key", encode_key(hashlib.sha256(b"another key").digest()), "signature"),
        ("signature", "AAAA", "signature"),
        ("signature", "*", "invalid checkpoint"),
        ("public_key", "AAAA", "invalid checkpoint"),
        ("seq", "7", "invalid seq '7'"),
        ("seq", True, "invalid seq True"),
        ("seq", -1, "negative"),
        ("seq", 7.0, "invalid seq 7.0"),
        ("hash", None, "invalid hash None"),
    ],
)
def test_a_modified_checkpoint_is_invalid(name, value, message):
    problem = checkpoints.verify_error({**checkpoints.sign(KEY, STATED), name: value})
    assert problem is not None
    assert message in problem


@pytest.mark.parametrize("name", checkpoints.ALL_FIELDS)
def test_a_checkpoint_without_a_field_names_it(name):
    signed = checkpoints.sign(KEY, STATED)
    del signed[name]
    assert checkpoints.verify_error(signed) == f"field {name} missing"


def test_only_a_signature_of_the_trusted_key_is_valid():
    other = ed25519.generate()
    problem = checkpoints.verify_error(checkpoints.sign(other, STATED), encode_key(KEY))
    assert problem == f"signed by key {encode_key(other)}, expected {encode_key(KEY)}"


def test_the_fingerprint_covers_every_field_of_a_checkpoint():
    signed = checkpoints.sign(KEY, STATED)
    fingerprint = checkpoints.fingerprint(signed)
    assert fingerprint == checkpoints.fingerprint(dict(reversed(signed.items())))
    assert len({fingerprint, *(checkpoints.fingerprint({**signed, name: ""}) for name in signed)}) >= len(
        signed
    )
