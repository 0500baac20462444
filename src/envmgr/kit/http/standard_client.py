"""The standard library's HTTP client, imported without ssl.

`http.client` imports ssl for a class that is not used here, which takes an eighth of the time of an everyday command.
The import of another module gets it complete.
"""

from __future__ import annotations

import sys

_IS_COMPLETE = "ssl" in sys.modules or "http.client" in sys.modules
if not _IS_COMPLETE:
    sys.modules["ssl"] = None  # type: ignore[assignment] # None: importing it raises ImportError
try:
    from http.client import (
        HTTPS_PORT,
        HTTPConnection,
        HTTPException,
        HTTPResponse,
        IncompleteRead,
        RemoteDisconnected,
    )
finally:
    if not _IS_COMPLETE:
        del sys.modules["ssl"]
        sys.modules.pop("http.client", None)

__all__ = [
    "HTTPS_PORT",
    "HTTPConnection",
    "HTTPException",
    "HTTPResponse",
    "IncompleteRead",
    "RemoteDisconnected",
]
