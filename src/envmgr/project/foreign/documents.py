"""Files in TOML and JSON; raise ValueError for what is not valid."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from envmgr.project.foreign.entry import ForeignRequest, Skipped, to_spec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.project.foreign.entry import ForeignRequest as Request

    Entry = Request | Skipped


def read_mise(text: str) -> Iterator[Entry]:
    """Yield the requests of `mise.toml`."""
    document = tomllib.loads(text, parse_float=str)  # 3.10 is not 3.1
    for tool, value in _table(document.get("tools")).items():
        yield from _mise_entries(tool, value)
    for name in document:
        if name != "tools":
            yield Skipped(f"[{name}]", "only tools are imported")


def _mise_entries(tool: str, value: object) -> Iterator[Entry]:
    values = value if isinstance(value, list) else [value]
    versions = [item.get("version") if isinstance(item, dict) else item for item in values]
    if not versions or not all(isinstance(version, str | int) for version in versions):
        yield Skipped(tool, "its version is not a text")
        return
    yield ForeignRequest(tool, ", ".join(to_spec(str(version)) for version in versions))
    if any(isinstance(item, dict) and len(item) > 1 for item in values):
        yield Skipped(tool, "its options are not imported")


def read_rust_toolchain(text: str) -> Iterator[Entry]:
    """Yield the channel of `rust-toolchain.toml`."""
    toolchain = _table(tomllib.loads(text).get("toolchain"))
    channel = toolchain.get("channel")
    if isinstance(channel, str):
        yield ForeignRequest("rust", to_spec(channel))
    for name in toolchain:
        if name != "channel":
            yield Skipped(f"toolchain.{name}", "only the channel is imported")


def read_package_json(text: str) -> Iterator[Entry]:
    """Yield the version of Node.js in `package.json`.

    `devEngines` is preferred to `volta`, and that to `engines`.
    """
    document = _table(json.loads(text))
    volta, engines = _table(document.get("volta")), _table(document.get("engines"))
    candidates = (_dev_engine(document), volta.get("node"), engines.get("node"))
    version = next((item for item in candidates if isinstance(item, str)), None)
    if version:
        yield ForeignRequest("nodejs", to_spec(version))
    others = {f"volta.{name}": volta[name] for name in volta if name != "node"}
    if "packageManager" in document:
        others["packageManager"] = document["packageManager"]
    for name, value in others.items():
        yield Skipped(name, f"only the version of Node.js is imported, not {value}")


def _dev_engine(document: dict[str, object]) -> object:
    runtime = _table(document.get("devEngines")).get("runtime")
    runtimes = runtime if isinstance(runtime, list) else [runtime]
    versions = [item.get("version") for item in map(_table, runtimes) if item.get("name") == "node"]
    return versions[0] if versions else None


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
