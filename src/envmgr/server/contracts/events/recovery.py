"""Events of recovery by an operator; every service may emit them."""

from __future__ import annotations

from typing import ClassVar

from envmgr.server.contracts.fields import Id
from envmgr.server.kit.common.events import EventData


class SequenceGapRecorded(EventData, frozen=True, kw_only=True):
    """Events of a service were lost: from its restored database, or from the audit log."""

    TYPE: ClassVar[str] = "SequenceGapRecorded"

    service: str
    first: Id
    """The first sequence that is not given to another event."""
    last: Id
