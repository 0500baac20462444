"""A session is renewed before its access token expires."""

from __future__ import annotations

import itertools

from support.server.renewed_session import RenewedSession


def test_a_token_is_renewed_after_half_of_its_lifetime():
    numbers, now = itertools.count(), [7.0]
    session = RenewedSession(
        lambda: {"access_token": f"token-{next(numbers)}", "expires_in": 900}, lambda: now[0]
    )
    assert [session.token for _ in range(2)] == ["token-0"] * 2
    now[0] += 449
    assert session.token == "token-0"
    now[0] += 1
    assert [session.token for _ in range(2)] == ["token-1"] * 2
