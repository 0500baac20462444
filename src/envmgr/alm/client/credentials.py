"""Stored credentials by server, in a file that only the user can read.

`localhost` and `127.0.0.1` are one server, with one entry under the URL of the latest sign-in.
"""

from __future__ import annotations

import json

from envmgr.kit.errors import StorageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text, write_atomic
from envmgr.kit.http.urls import server_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.paths import Paths

SCHEMA = "envmgr/credentials/1"
OWNER_ONLY_MODE = 0o600
LOCK_NAME = "credentials"


@frozen
class StoredCredentials:
    """Credentials for one server: an API key, or an access token with expiry and refresh token."""

    token: str
    refresh_token: str = ""
    expires_at: float = 0.0
    actor: str = ""

    def __repr__(self) -> str:
        """Return a text without secrets."""
        return f"StoredCredentials(actor={self.actor!r})"


def load(paths: Paths, url: str) -> StoredCredentials | None:
    """Return the credentials for a server, or None."""
    servers = _read(paths)
    entry = next((servers[key] for key in _keys(servers, url)), None)
    return _from_json(entry) if isinstance(entry, dict) else None


def store(paths: Paths, url: str, stored: StoredCredentials) -> None:
    """Store credentials for a server; the caller holds the lock LOCK_NAME."""
    servers = _read(paths)
    previous = _keys(servers, url)
    others = {key: entry for key, entry in servers.items() if key not in previous}
    _write(paths, {**others, url: _to_json(stored)})


def save(paths: Paths, url: str, stored: StoredCredentials) -> None:
    """Store credentials for a server."""
    from envmgr.kit.file_locks import file_lock

    with file_lock(paths, LOCK_NAME):
        store(paths, url, stored)


def remove(paths: Paths, url: str) -> None:
    """Delete the credentials for a server."""
    from envmgr.kit.file_locks import file_lock

    with file_lock(paths, LOCK_NAME):
        remove_locked(paths, url)


def remove_locked(paths: Paths, url: str) -> None:
    """Delete the credentials for a server; the caller holds the lock LOCK_NAME."""
    servers = _read(paths)
    previous = _keys(servers, url)
    if previous:
        _write(paths, {key: entry for key, entry in servers.items() if key not in previous})


def _keys(servers: Mapping[str, object], url: str) -> list[str]:
    """Return the keys of a server's entries, the one of this very URL first."""
    identity = server_identity(url)
    return sorted((key for key in servers if server_identity(key) == identity), key=lambda key: key != url)


def _read(paths: Paths) -> dict[str, object]:
    text = read_text(paths.credentials_file)
    try:
        document = json.loads(text) if text else {"servers": {}}
    except ValueError:
        document = None
    servers = document.get("servers") if isinstance(document, dict) else None
    if not isinstance(servers, dict):
        raise StorageError(
            f"invalid credentials file {paths.credentials_file}",
            "remove it, and run `envmgr alm login`",
        )
    return servers


def _write(paths: Paths, servers: Mapping[str, object]) -> None:
    text = json.dumps({"schema": SCHEMA, "servers": servers}, indent=2, sort_keys=True)
    write_atomic(paths.credentials_file, f"{text}\n", OWNER_ONLY_MODE)


def _from_json(entry: Mapping[str, object]) -> StoredCredentials | None:
    token, refresh, actor = (str(entry.get(name) or "") for name in ("token", "refresh_token", "actor"))
    timestamp = entry.get("expires_at")
    expires_at = float(timestamp) if isinstance(timestamp, int | float) else 0.0
    return StoredCredentials(token, refresh, expires_at, actor) if token else None


def _to_json(stored: StoredCredentials) -> dict[str, object]:
    entry: dict[str, object] = {"token": stored.token, "actor": stored.actor}
    if stored.refresh_token:
        entry |= {"refresh_token": stored.refresh_token, "expires_at": round(stored.expires_at)}
    return entry
