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
    entries = {package: field} if isinstance(field, str) else field if isinstance(field, dict) else {}
    result = {posixpath.basename(name): _inside(str(path), package) for name, path in entries.items()}
    if is_required and not result:
        raise InvalidRequest(
            f"npm:{package} provides no command (it is a library)",
            f"run `npm install {package}` to add it to a project",
        )
    return result


def in_platform_package(
    required: Mapping[str, str], declared: Mapping[str, str], *, is_windows: bool
) -> dict[str, tuple[str, ...]]:
    """Return the candidate paths of each command in a platform package: `bin/<name>` or `<name>`."""
    return {
        name: tuple(dict.fromkeys(_candidate_paths(name, path, declared.get(name), is_windows=is_windows)))
        for name, path in required.items()
    }


def _candidate_paths(name: str, path: str, declared: str | None, *, is_windows: bool) -> list[str]:
    plain = [*([declared] if declared else []), f"bin/{name}", name, path]
    if not is_windows:
        return plain
    return [candidate if candidate.endswith(".exe") else f"{candidate}.exe" for candidate in plain] + plain


def _inside(path: str, package: str) -> str:
    """Return a normalized path; raise SourceError if it leads out of the package."""
    plain = posixpath.normpath(path.replace("\\", "/")).lstrip("/")
    if plain == ".." or plain.startswith("../"):
        raise SourceError(f"npm:{package} declares a command outside the package: {path}")
    return plain
