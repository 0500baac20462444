"""pip configuration (see its manual, "Configuration"): the configured package indexes.

Files are read lowest first: global, user, site, PIP_CONFIG_FILE; a section `[install]` overrides `[global]` in any
file, variables `PIP_…` override both, and empty values are ignored.
"""

from __future__ import annotations

import os

from envmgr.kit import result_cache
from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.catalog.sources.pip_info import PipInfo
    from envmgr.kit.environment import Environment

_SECTIONS = ("global", "install")
_TRUE = {"1", "true", "yes", "on", "y", "t"}


@frozen
class PipConfig:
    """Base URLs of indexes in pip's order, places of loose wheels, and a file of authorities to trust.

    `dependencies` are the files that it depends on, which need not exist; None if it depends on what is not stored.
    """

    indexes: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    cert: str = ""
    dependencies: tuple[str, ...] | None = None


def load(environment: Environment, pip_info: PipInfo) -> PipConfig:
    """Read pip's configuration; raise ConfigError for a file that pip could not read either."""
    files = _files(environment, pip_info)
    values = _values(environment, files)
    indexes = (
        () if values.get("no-index", "").lower() in _TRUE else _own_indexes(values, pip_info.default_index)
    )
    return PipConfig(
        tuple(dict.fromkeys(_as_url(index, environment).rstrip("/") for index in indexes)),
        tuple(_as_url(index, environment) for index in values.get("find-links", "").split()),
        os.path.expanduser(values.get("cert", "")),
        _dependencies(environment, pip_info.program, files),
    )


def _dependencies(environment: Environment, program: str, files: list[str]) -> tuple[str, ...] | None:
    has_secret = any(result_cache.is_secret_of_pip(*variable) for variable in environment.variables.items())
    is_known = program and all(map(os.path.isabs, files)) and not has_secret
    return (program, *files) if is_known else None


def _own_indexes(values: Mapping[str, str], default: str) -> tuple[str, ...]:
    return (values.get("index-url", default).strip(), *values.get("extra-index-url", "").split())


def _values(environment: Environment, files: list[str]) -> dict[str, str]:
    sections = [_sections(path) for path in files if os.path.exists(path)]
    merged: dict[str, str] = {}
    for section in _SECTIONS:
        for file in sections:
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
    import configparser  # with its imports, takes half the time of Python's start
    import locale

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
    path = urls.quote_path(os.path.join(environment.cwd, os.path.expanduser(location)))
    return f"file:{path}" if path.startswith("//") else f"file://{path}"
