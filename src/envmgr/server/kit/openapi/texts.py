"""What the description of the API says the same of every operation: its words, headers and parameters."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
What was built, with which tools, and what of it runs where.

Errors are problem documents (RFC 9457): `type` tells kinds apart, `detail` says what was wrong, and `errors` points
at fields. Lists come in pages: the `Link` header names the next one. `ETag` and `If-Match` keep two writers from
overwriting each other; an `Idempotency-Key` makes a POST safe to repeat.
"""
HEADER_NAMES = {
    "ApiVersion": "ALM-API",
    "RequestId": "X-Request-ID",
    "Replayed": "Idempotent-Replayed",
    "Challenge": "WWW-Authenticate",
    "RetryAfter": "Retry-After",
}
TAGS = {
    "apps": "What is built and deployed under one name.",
    "versions": "Apps as they were built once, with the locks they were built with.",
    "deployments": "Versions on their way to an environment, or there.",
    "environments": "Where versions run, by which rules, and what stands where.",
    "audit": "All that ever happened, in a chain that shows if an entry was changed.",
    "auth": "Signing in, API keys, and who comes in by tokens of others.",
    "users": "Who can sign in.",
    "health": "How the server is.",
    "description": "This description.",
}
"""What operations are grouped by, in the order to show them in."""
STATUS_DESCRIPTIONS = {
    "Request fulfilled, document follows": "Here it is.",
    "Document created, URL follows": "Made.",
    "Request fulfilled, nothing follows": "Done.",
}
SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The access token of `POST /auth/login`, or an API key (`evm_…`).",
    }
}
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key with the same request gets the same answer for a day, and has one effect.",
        "schema": {"type": "string", "pattern": r'^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$'},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` of the state that you saw: 412 if it has changed since. `*` for any.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the state that you have: 304 if it is still so.",
        "schema": {"type": "string"},
    },
}
HEADERS: dict[str, Any] = {
    "ApiVersion": {
        "description": "The version of this API.",
        "required": True,
        "schema": {"type": "string", "const": "1"},
    },
    "RequestId": {
        "description": "What logs call this request: yours (`X-Request-ID`), or a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {"description": "The state of the resource.", "required": True, "schema": {"type": "string"}},
    "Location": {
        "description": "Where it is now.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Challenge": {
        "description": "How to come in (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "In how many seconds to come again.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Link": {
        "description": '`<…>; rel="next"`: the next page, if there is one.',
        "schema": {"type": "string"},
    },
    "Replayed": {
        "description": "`true` where this repeats an earlier answer to the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
}
