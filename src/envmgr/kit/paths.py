"""Directories of envmgr, and path-safe file names."""

from __future__ import annotations

import os
import sys

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.environment import Environment


@frozen
class Paths:
    """Directories of a user; below one root if ENVMGR_HOME is set or ~/.envmgr exists."""

    data: str
    settings: str
    cache: str

    @property
    def root(self) -> str:
        """Return the ENVMGR_HOME of the same directories; empty if they have no common root."""
        return self.data if self.data == self.settings else ""

    @property
    def plugins(self) -> str:
        """User manifests."""
        return os.path.join(self.data, "plugins")

    @property
    def installs(self) -> str:
        """Installed tools, as <tool>/<version>."""
        return os.path.join(self.data, "installs")

    @property
    def shims(self) -> str:
        """Shims: the directory on PATH."""
        return os.path.join(self.data, "shims")

    @property
    def plans(self) -> str:
        """Plans, by project."""
        return os.path.join(self.data, "plans")

    @property
    def projects(self) -> str:
        """Records of known projects."""
        return os.path.join(self.data, "projects")

    @property
    def locks(self) -> str:
        """Lock files."""
        return os.path.join(self.data, "locks")

    @property
    def staging(self) -> str:
        """Unfinished installations, on the file system of `installs`."""
        return os.path.join(self.data, "staging")

    @property
    def logs(self) -> str:
        """Logs of install scripts and of crashes."""
        return os.path.join(self.data, "logs")

    @property
    def spool(self) -> str:
        """Spooled pushes."""
        return os.path.join(self.data, "spool")

    @property
    def alm(self) -> str:
        """Data of this user's ALM server."""
        return os.path.join(self.data, "alm")

    @property
    def downloads(self) -> str:
        """Downloaded archives, by digest."""
        return os.path.join(self.cache, "downloads")

    @property
    def index(self) -> str:
        """Cached release lists with their HTTP validators."""
        return os.path.join(self.cache, "index")

    @property
    def pip_info(self) -> str:
        """Stored properties of pip (`pip.json`)."""
        return os.path.join(self.cache, "pip.json")

    @property
    def config_file(self) -> str:
        """User settings (`config.toml`)."""
        return os.path.join(self.settings, "config.toml")

    @property
    def credentials_file(self) -> str:
        """Credentials of ALM servers."""
        return os.path.join(self.settings, "credentials.json")

    @property
    def global_file(self) -> str:
        """Global `.envmgr`: default versions."""
        return os.path.join(self.settings, "global.envmgr")

    def install(self, tool: str, version: str) -> str:
        """Return the directory of one installation."""
        return os.path.join(self.installs, file_name(tool), file_name(version))


def resolve_paths(environment: Environment) -> Paths:
    """Return ENVMGR_HOME, else `~/.envmgr` (in %APPDATA%) if it exists, else the platform's directories.

    Raise ConfigError for a relative ENVMGR_HOME.
    """
    root = environment.get("ENVMGR_HOME")
    if root:
        return single_root(os.path.normpath(_absolute(environment.expand(root))))
    default = os.path.join(_home(environment), ".envmgr")
    return single_root(default) if os.path.isdir(default) else _platform_paths()


def _absolute(root: str) -> str:
    if not os.path.isabs(root):
        from envmgr.kit.errors import ConfigError

        raise ConfigError(
            f"ENVMGR_HOME must be an absolute path, got {root}",
            "set it to an absolute path, or to one that starts with ~/",
        )
    return root


def single_root(root: str) -> Paths:
    """Return directories below one root."""
    return Paths(root, root, os.path.join(root, "cache"))


def _home(environment: Environment) -> str:
    if sys.platform == "win32":
        return environment.get("APPDATA") or environment.home
    return environment.home


def _platform_paths() -> Paths:
    from platformdirs import PlatformDirs

    directories = PlatformDirs("envmgr", appauthor=False)
    return Paths(directories.user_data_dir, directories.user_config_dir, directories.user_cache_dir)


_NAME_MODULUS = (1 << 127) - 1
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-@~,")


def file_name(name: str) -> str:
    """Return a name as one path-safe component: `npm:@scope/x` becomes `npm%3A@scope%2Fx`.

    A name may come from the command line, where bytes that are not UTF-8 are lone surrogates.
    """
    encoded = "".join(c if c in _SAFE else "".join(f"%{byte:02X}" for byte in _bytes_of(c)) for c in name)
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def _bytes_of(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def hashed_name(text: str) -> str:
    """Return a file name for any text: the remainder of its number, as `hashlib` takes long to import."""
    number = int.from_bytes(_bytes_of(text), "big")
    return f"{number % _NAME_MODULUS:032x}"


def decode_file_name(encoded: str) -> str:
    """Return the name encoded by `file_name`; raise ValueError for any other file name."""
    head, *parts = encoded.split("%")
    raw = _bytes_of(head) + b"".join(bytes([int(part[:2], 16)]) + _bytes_of(part[2:]) for part in parts)
    name = raw.decode(errors="surrogateescape")
    if file_name(name) != encoded:
        raise ValueError(f"{encoded!r} is not the encoding of a name")
    return name
