"""What of the audit can be asked for: what nothing can ever match is refused, rather than answered with nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.kit.suggest import closest
from envmgr.server.contracts.events import EVENTS
from envmgr.server.kit.common.problems import InvalidFields

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTOR_PATTERN = r"^([a-z]+:[^\r\n]+|anonymous)$"
RESOURCE_PATTERN = r"^[a-z]+/[^\r\n]+$"


def validate(*, actor: str | None, event_type: str | None, resource: str | None) -> None:
    """Raise InvalidFields for filters that no entry can match."""
    errors = [*_check_actor(actor), *_check_event_type(event_type), *_check_resource(resource)]
    if errors:
        raise InvalidFields("no entry can be like that", errors=errors)


def _check_actor(actor: str | None) -> Iterator[tuple[str, str]]:
    if actor is not None and not re.fullmatch(ACTOR_PATTERN, actor):
        yield "?actor", "an actor is like user:ada, key:4 or system:worker, or anonymous"


def _check_event_type(event_type: str | None) -> Iterator[tuple[str, str]]:
    if event_type is None or event_type in EVENTS:
        return
    near = closest(event_type, sorted(EVENTS), 1)
    way_out = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(EVENTS))}"
    yield "?event_type", f"there is no such type of event; {way_out}"


def _check_resource(resource: str | None) -> Iterator[tuple[str, str]]:
    if resource is not None and not re.fullmatch(RESOURCE_PATTERN, resource):
        yield "?resource", "a resource is like app/7, app/7/version/42 or environment/prod"
