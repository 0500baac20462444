"""Commands of npm packages: the `bin` field, and the programs in platform packages."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from envmgr.kit.errors import InvalidRequest, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping


def commands(document: Mapping[str, object], package: str, *, is_required: bool = True) -> dict[str, str]:
    """Return the path of each command of a package; raise an error without any if `is_required`."""
    field = document.get("bin")
    named = {package: field} if isinstance(field, str) else field if isinstance(field, dict) else {}
    result = {posixpath.basename(name): _inside(str(path), package) for name, path in named.items()}
    if is_required and not result:
        raise InvalidRequest(
            f"npm:{package} provides no command (it is a library)",
            f"run `npm install {package}` to add it to a project",
        )
    return result


def in_platform_package(
    wanted: Mapping[str, str], own: Mapping[str, str], *, is_windows: bool
) -> dict[str, tuple[str, ...]]:
    """Return the candidate paths of each command in a platform package: `bin/<name>` or `<name>`."""
    return {
        name: tuple(dict.fromkeys(_places(name, path, own.get(name), is_windows=is_windows)))
        for name, path in wanted.items()
    }


def _places(name: str, path: str, own: str | None, *, is_windows: bool) -> list[str]:
    plain = [*([own] if own else []), f"bin/{name}", name, path]
    if not is_windows:
        return plain
    return [place if place.endswith(".exe") else f"{place}.exe" for place in plain] + plain


def _inside(path: str, package: str) -> str:
    """Return a normalized path; raise SourceError if it leads out of the package."""
    plain = posixpath.normpath(path.replace("\\", "/")).lstrip("/")
    if plain == ".." or plain.startswith("../"):
        raise SourceError(f"npm:{package} declares a command outside the package: {path}")
    return plain
