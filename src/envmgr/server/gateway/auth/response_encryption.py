"""Encryption of stored responses that contain secrets, readable only with the same Idempotency-Key."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

from envmgr.server.kit.common.problems import Conflict
from envmgr.server.kit.security import crypto


class ResponseEncryption:
    """Encrypt responses with a key derived from the server's secret and the Idempotency-Key.

    Implements `kit.db.idempotency.ResponseCodec`.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def store_key(self, key: str) -> str:
        """Return the stored form of an Idempotency-Key."""
        return self._mark(b"name", key)

    def store_fingerprint(self, of_request: str) -> str:
        """Return the stored form of a request's fingerprint; its source may contain a password."""
        return self._mark(b"fingerprint", of_request)

    def encode(self, key: str, response: str) -> str:
        """Encrypt a response."""
        return b64encode(crypto.encrypt(self._key(key), response.encode(), b"answer")).decode()

    def decode(self, key: str, stored: str) -> str:
        """Decrypt a response; raise Conflict if the server's secret has changed."""
        try:
            return crypto.decrypt(self._key(key), b64decode(stored), b"answer").decode()
        except ValueError:
            raise Conflict(
                "the stored response for this Idempotency-Key can no longer be decrypted; use a new key"
            ) from None

    def _key(self, key: str) -> bytes:
        return crypto.derive_key(self._secret, b"alm answer " + hashlib.sha256(key.encode()).digest())

    def _mark(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._secret, purpose + b"\0" + text.encode(), hashlib.sha256).hexdigest()
