from __future__ import annotations

import pytest

from envmgr.kit.audit_log import ed25519

# RFC 8032, 7.1, test 2
PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
MESSAGE = b"\x72"
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_keys_and_signatures_match_the_rfc():
    assert ed25519.public_of(PRIVATE) == PUBLIC
    assert ed25519.sign(PRIVATE, MESSAGE) == SIGNATURE
    assert ed25519.is_signed(PUBLIC, SIGNATURE, MESSAGE)


def test_a_signature_is_valid_for_one_message_and_key_only():
    other = ed25519.public_of(ed25519.generate())
    assert not ed25519.is_signed(PUBLIC, SIGNATURE, b"\x73")
    assert not ed25519.is_signed(other, SIGNATURE, MESSAGE)
    assert not ed25519.is_signed(PUBLIC, SIGNATURE[:-1], MESSAGE)


def test_an_invalid_key_is_a_value_error():
    with pytest.raises(ValueError, match="32"):
        ed25519.is_signed(b"short", SIGNATURE, MESSAGE)


def test_generated_keys_differ():
    assert ed25519.generate() != ed25519.generate()
    assert len(ed25519.generate()) == ed25519.PRIVATE_LENGTH
