"""Who the user is to ALM servers: what signing in gave, by server, in a file that only they can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envmgr.kit.errors import StorageError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.paths import Paths

SCHEMA = "envmgr/credentials/1"
OWNER_ONLY = 0o600
LOCK = "credentials"


@frozen
class StoredCredentials:
    """What one server gave: a token, and, unless it is an API key, when it ends and what renews it."""

    token: str
    refresh_token: str = ""
    expires_at: float = 0.0
    actor: str = ""

    def __repr__(self) -> str:
        """Show whose it is, and no secret."""
        return f"Login(actor={self.actor!r})"


def load(paths: Paths, url: str) -> StoredCredentials | None:
    """Return what a server gave, or None."""
    entry = _read(paths).get(url)
    return _login(entry) if isinstance(entry, dict) else None


def store(paths: Paths, url: str, login: StoredCredentials) -> None:
    """Keep what a server gave. The caller holds `LOCK`."""
    _write(paths, {**_read(paths), url: _to_json(login)})


def save(paths: Paths, url: str, login: StoredCredentials) -> None:
    """Keep what a server gave."""
    with file_lock(paths, LOCK):
        store(paths, url, login)


def remove(paths: Paths, url: str) -> None:
    """Drop what a server gave."""
    with file_lock(paths, LOCK):
        remove_locked(paths, url)


def remove_locked(paths: Paths, url: str) -> None:
    """Drop what a server gave. The caller holds `LOCK`."""
    servers = _read(paths)
    if servers.pop(url, None) is not None:
        _write(paths, servers)


def _read(paths: Paths) -> dict[str, object]:
    text = read_text(paths.credentials_file)
    try:
        document = json.loads(text) if text else {"servers": {}}
    except ValueError:
        document = None
    servers = document.get("servers") if isinstance(document, dict) else None
    if not isinstance(servers, dict):
        raise StorageError(
            f"{paths.credentials_file} cannot be read: it is not what `envmgr alm login` writes",
            "remove it, and sign in again",
        )
    return servers


def _write(paths: Paths, servers: Mapping[str, object]) -> None:
    text = json.dumps({"schema": SCHEMA, "servers": servers}, indent=2, sort_keys=True)
    write_atomic(paths.credentials_file, f"{text}\n", OWNER_ONLY)


def _login(entry: Mapping[str, object]) -> StoredCredentials | None:
    token, refresh, actor = (str(entry.get(name) or "") for name in ("token", "refresh_token", "actor"))
    expires = entry.get("expires_at")
    moment = float(expires) if isinstance(expires, int | float) else 0.0
    return StoredCredentials(token, refresh, moment, actor) if token else None


def _to_json(login: StoredCredentials) -> dict[str, object]:
    entry: dict[str, object] = {"token": login.token, "actor": login.actor}
    if login.refresh_token:
        entry |= {"refresh_token": login.refresh_token, "expires_at": round(login.expires_at)}
    return entry
