"""The Link header of lists (RFC 8288): where they go on."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def next_query(header: str) -> dict[str, str] | None:
    """Return what the page after this one is asked for by, None where there is none.

    That is the query of the link with the relation `next`, to be asked of the address that was asked before: whatever
    host and path a proxy has put around the server, the list is where it was, and nobody else is sent the token.
    """
    for target, parameters in _LINK.findall(header):
        relations = _REL.search(parameters)
        if relations and "next" in (relations[1] or relations[2]).lower().split():
            return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
    return None
