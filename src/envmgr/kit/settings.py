"""The user's settings: what they are, what they may be, and where each value comes from.

Flag > environment (`ENVMGR_<NAME>`) > `config.toml` > default.
"""

from __future__ import annotations

import os

from envmgr.kit.errors import ConfigError
from envmgr.kit.value import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import Paths

DAY = 86_400


@frozen
class Settings:
    """Every setting's value; `minimum_release_age` and `http_timeout` are seconds."""

    jobs: int = 0
    offline: bool = False
    mirrors: tuple[tuple[str, str], ...] = ()
    lock_platforms: tuple[str, ...] = ()
    minimum_release_age: int = 0
    auto_install: str = "never"
    allow_http: bool = False
    ca_bundle: str = ""
    netrc: str = ""
    http_timeout: float = 30.0
    http_retries: int = 4
    github_token: str = ""
    trusted: tuple[str, ...] = ()


@frozen
class Setting:
    """One setting: how its text is read, and what it does."""

    name: str
    read: Callable[[str], object]
    meaning: str


@frozen
class Origin:
    """A setting's value and where it comes from."""

    name: str
    value: object
    origin: str


def _boolean(text: str) -> bool:
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 10_000:
        raise ValueError("a whole number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= DAY:
        raise ValueError("a number of seconds above 0")
    return seconds


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}


def _duration(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit():
        raise ValueError("a duration such as 0s, 24h or 7d")
    return int(number) * _UNITS[unit]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _platforms(text: str) -> tuple[str, ...]:
    from envmgr.kit import platform

    return tuple(platform.parse(word).key for word in _words(text))


def _mirrors(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [word.partition("=") for word in text.split()]
    if not all(before and after for before, _, after in pairs):
        raise ValueError("pairs FROM=TO of URL prefixes")
    return tuple((before, after) for before, _, after in pairs)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("jobs", _count, "tools installed at once; 0 is one per processor, four at least"),
        Setting("offline", _boolean, "use only what is on this machine"),
        Setting("mirrors", _mirrors, "URL prefixes to replace, longest first"),
        Setting("lock_platforms", _platforms, "platforms that locks are written for"),
        Setting(
            "minimum_release_age", _duration, "how old a release must be for a request that is not exact"
        ),
        Setting(
            "auto_install", _one_of("never", "ask", "always"), "install what `exec` and shims find missing"
        ),
        Setting("allow_http", _boolean, "allow plain http to hosts other than this machine"),
        Setting("ca_bundle", str, "PEM file of certificate authorities to trust besides the system's"),
        Setting("netrc", str, "file of credentials by host, instead of ~/.netrc"),
        Setting("http_timeout", _seconds, "seconds without a byte before a request is given up"),
        Setting("http_retries", _count, "how often a request that failed in passing is tried again"),
        Setting("github_token", str, "token for api.github.com"),
        Setting("trusted", _words, "digests of manifests whose install scripts may run"),
    )
}


def parse_value(name: str, text: str) -> object:
    """Read a setting's text; raise ConfigError naming what it should be."""
    if name not in SETTINGS:
        raise ConfigError(f"there is no setting {name!r}", f"settings are {', '.join(SETTINGS)}")
    try:
        return SETTINGS[name].read(text)
    except ValueError as error:
        raise ConfigError(f"{name} cannot be {text!r}", f"it should be {error}") from None


def load(environment: Environment, paths: Paths, flags: Mapping[str, object] | None = None) -> Settings:
    """Return the settings in force."""
    return Settings(**{origin.name: origin.value for origin in origins(environment, paths, flags)})  # type: ignore[arg-type] # each was read by its own setting


def origins(
    environment: Environment, paths: Paths, flags: Mapping[str, object] | None = None
) -> list[Origin]:
    """Return every setting with its value and origin."""
    written = read_file(paths.config_file)
    return [_origin(name, flags or {}, environment, written, paths.config_file) for name in SETTINGS]


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


def variable_of(name: str) -> str:
    """Spell the environment variable of a setting."""
    return f"ENVMGR_{name.upper()}"


def read_file(path: str) -> dict[str, object]:
    """Read `config.toml`; raise ConfigError for what is no setting or has a value it cannot have."""
    if not os.path.exists(path):
        return {}
    table = _toml(path)
    unknown = sorted(table.keys() - SETTINGS.keys())
    if unknown:
        raise ConfigError(
            f"{path}: there is no setting {unknown[0]!r}", f"settings are {', '.join(SETTINGS)}"
        )
    return {name: _from_toml(name, value, path) for name, value in table.items()}


def _toml(path: str) -> dict[str, object]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "mend the line, or remove the file") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None


def _from_toml(name: str, value: object, path: str) -> object:
    try:
        return parse_value(name, _as_text(value))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return " ".join(f"{before}={after}" for before, after in value.items())
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)
