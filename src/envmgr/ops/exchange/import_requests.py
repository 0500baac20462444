"""Importing requests from files of other version managers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import ProjectError, UnknownTool, UsageError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_text, write_in_place
from envmgr.project import dotfile
from envmgr.project.foreign.entry import ForeignRequest, Skipped
from envmgr.project.foreign.files import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.resolve.context import Context

_PREFIXES = {"core:": "", "pipx:": "pypi:", "ubi:": "github:"}
"""Names of tools in mise, and how this project writes them."""


@frozen
class ImportedRequest:
    """A request, and the file and line that it is from."""

    tool: str
    spec: str
    file: str
    line: int | None


@frozen
class SkippedEntry:
    """An entry of a file that was not imported, and the reason."""

    file: str
    name: str
    reason: str
    line: int | None


@frozen
class ImportResult:
    """The dotfile, its requests and what was not imported."""

    path: str
    requests: tuple[ImportedRequest, ...]
    skipped: tuple[SkippedEntry, ...]


def import_requests(context: Context, file: str | None, *, force: bool) -> ImportResult:
    """Write a dotfile in the working directory with the requests of one file, or of all that are there.

    Raise ProjectError if there is a dotfile, unless `force` is set, or if nothing can be imported.
    """
    directory = context.environment.cwd
    path = os.path.join(directory, dotfile.NAME)
    if os.path.isfile(path) and not force:
        raise ProjectError(f"{path} already exists", "pass --force to overwrite it, or use `envmgr use`")
    result = _collect(context, path, [_require_kind(directory, file)] if file else _files_in(directory))
    if not result.requests:
        reasons = [f"{item.file}: {item.name}: {item.reason}" for item in result.skipped]
        raise ProjectError(
            "\n  ".join([f"nothing to import in {directory}", *reasons]), f"files: {', '.join(FILES)}"
        )
    text = "".join(f"{request.tool}={request.spec}\n" for request in result.requests)
    dotfile.parse(text, path)
    write_in_place(path, text)
    return result


def _require_kind(directory: str, file: str) -> str:
    path = os.path.normpath(os.path.join(directory, file))
    if os.path.basename(path) not in FILES:
        raise UsageError(f"cannot import {file}: unknown kind of file", f"files: {', '.join(FILES)}")
    if not os.path.isfile(path):
        raise ProjectError(f"{path} not found", "pass the path of an existing file")
    return path


def _files_in(directory: str) -> list[str]:
    paths = (os.path.join(directory, name) for name in FILES)
    return [path for path in paths if os.path.isfile(path)]


def _collect(context: Context, path: str, files: list[str]) -> ImportResult:
    requests: dict[str, ImportedRequest] = {}
    skipped: list[SkippedEntry] = []
    for file in files:
        for entry in _entries(file):
            item = _import_entry(context, file, entry)
            rejected = _add(requests, item) if isinstance(item, ImportedRequest) else item
            if rejected is not None:
                skipped.append(rejected)
    return ImportResult(path, tuple(requests.values()), tuple(skipped))


def _entries(file: str) -> Iterator[ForeignRequest | Skipped]:
    try:
        yield from FILES[os.path.basename(file)](read_text(file) or "")
    except (ValueError, RecursionError) as error:
        yield Skipped(os.path.basename(file), f"cannot be read: {error}")


def _import_entry(
    context: Context, file: str, entry: ForeignRequest | Skipped
) -> ImportedRequest | SkippedEntry:
    if isinstance(entry, Skipped):
        return SkippedEntry(file, entry.name, entry.reason, entry.line)
    try:
        tool = context.registry.check(_own_name(entry.tool)).name
        kinds = {versions.classify(spec)[0] for spec in dotfile.parse_specs(entry.spec)}
    except UnknownTool:
        return SkippedEntry(file, entry.tool, "unknown tool; `envmgr plugin add` adds one", entry.line)
    except ValueError as error:
        return SkippedEntry(file, entry.tool, str(error), entry.line)
    if not kinds <= {"version", "system", "path"}:
        return SkippedEntry(file, entry.tool, f"{entry.spec} is not a release", entry.line)
    return ImportedRequest(tool, entry.spec, file, entry.line)


def _own_name(tool: str) -> str:
    for prefix, replacement in _PREFIXES.items():
        if tool.startswith(prefix):
            return replacement + tool.removeprefix(prefix)
    return tool


def _add(requests: dict[str, ImportedRequest], request: ImportedRequest) -> SkippedEntry | None:
    """Add a request; return it as skipped if an earlier file has another version of the tool."""
    existing = requests.setdefault(request.tool, request)
    if existing.spec == request.spec:
        return None
    reason = f"{request.spec} is ignored: {os.path.basename(existing.file)} has {existing.spec}"
    return SkippedEntry(request.file, request.tool, reason, request.line)
