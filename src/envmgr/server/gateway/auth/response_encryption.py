"""Keeps answers that hold secrets: for who sends the same Idempotency-Key again, and unreadable without it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

from envmgr.server.kit.common.problems import Conflict
from envmgr.server.kit.security import crypto


class ResponseEncryption:
    """Seals by a key derived from the server's secret and the caller's key (see `kit.idempotency.Keeping`)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def store_key(self, key: str) -> str:
        """Return what to store a key as."""
        return self._mark(b"name", key)

    def store_fingerprint(self, of_request: str) -> str:
        """Return what to store of a request's fingerprint: what it was made of may hold a password."""
        return self._mark(b"fingerprint", of_request)

    def encode(self, key: str, response: str) -> str:
        """Seal an answer."""
        return b64encode(crypto.encrypt(self._key(key), response.encode(), b"answer")).decode()

    def decode(self, key: str, stored: str) -> str:
        """Open an answer. Raise Conflict where the server's secret is another one by now."""
        try:
            return crypto.decrypt(self._key(key), b64decode(stored), b"answer").decode()
        except ValueError:
            raise Conflict("the answer to this key can be shown no more: choose a new key") from None

    def _key(self, key: str) -> bytes:
        return crypto.derive_key(self._secret, b"alm answer " + hashlib.sha256(key.encode()).digest())

    def _mark(self, purpose: bytes, text: str) -> str:
        return hmac.new(self._secret, purpose + b"\0" + text.encode(), hashlib.sha256).hexdigest()
