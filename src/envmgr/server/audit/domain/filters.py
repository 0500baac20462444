"""Validation of audit filters: a filter that can never match is an error, not an empty list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.kit.suggest import closest
from envmgr.server.contracts.events import EVENTS
from envmgr.server.kit.common.problems import InvalidFields

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTOR_PATTERN = r"^([a-z]+:[^\r\n]+|anonymous)$"
_ID = "[1-9][0-9]{0,15}"
RESOURCE_PATTERN = (
    f"^(app/{_ID}(/(version|deployment)(/{_ID})?)?|(user|key|binding)/{_ID}"
    "|environment/[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
    "|access/([a-z]+:[^\\r\\n]+|anonymous)|account/[0-9a-f]+|service/[a-z]+)$"
)
_RESOURCE_FORMS = (
    "app/7, app/7/version/42, app/7/deployment/3, environment/NAME, user/7, key/7, binding/7, access/ACTOR, "
    "account/DIGEST or service/NAME"
)


def validate(*, actor: str | None, event_type: str | None, resource: str | None) -> None:
    """Raise InvalidFields for filters that no entry can match."""
    errors = [*_check_actor(actor), *_check_event_type(event_type), *_check_resource(resource)]
    if errors:
        raise InvalidFields("filter can never match", errors=errors)


def _check_actor(actor: str | None) -> Iterator[tuple[str, str]]:
    if actor is not None and not re.fullmatch(ACTOR_PATTERN, actor):
        yield "?actor", "expected user:NAME, key:ID, system:NAME, operator:NAME or anonymous"


def _check_event_type(event_type: str | None) -> Iterator[tuple[str, str]]:
    if event_type is None or event_type in EVENTS:
        return
    suggestions = closest(event_type, sorted(EVENTS), 1)
    hint = f"did you mean {suggestions[0]}?" if suggestions else f"known types: {', '.join(sorted(EVENTS))}"
    yield "?event_type", f"unknown event type; {hint}"


def _check_resource(resource: str | None) -> Iterator[tuple[str, str]]:
    if resource is not None and not re.fullmatch(RESOURCE_PATTERN, resource):
        yield "?resource", f"expected {_RESOURCE_FORMS}"
