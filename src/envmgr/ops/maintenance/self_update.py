"""`self-update`: which program installed envmgr, and its commands that update it; runs none."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envmgr.kit import environment
from envmgr.kit.distribution import DISTRIBUTION, checkout_directory, installed_distribution
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Command = tuple[str, ...]

NEW_WHEEL = "NEW_WHEEL"
"""The placeholder for the path of a downloaded wheel."""
_PACKAGE_MANAGERS = {
    "debian": ("sudo", "apt", "install", "--only-upgrade"),
    "rpm": ("sudo", "dnf", "upgrade"),
    "pacman": ("sudo", "pacman", "-Syu"),
    "apk": ("sudo", "apk", "upgrade"),
    "brew": ("brew", "upgrade"),
}
"""Commands of package managers by the installer that they record; the package's name is their argument."""


@frozen
class Origin:
    """The place that an installer took envmgr from, as recorded (PEP 610): an index if it has no URL."""

    url: str = ""
    vcs: str = ""
    revision: str = ""
    is_editable: bool = False
    is_directory: bool = False

    @property
    def kind(self) -> str:
        """Return `index`, `vcs`, `editable`, `directory` or `archive`."""
        if not self.url:
            return "index"
        if self.vcs:
            return "vcs"
        if self.is_editable:
            return "editable"
        return "directory" if self.is_directory else "archive"

    @property
    def requirement(self) -> str:
        """Return the requirement that installs from the same place again."""
        url = f"{self.vcs}+{self.url}" if self.vcs else self.url
        revision = f"@{self.revision}" if self.revision else ""
        return f"{DISTRIBUTION} @ {url}{revision}"


@frozen
class Installation:
    """The facts about an installation that the command which updates it depends on.

    `files` are names at the top of its environment; `installer` is what the installer wrote, often `pip`.
    """

    python: str
    prefix: str
    is_virtual: bool
    files: frozenset[str]
    installer: str
    origin: Origin
    checkout: str = ""


@frozen
class Advice:
    """The program that manages an installation, and the commands that update it, in order."""

    installer: str
    origin: str
    location: str
    commands: tuple[Command, ...]


def advise() -> Advice:
    """Return how to update the envmgr that is running."""
    return advise_for(_current_installation())


def advise_for(installation: Installation) -> Advice:
    """Return how to update an installation."""
    installer = installer_of(installation)
    return Advice(
        installer,
        "checkout" if installer == "git" else installation.origin.kind,
        installation.checkout if installer == "git" else installation.prefix,
        _commands(installer, installation),
    )


def installer_of(installation: Installation) -> str:
    """Return what manages an installation: `git`, `pipx`, `uv`, `conda`, a package manager or `pip`."""
    if installation.checkout:
        return "git"
    if "pipx_metadata.json" in installation.files:
        return "pipx"
    if "uv-receipt.toml" in installation.files:
        return "uv"
    if installation.installer == "conda" and "conda-meta" in installation.files:
        return "conda"
    if installation.installer in _PACKAGE_MANAGERS and not installation.is_virtual:
        return installation.installer
    return "brew" if "Cellar" in installation.prefix.split(os.sep) else "pip"


def _commands(installer: str, installation: Installation) -> tuple[Command, ...]:
    if installer in _PACKAGE_MANAGERS:
        return ((*_PACKAGE_MANAGERS[installer], DISTRIBUTION),)
    if installer == "conda":
        return (("conda", "update", DISTRIBUTION),)
    if installer == "git":
        return _commands_of_checkout(installation)
    origin = installation.origin
    if origin.kind == "directory":
        update = ("git", "-C", _path_of(origin.url), "pull", "--ff-only")
        return (update, _installer_command(installer, installation))
    return (_installer_command(installer, installation),)


def _commands_of_checkout(installation: Installation) -> tuple[Command, ...]:
    checkout = installation.checkout
    pull = ("git", "-C", checkout, "pull", "--ff-only")
    return pull, _pip_command(installation, "--editable", checkout)


def _installer_command(installer: str, installation: Installation) -> Command:
    """Return the command of pipx, uv or pip; these upgrade from the recorded place, but from an archive."""
    kind = installation.origin.kind
    if installer == "pipx":
        return (
            ("pipx", "install", "--force", NEW_WHEEL)
            if kind == "archive"
            else ("pipx", "upgrade", DISTRIBUTION)
        )
    if installer == "uv":
        if kind == "archive":
            return ("uv", "tool", "install", "--force", NEW_WHEEL)
        reinstall = ("--reinstall",) if kind == "directory" else ()
        return ("uv", "tool", "upgrade", *reinstall, DISTRIBUTION)
    return _pip_command(installation, "--upgrade", _requirement_of(installation.origin))


def _requirement_of(origin: Origin) -> str:
    names = {"index": DISTRIBUTION, "archive": NEW_WHEEL, "directory": _path_of(origin.url)}
    return names.get(origin.kind, origin.requirement)


def _pip_command(installation: Installation, option: str, requirement: str) -> Command:
    has_pip = installation.installer != "uv"  # environments of uv have no pip of their own
    pip = (installation.python, "-m", "pip") if has_pip else ("uv", "pip")
    target = () if has_pip else ("--python", installation.python)
    return (*pip, "install", *target, option, requirement)


def _path_of(url: str) -> str:
    return unquote(urlsplit(url).path) if url.startswith("file:") else url


def _current_installation() -> Installation:
    distribution = installed_distribution()
    read = distribution.read_text if distribution else lambda _: None
    origin = parse_origin(read("direct_url.json"))
    return Installation(
        python=environment.python(),
        prefix=sys.prefix,
        is_virtual=sys.prefix != sys.base_prefix,
        files=frozenset(_names_in(sys.prefix)),
        installer=(read("INSTALLER") or "").strip().lower(),
        origin=origin,
        checkout=checkout_directory() or (_path_of(origin.url) if origin.kind == "editable" else ""),
    )


def _names_in(directory: str) -> Sequence[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return ()


def parse_origin(text: str | None) -> Origin:
    """Return the origin in the text of a `direct_url.json`; that of an index without one."""
    if not text:
        return Origin()
    document: Mapping[str, Mapping[str, object]] = json.loads(text)
    directory, vcs = document.get("dir_info"), document.get("vcs_info", {})
    return Origin(
        url=str(document["url"]),
        vcs=str(vcs.get("vcs", "")),
        revision=str(vcs.get("requested_revision", "")),
        is_editable=bool(directory and directory.get("editable")),
        is_directory=directory is not None,
    )
