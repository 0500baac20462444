"""Hooks for schemathesis: which refusals of requests that fit their schemas are right all the same."""

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
"""Fields that hold more than a schema can say, and what."""
DEPENDS = {
    "/problems/idempotency-key-reused": "on what the key was used for before",
    "/problems/invalid-lock": "on what stands in the lock, a format of its own",
    "/problems/lock-digest-mismatch": "on two fields together",
    "/problems/token-refused": "on who signed the token",
}
"""Problems that depend on more than what a schema can say."""
_FRACTION = "Expected `int`, got `float`"
"""JSON Schema takes 7.0 for a whole number; here it is none."""


@schemathesis.hook
def filter_failure(_context: HookContext, failure: Failure, _case: Case, response: Response) -> bool:
    """Drop what only says that a request was refused for a reason which no schema can tell."""
    return not (isinstance(failure, RejectedPositiveData) and is_right(response.json()))


def is_right(problem: dict) -> bool:
    """Say whether a problem is one that a request may have although it fits its schema."""
    errors = problem.get("errors", [])
    beyond = [
        error["detail"] == _FRACTION or any(re.fullmatch(field, error["pointer"]) for field in NOT_IN_SCHEMA)
        for error in errors
    ]
    return problem["type"] in DEPENDS or (bool(beyond) and all(beyond))
