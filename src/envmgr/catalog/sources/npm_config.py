"""npm configuration (see npm's manual, "npmrc"): registries and their credentials.

Precedence: `npm_config_…` variables, the project's `.npmrc`, the user's, the global one. If none sets a registry, an
installed npm is run for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from base64 import b64decode
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.catalog.sources import credentials, npm_query
from envmgr.kit.errors import ConfigError, StorageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.catalog.sources.credentials import Headers
    from envmgr.catalog.sources.npm_query import Ask
    from envmgr.kit.environment import Environment

_VARIABLE = re.compile(r"npm_config_(.+)", re.IGNORECASE | re.DOTALL)
_REFERENCE = re.compile(r"(?<!\\)(\\*)\$\{([^${}?]+)(\?)?\}")


@frozen
class NpmConfig:
    """A registry: base URL (without a trailing `/`), credentials, and trusted certificates."""

    registry: str
    values: Mapping[str, str]
    cafile: str = ""

    def headers(self, url: str) -> Headers:
        """Return the authorization header for a URL: the credentials of the longest matching host and path."""
        scope = f"//{urlsplit(urls.without_credentials(url)).netloc}{urlsplit(url).path}"
        while scope.count("/") > 2:  # noqa: PLR2004 - the slashes in front of the host
            scope = scope.rpartition("/")[0]
            result = self._headers_of(f"{scope}/") or self._headers_of(scope)
            if result:
                return result
        return credentials.for_url(url, self.registry)

    def _headers_of(self, key: str) -> Headers:
        token, pair = self.values.get(f"{key}:_authToken"), self.values.get(f"{key}:_auth")
        user, password = self.values.get(f"{key}:username"), self.values.get(f"{key}:_password")
        if token:
            return {"Authorization": f"Bearer {token}"}
        if pair:
            return {"Authorization": f"Basic {pair}"}
        return credentials.basic(user, _decode_password(password)) if user and password else {}


def load(environment: Environment, package: str, installs: str, ask: Ask = npm_query.query_npm) -> NpmConfig:
    """Return npm's configuration for a package; raise ConfigError if no registry is configured."""
    key = f"{package.partition('/')[0]}:registry" if package.startswith("@") else "registry"
    options: Mapping[str, str] = {"globalconfig": _global_file(environment)}
    values = _values(environment, options["globalconfig"])
    registry = values.get(key) or values.get("registry")
    if not registry:
        options = ask(environment, installs, tuple(dict.fromkeys(("registry", key, "globalconfig"))))
        values = _values(environment, options.get("globalconfig", ""))
        registry = options.get(key) or options.get("registry")
    if not registry:
        raise _unknown_registry_error(package)
    return NpmConfig(registry.rstrip("/"), values, _cafile(environment, options.get("globalconfig", "")))


def _unknown_registry_error(package: str) -> ConfigError:
    return ConfigError(
        f"no npm registry is configured for {package}, and npm is not installed",
        "install Node.js first (`envmgr install nodejs`), or put `registry=URL` into ~/.npmrc",
    )


def _cafile(environment: Environment, global_file: str) -> str:
    """Read trusted certificates from the user's own settings, never from a cloned project."""
    return _merge_files(environment, [global_file, _user_file(environment)]).get("cafile", "")


def _values(environment: Environment, global_file: str) -> dict[str, str]:
    return _merge_files(environment, [global_file, _user_file(environment), _project_file(environment)])


def _merge_files(environment: Environment, files: list[str]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for path in dict.fromkeys(filter(None, files)):
        merged.update(read(path, environment.variables))
    merged.update(_variables(environment.variables))
    return {name: value for name, value in merged.items() if value}


def _variables(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, value in variables.items():
        match = _VARIABLE.fullmatch(variable)
        if match and value:
            yield _key_of_variable(match[1]), value


def _key_of_variable(name: str) -> str:
    """Return a variable's key as in a file; only keys of credentials keep case and underscores."""
    return name if name.startswith("//") else name[0].lower() + name[1:].replace("_", "-").lower()


def _user_file(environment: Environment) -> str:
    user_config = dict(_variables(environment.variables)).get("userconfig")
    return user_config or os.path.join(_home(environment), ".npmrc")


def _home(environment: Environment) -> str:
    return environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")


def _project_file(environment: Environment) -> str:
    """Return the `.npmrc` next to the nearest package.json or node_modules, as npm does."""
    at = environment.cwd
    while True:
        if any(os.path.exists(os.path.join(at, name)) for name in ("package.json", "node_modules")):
            return os.path.join(at, ".npmrc")
        if os.path.dirname(at) == at:
            return os.path.join(environment.cwd, ".npmrc")
        at = os.path.dirname(at)


def _global_file(environment: Environment) -> str:
    """Return the global file of the Node.js on PATH, without running npm."""
    options = dict(_variables(environment.variables))
    if options.get("globalconfig"):
        return options["globalconfig"]
    node = shutil.which("node", path=environment.get("PATH"))
    prefix = options.get("prefix") or (
        os.path.dirname(os.path.dirname(os.path.realpath(node))) if node else ""
    )
    return os.path.join(prefix, "etc", "npmrc") if prefix else ""


def read(path: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Read an `.npmrc`: `key = value` lines, `${NAME}` standing for a variable; a missing file is empty."""
    try:
        text = read_text(path) or ""
    except StorageError:
        raise ConfigError(f"cannot read npm's configuration: {path}") from None
    lines = (line.strip() for line in text.lstrip("\ufeff").splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#;[")
    return {_unquote(key.strip()): _expand(_unquote(value.strip()), variables) for key, _, value in pairs}


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        try:
            return str(json.loads(text)) if text[0] == '"' else text[1:-1]
        except ValueError:
            return text[1:-1]
    return re.split(r"(?<!\\)\s*[;#]", text, maxsplit=1)[0].replace("\\;", ";").replace("\\#", "#")


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """Expand variables: an unknown one stays as written, or is empty when written `${NAME?}`."""

    def value(match: re.Match[str]) -> str:
        unknown = "" if match[3] else match[0]
        return match[1] + variables.get(match[2], unknown)

    return _REFERENCE.sub(value, text)


def _decode_password(password: str) -> str:
    try:
        return b64decode(password).decode()
    except ValueError:
        return password
