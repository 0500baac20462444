"""Texts, headers and parameters shared by all operations of the OpenAPI document."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
Records which app versions were built with which tools, and where they are deployed.

Errors are problem documents (RFC 9457): `type` identifies the error, `detail` explains it, and `errors` points
at fields. Lists are paginated: the `Link` header has the next page. `ETag` and `If-Match` prevent lost
updates; an `Idempotency-Key` makes a POST safe to retry.
"""
HEADER_NAMES = {
    "ApiVersion": "ALM-API",
    "RequestId": "X-Request-ID",
    "Replayed": "Idempotent-Replayed",
    "Challenge": "WWW-Authenticate",
    "RetryAfter": "Retry-After",
}
TAGS = {
    "apps": "Applications.",
    "versions": "Immutable builds of an app and their lock files.",
    "deployments": "Deployments of versions to environments.",
    "environments": "Environments, their rules and what is deployed in them.",
    "audit": "Tamper-evident log of all events.",
    "auth": "Sign-in, API keys and OIDC token exchange.",
    "users": "User accounts.",
    "health": "Health and metrics.",
    "description": "API documentation.",
}
"""Operation tags, in display order."""
STATUS_DESCRIPTIONS = {
    "Request fulfilled, document follows": "OK.",
    "Document created, URL follows": "Created.",
    "Request fulfilled, nothing follows": "Done.",
}
SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token from `POST /auth/login`, or an API key (`evm_…`).",
    }
}
PARAMETERS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes the request idempotent for 24 hours.",
        "schema": {"type": "string", "pattern": r'^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$'},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Expected ETag; 412 if it does not match. `*` matches any.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Cached ETag; 304 if it still matches.",
        "schema": {"type": "string"},
    },
}
HEADERS: dict[str, Any] = {
    "ApiVersion": {
        "description": "API version.",
        "required": True,
        "schema": {"type": "string", "const": "1"},
    },
    "RequestId": {
        "description": "Request ID: the client's `X-Request-ID`, or generated.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {"description": "Entity tag.", "required": True, "schema": {"type": "string"}},
    "Location": {
        "description": "URL of the resource.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Challenge": {
        "description": "Authentication challenge (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "Seconds to wait before retrying.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Link": {
        "description": '`<…>; rel="next"`: the next page, if any.',
        "schema": {"type": "string"},
    },
    "Replayed": {
        "description": "`true` if this repeats the stored response for the Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
}
