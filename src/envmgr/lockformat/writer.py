"""Rendering a lock as text: sorted, one archive a line, the same bytes on every system."""

from __future__ import annotations

from envmgr.lockformat.model import FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.lockformat.model import Artifact, Locked, Lockfile


def render(lock: Lockfile) -> str:
    """Return a lock's text; the seed is not written."""
    resolved = [f"    {_json(key)}: {_json(version)}" for key, version in sorted(lock.resolved.items())]
    tools = [_render_tool(tool, versions) for tool, versions in sorted(lock.tools.items())]
    return (
        f'{{\n  "lockfile": {FORMAT},\n'
        f'  "resolved": {_object(resolved, "  ")},\n'
        f'  "tools": {_object(tools, "  ")}\n}}\n'
    )


def artifact_fields(artifact: Artifact, signature: Mapping[str, str] | None) -> dict[str, object]:
    """Return the JSON fields of an archive, in the order of the file."""
    fields: dict[str, object] = {"url": artifact.url}
    if artifact.digest:
        fields[artifact.digest.algorithm] = artifact.digest.value
    if artifact.size is not None:
        fields["size"] = artifact.size
    if signature:
        fields["signature"] = {"kind": signature["kind"], **dict(sorted(signature.items()))}
    return fields


def _render_tool(tool: str, versions: Mapping[str, Locked]) -> str:
    releases = [_render_release(version, locked) for version, locked in sorted(versions.items())]
    return f"    {_json(tool)}: {_object(releases, '    ')}"


def _render_release(version: str, locked: Locked) -> str:
    artifacts = [
        f"          {_json(platform)}: {_json(artifact_fields(artifact, locked.signatures.get(platform)))}"
        for platform, artifact in sorted(locked.artifacts.items())
    ]
    return (
        f"      {_json(version)}: {{\n"
        f'        "plugin": {_json(locked.plugin)},\n'
        f'        "artifacts": {_object(artifacts, "        ")}\n'
        "      }"
    )


def _object(members: list[str], indent: str) -> str:
    body = ",\n".join(members)
    return f"{{\n{body}\n{indent}}}" if members else "{}"


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
