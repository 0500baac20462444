"""A session whose access token is valid whenever a test asks for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RENEWAL_SHARE = 0.5
"""Of a token's lifetime: tests that share a server may together take longer than the whole."""


class RenewedSession:
    """Signs in again once half of the lifetime of its access token is over."""

    def __init__(
        self, login: Callable[[], Mapping[str, object]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._login = login
        self._clock = clock
        self._token = ""
        self._renewed_until = float("-inf")

    @property
    def token(self) -> str:
        """The access token."""
        now = self._clock()
        if now >= self._renewed_until:
            session = self._login()
            self._token = str(session["access_token"])
            self._renewed_until = now + float(str(session["expires_in"])) * RENEWAL_SHARE
        return self._token
