"""User settings: names, types, defaults and origins.

Precedence: flag, environment (`ENVMGR_<NAME>`), `config.toml`, default.
"""

from __future__ import annotations

import os

from envmgr.kit.config import settings_file
from envmgr.kit.config import settings_values as values
from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen
from envmgr.kit.suggest import closest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import Paths


@frozen
class Settings:
    """Every setting's value; `minimum_release_age` and `http_timeout` are seconds."""

    jobs: int = 0
    offline: bool = False
    mirrors: tuple[tuple[str, str], ...] = ()
    lock_platforms: tuple[str, ...] = ()
    minimum_release_age: int = 0
    auto_install: str = "never"
    fallthrough: bool = True
    allow_http: bool = False
    ca_bundle: str = ""
    netrc: str = ""
    http_timeout: float = 30.0
    http_retries: int = 4
    github_token: str = ""
    trusted: tuple[str, ...] = ()
    alm_url: str = ""


@frozen
class Setting:
    """A setting: parser, description, and representation in `config.toml`.

    `kinds` are the TOML types it accepts; `stored` converts its text to one of them. A path (`is_path`) is made
    absolute: `~` is the user's home, and relative paths in a file start at its directory.
    """

    name: str
    read: Callable[[str], object]
    description: str
    kinds: tuple[type, ...]
    stored: Callable[[str], object]
    is_path: bool = False


@frozen
class Origin:
    """A setting's value and its origin."""

    name: str
    value: object
    origin: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "jobs",
            values.count,
            "parallel installs (0: one per processor, at least 4)",
            (int,),
            values.count,
        ),
        Setting("offline", values.parse_boolean, "never use the network", (bool,), values.parse_boolean),
        Setting("mirrors", values.mirrors, "URL prefixes to replace, longest first", (dict,), values.table),
        Setting(
            "lock_platforms",
            values.platforms,
            "platforms to lock",
            (list, str),
            values.toml_list,
        ),
        Setting(
            "minimum_release_age",
            values.duration,
            "minimum age of a release for non-exact requests",
            (str,),
            str,
        ),
        Setting(
            "auto_install",
            values.one_of("never", "ask", "always"),
            "install missing tools in `exec` and shims",
            (str,),
            str,
        ),
        Setting(
            "fallthrough",
            values.parse_boolean,
            "run the next program on PATH if no file requests the command's tool",
            (bool,),
            values.parse_boolean,
        ),
        Setting(
            "allow_http",
            values.parse_boolean,
            "allow plain http to hosts other than this machine",
            (bool,),
            values.parse_boolean,
        ),
        Setting(
            "ca_bundle",
            str,
            "PEM file of additional trusted certificate authorities",
            (str,),
            str,
            is_path=True,
        ),
        Setting("netrc", str, "netrc file (default: ~/.netrc)", (str,), str, is_path=True),
        Setting(
            "http_timeout",
            values.seconds,
            "idle timeout in seconds",
            (int, float),
            values.seconds,
        ),
        Setting(
            "http_retries",
            values.count,
            "retries for transient failures",
            (int,),
            values.count,
        ),
        Setting("github_token", str, "token for api.github.com", (str,), str),
        Setting(
            "trusted",
            values.words,
            "digests of manifests with trusted install scripts",
            (list, str),
            values.toml_list,
        ),
        Setting("alm_url", values.server, "URL of the ALM server", (str,), values.server),
    )
}


def parse_value(name: str, text: str) -> object:
    """Parse a setting's text; raise ConfigError with the expected form."""
    setting = _setting(name)
    try:
        return setting.read(text)
    except ValueError as error:
        raise ConfigError(f"invalid value for {name}: {text!r}", f"expected {error}") from None


def _setting(name: str) -> Setting:
    if name not in SETTINGS:
        suggestions = closest(name, SETTINGS)
        hint = (
            f"did you mean {' or '.join(suggestions)}?"
            if suggestions
            else f"settings are {', '.join(SETTINGS)}"
        )
        raise ConfigError(f"unknown setting {name!r}", hint)
    return SETTINGS[name]


def set_value(path: str, name: str, text: str) -> bool:
    """Record a setting in `config.toml`, keeping the rest; return whether the file changed.

    Raise ConfigError for an unknown setting or an invalid value.
    """
    parse_value(name, text)
    _require_unicode(name, text)
    return settings_file.write(path, name, SETTINGS[name].stored(text))


def has_value(path: str, name: str, text: str) -> bool:
    """Return whether `config.toml` has this value of a setting; raise ConfigError if it is invalid."""
    parse_value(name, text)
    return settings_file.read(path).get(name) == SETTINGS[name].stored(text)


def _require_unicode(name: str, text: str) -> None:
    """Raise ConfigError for a value that TOML cannot hold: the file must be UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"invalid value for {name}: {text!r} is not UTF-8 text", f"set {variable_of(name)} instead"
        ) from None


def unset_value(path: str, name: str) -> bool:
    """Remove a setting from `config.toml`, keeping the rest; return whether the file changed."""
    return settings_file.write(path, _setting(name).name, None)


def load(environment: Environment, paths: Paths, flags: Mapping[str, object] | None = None) -> Settings:
    """Return the effective settings."""
    return Settings(**{origin.name: origin.value for origin in origins(environment, paths, flags)})  # type: ignore[arg-type] # each was read by its own setting


def origins(
    environment: Environment, paths: Paths, flags: Mapping[str, object] | None = None
) -> list[Origin]:
    """Return every setting with its value and origin."""
    written = read_file(paths.config_file)
    return [
        _absolute_path(
            _origin(setting.name, flags or {}, environment, written, paths.config_file), environment
        )
        for setting in SETTINGS.values()
    ]


def _origin(
    name: str, flags: Mapping[str, object], environment: Environment, written: Mapping[str, object], file: str
) -> Origin:
    variable = variable_of(name)
    if flags.get(name) is not None:
        return Origin(name, flags[name], "flag")
    if environment.get(variable):
        return Origin(name, parse_value(name, environment.get(variable)), variable)
    if name in written:
        return Origin(name, written[name], file)
    return _default(name, environment)


def _default(name: str, environment: Environment) -> Origin:
    if name == "github_token":
        for variable in ("GITHUB_TOKEN", "GH_TOKEN"):
            if environment.get(variable):
                return Origin(name, environment.get(variable), variable)
    return Origin(name, getattr(Settings, name), "default")


def _absolute_path(origin: Origin, environment: Environment) -> Origin:
    """Return an absolute path: relative to the file's directory, else to the working directory."""
    if not SETTINGS[origin.name].is_path or not origin.value:
        return origin
    path = environment.expand(str(origin.value))
    if not os.path.isabs(path):
        base = os.path.dirname(origin.origin) if os.path.isabs(origin.origin) else environment.cwd
        path = os.path.join(base, path)
    return Origin(origin.name, os.path.normpath(path), origin.origin)


def variable_of(name: str) -> str:
    """Return the name of a setting's environment variable."""
    return f"ENVMGR_{name.upper()}"


def read_file(path: str) -> dict[str, object]:
    """Read `config.toml`; raise ConfigError for misspelt names and invalid values.

    Unknown names that resemble no setting are ignored: a newer envmgr may share the file.
    """
    table = settings_file.read(path)
    for name in table.keys() - SETTINGS.keys():
        _refuse_misspelt(name, path)
    return {
        name: _from_toml(setting, table[name], path) for name, setting in SETTINGS.items() if name in table
    }


def _refuse_misspelt(name: str, path: str) -> None:
    suggestions = closest(name, SETTINGS)
    if suggestions:
        raise ConfigError(f"{path}: unknown setting {name!r}", f"did you mean {' or '.join(suggestions)}?")


def unknown_keys(path: str) -> tuple[str, ...]:
    """Return the keys of `config.toml` that are unknown to this version."""
    return tuple(sorted(settings_file.read(path).keys() - SETTINGS.keys()))


def _from_toml(setting: Setting, value: object, path: str) -> object:
    if type(value) not in setting.kinds:
        kinds = " or ".join(_KINDS[kind] for kind in setting.kinds)
        raise ConfigError(f"{path}: invalid value for {setting.name}: {value!r}", f"expected {kinds}")
    try:
        return _pairs(value) if isinstance(value, dict) else parse_value(setting.name, _as_text(value))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None


_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    str: "a string",
    list: "a list of strings",
    dict: "a table",
}


def _pairs(table: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    for source, target in table.items():
        if not source or not target or not isinstance(target, str):
            raise ConfigError(f"invalid mirror {source!r} = {target!r}", "expected two URL prefixes")
    return tuple((source, str(target)) for source, target in table.items())


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)
