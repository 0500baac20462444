"""Credentials by host, from a netrc file."""

from __future__ import annotations

import os
import sys

from envmgr.kit.errors import ConfigError
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from netrc import netrc

    from envmgr.kit.config.settings import Settings
    from envmgr.kit.environment import Environment


class Netrc:
    """Credentials of a netrc file, read at the first lookup."""

    def __init__(self, settings: Settings, environment: Environment, note: Callable[[str], None]) -> None:
        self._configured_path = settings.netrc or environment.get("NETRC")
        self._path = (
            os.path.join(environment.cwd, os.path.expanduser(self._configured_path))
            if self._configured_path
            else _default(environment)
        )
        self._note = note
        self._file: netrc | None = None
        self._is_read = False

    def credentials_for(self, url: str) -> tuple[str, str] | None:
        """Return the user and password for a URL: of its host with the port, else of its host."""
        if not self._is_read:
            self._file, self._is_read = self._read(), True
        entry = self._entry(url, self._file) if self._file else None
        return (entry[0], entry[2] or "") if entry and entry[0] else None

    def _entry(self, url: str, file: netrc) -> tuple[str, str | None, str | None] | None:
        # `authenticators` falls back on `default`, which must not hide the entry of the host alone.
        host = urls.host(url)
        return file.authenticators(host if host in file.hosts else urls.split(url).hostname or "")

    def _read(self) -> netrc | None:
        if not self._configured_path and not os.path.exists(self._path):
            return None
        from netrc import NetrcParseError, netrc

        try:
            return netrc(self._path)
        except OSError as error:
            self._fail_or_warn(f"cannot read {self._path}: {os.strerror(error.errno or 0)}")
        except (NetrcParseError, UnicodeDecodeError) as error:
            self._fail_or_warn(f"cannot parse netrc file {self._path}: {error}")
        return None

    def _fail_or_warn(self, message: str) -> None:
        """Raise ConfigError for a file that the user configured; warn about the default one."""
        if self._configured_path:
            raise ConfigError(message, "fix it, or run `envmgr config unset netrc`")
        self._note(f"{message}; ignoring it")


def _default(environment: Environment) -> str:
    home = environment.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, "_netrc" if sys.platform == "win32" else ".netrc")
