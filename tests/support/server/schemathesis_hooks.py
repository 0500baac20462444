"""Hooks for schemathesis: valid refusals of requests that fit their schemas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

if TYPE_CHECKING:
    from schemathesis import Case, HookContext, Response
    from schemathesis.core.failures import Failure

NOT_IN_SCHEMA = {
    r"\?cursor": "opaque: only those of a Link header are any",
    r"\?range": "has a grammar that no pattern holds",
    r"/rules/auto_deploy/\d+/tag_range": "as above",
    r"/issuer": "https, or this machine in any spelling of its name",
    r"/claims": "one of them is an id, which depends on the issuer",
    r"/apps": "not where `app` is there, too",
    r"/password": "not the user's name",
}
"""Fields with restrictions that a schema cannot express."""
DEPENDS = {
    "/problems/idempotency-key-reused": "on what the key was used for before",
    "/problems/invalid-lock": "on the content of the lock, a format of its own",
    "/problems/lock-digest-mismatch": "on two fields together",
    "/problems/token-refused": "on who signed the token",
}
"""Problems that depend on conditions beyond the schema."""
_FRACTION = "Expected `int`, got `float`"
"""JSON Schema accepts 7.0 as an integer; this API does not."""


@schemathesis.hook
def filter_failure(_context: HookContext, failure: Failure, _case: Case, response: Response) -> bool:
    """Drop failures that only report a refusal for a reason beyond the schema."""
    return not (isinstance(failure, RejectedPositiveData) and is_right(response.json()))


def is_right(problem: dict) -> bool:
    """Return whether a problem is valid for a request that fits its schema."""
    errors = problem.get("errors", [])
    beyond = [
        error["detail"] == _FRACTION or any(re.fullmatch(field, error["pointer"]) for field in NOT_IN_SCHEMA)
        for error in errors
    ]
    return problem["type"] in DEPENDS or (bool(beyond) and all(beyond))
