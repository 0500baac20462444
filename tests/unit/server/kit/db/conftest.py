"""Fixtures of the tests of databases."""

from __future__ import annotations

import pytest

from envmgr.server.kit.db.postgresql import unit_groups


@pytest.fixture
def undivided_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevent a group from returning units that it has not begun.

    On a busy machine, another group would write them.
    """
    monkeypatch.setattr(unit_groups, "MAX_GROUP_SECONDS", 60)
