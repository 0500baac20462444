"""User names and passwords of package registries, as headers for the one host they are for."""

from __future__ import annotations

from base64 import b64encode

from envmgr.kit.http import urls

Headers = dict[str, str]


def basic(user: str, password: str) -> Headers:
    """Return the HTTP Basic Authorization header (RFC 7617)."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def for_url(url: str, registry: str) -> Headers:
    """Return the credentials in a URL, else the registry's if host and port are the same."""
    login = urls.credentials(url) or (
        urls.credentials(registry) if urls.has_same_authority(url, registry) else None
    )
    return basic(*login) if login else {}
