"""Pagination by the Link header (RFC 8288)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def next_query(header: str) -> dict[str, str] | None:
    """Return the query parameters of the next page, None on the last page.

    They are those of the link with relation `next`. Its host and path are ignored, as a proxy may have changed them,
    and so that the token is not sent elsewhere.
    """
    for target, parameters in _LINK.findall(header):
        relations = _REL.search(parameters)
        if relations and "next" in (relations[1] or relations[2]).lower().split():
            return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
    return None
