"""The standard library's HTTP client, loaded without ssl.

`http.client` imports ssl for a class that is not used here, which takes an eighth of the time of an everyday command.
The module is executed with an import of its own that has no ssl, so that other modules, and other threads, import both
as usual.
"""

from __future__ import annotations

import builtins
import http
import sys
from importlib.machinery import PathFinder
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from http.client import (
        HTTPS_PORT,
        HTTPConnection,
        HTTPException,
        HTTPResponse,
        IncompleteRead,
        RemoteDisconnected,
    )

__all__ = [
    "HTTPS_PORT",
    "HTTPConnection",
    "HTTPException",
    "HTTPResponse",
    "IncompleteRead",
    "RemoteDisconnected",
]
_NAME = "http.client"


def _load_without_ssl() -> ModuleType:
    """Return a module of its own with the code of `http.client`; raise ImportError."""
    spec = PathFinder.find_spec(_NAME, http.__path__)
    get_code = getattr(spec.loader, "get_code", None) if spec else None
    code = get_code(_NAME) if get_code else None
    if code is None:
        raise ImportError(_NAME)
    module = ModuleType(_NAME)
    module.__dict__["__builtins__"] = {**builtins.__dict__, "__import__": _import_without_ssl}
    exec(code, module.__dict__)  # noqa: S102 - it is the standard library's
    return module


def _import_without_ssl(
    name: str,
    namespace: Mapping[str, object] | None = None,
    variables: Mapping[str, object] | None = None,
    names: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    if name == "ssl":
        raise ImportError(name)
    return builtins.__import__(name, namespace, variables, names or (), level)


def _load() -> ModuleType:
    """Return the client's module, the usual one where nothing would be saved or its code cannot be found."""
    if not {"ssl", _NAME} & sys.modules.keys():
        try:
            return _load_without_ssl()
        except ImportError:
            pass
    import http.client as usual

    return usual


if not TYPE_CHECKING:
    _client = _load()
    HTTPS_PORT = _client.HTTPS_PORT
    HTTPConnection = _client.HTTPConnection
    HTTPException = _client.HTTPException
    HTTPResponse = _client.HTTPResponse
    IncompleteRead = _client.IncompleteRead
    RemoteDisconnected = _client.RemoteDisconnected
