"""The whole API, held to its own description by requests that fit it and requests that do not."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from envmgr.server import bootstrap

CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            # A request can fit its description, and not the state that it meets.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", 304, 401, 403, 404, 409, 412, 422, 429]
            },
            "missing_required_header": {"expected-statuses": ["4xx"]},
        }
    }
)
DESCRIPTION = schemathesis.openapi.from_path(bootstrap.DOCUMENT, config=CONFIG)
HARMFUL = "^/auth/(logout|password|keys)|^/audit/events"
"""Ends the session that the test has, or answers for ever."""

ASKS_MORE = {
    "GET /tools/{tool}/usage",  # a range that can be read
    "POST /auth/bindings",  # an issuer that can be trusted, and a claim that is never given to others
    "POST /auth/token",  # a token of a bound issuer
    "POST /auth/keys",  # no more scopes than one has
    "POST /users",  # a password that is not the user's name
    "PATCH /users/{user}",
    "POST /environments",  # rules with ranges that can be read
    "PUT /environments/{name}",
    "PATCH /environments/{name}",
}
"""What asks more of a request than a schema can say: what fits that may yet be refused with 400."""


@pytest.fixture(scope="module")
def key(daemon, admin):
    with daemon.wire(admin) as wire:
        scopes = wire.ask("GET", "/auth/me").json["scopes"]
        return wire.ask("POST", "/auth/keys", {"name": "contract", "scopes": scopes}).json["key"]


@pytest.mark.slow
@DESCRIPTION.exclude(path_regex=HARMFUL).parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_an_operation_does_what_its_description_says(case, daemon, key):
    if case.query and {"cursor", "sort"} & set(case.query):
        return  # no description can tell what is a cursor, and how each list can be sorted
    if has_fraction(case.body):
        return  # a number such as 7.0 is whole to JSON Schema, and none that the server takes
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{daemon.port}",
        headers={"Authorization": f"Bearer {key}"},
        excluded_checks=[positive_data_acceptance] if case.operation.label in ASKS_MORE else [],
    )


def has_fraction(value):
    """Say whether a document has a number that is written as a fraction."""
    if isinstance(value, dict):
        return any(map(has_fraction, value.values()))
    if isinstance(value, list):
        return any(map(has_fraction, value))
    return isinstance(value, float)


def test_every_exception_is_still_needed():
    assert {operation.ok().label for operation in DESCRIPTION.get_all_operations()} >= ASKS_MORE
