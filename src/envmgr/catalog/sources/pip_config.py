"""pip configuration (see its manual, "Configuration"): the configured package indexes.

Files are read lowest first: global, user, site, PIP_CONFIG_FILE; a section `[install]` overrides `[global]` in any
file, variables `PIP_…` override both, and empty values are ignored.
"""

from __future__ import annotations

import configparser
import locale
import os
from typing import TYPE_CHECKING
from urllib.request import pathname2url

from envmgr.catalog.sources import pip_query
from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envmgr.catalog.sources.pip_query import PipInfo
    from envmgr.kit.environment import Environment

_SECTIONS = ("global", "install")
_TRUE = {"1", "true", "yes", "on", "y", "t"}


@frozen
class PipConfig:
    """Base URLs of indexes in pip's order, places of loose wheels, and a file of authorities to trust."""

    indexes: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    cert: str = ""


def load(
    environment: Environment, ask: Callable[[Mapping[str, str]], PipInfo] = pip_query.query_pip
) -> PipConfig:
    """Read pip's configuration; raise ConfigError for a file that pip could not read either."""
    pip_info = ask(environment.variables)
    values = _values(environment, pip_info)
    indexes = (
        () if values.get("no-index", "").lower() in _TRUE else _own_indexes(values, pip_info.default_index)
    )
    return PipConfig(
        tuple(dict.fromkeys(_as_url(index, environment).rstrip("/") for index in indexes)),
        tuple(_as_url(index, environment) for index in values.get("find-links", "").split()),
        os.path.expanduser(values.get("cert", "")),
    )


def _own_indexes(values: Mapping[str, str], default: str) -> tuple[str, ...]:
    return (values.get("index-url", default).strip(), *values.get("extra-index-url", "").split())


def _values(environment: Environment, pip_info: PipInfo) -> dict[str, str]:
    files = [_sections(path) for path in _files(environment, pip_info)]
    merged: dict[str, str] = {}
    for section in _SECTIONS:
        for file in files:
            merged.update(file.get(section, {}))
    merged.update(_drop_empty(_variables(environment)))
    return merged


def _files(environment: Environment, pip_info: PipInfo) -> list[str]:
    path_from_environment = environment.get("PIP_CONFIG_FILE")
    if path_from_environment == os.devnull:
        return []
    instead_of_user = os.path.exists(path_from_environment)
    paths = [path for kind, path in pip_info.files if not (kind == "user" and instead_of_user)]
    return [*paths, path_from_environment] if path_from_environment else paths


def _sections(path: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding=locale.getpreferredencoding(do_setlocale=False))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise ConfigError(
            f"cannot read pip's configuration: {path}: {error}", "run `pip config debug` to list the files"
        ) from None
    return {section: _drop_empty(parser.items(section)) for section in parser.sections()}


def _variables(environment: Environment) -> Iterator[tuple[str, str]]:
    return ((name[4:], value) for name, value in environment.variables.items() if name.startswith("PIP_"))


def _drop_empty(pairs: list[tuple[str, str]] | Iterator[tuple[str, str]]) -> dict[str, str]:
    return {_normal(name): value for name, value in pairs if value and value.strip()}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _as_url(location: str, environment: Environment) -> str:
    """Return a directory, which pip accepts too, as a URL."""
    if "://" in location or location.startswith("file:"):
        return location
    path = pathname2url(os.path.join(environment.cwd, os.path.expanduser(location)))
    return f"file:{path}" if path.startswith("//") else f"file://{path}"
