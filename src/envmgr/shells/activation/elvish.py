"""Environment plans for Elvish, which cannot read the times of files: it compares their content."""

from __future__ import annotations

import json
import os

from envmgr.kit.errors import StorageError
from envmgr.kit.fs import read_bytes
from envmgr.shells.activation import json_plan
from envmgr.shells.activation.environment_plan import InputChanged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.shells.activation.environment_plan import EnvironmentPlan


def quote(text: str) -> str:
    """Quote one word of Elvish's command line."""
    return "'" + text.replace("'", "''") + "'"


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as JSON, with the content of the inputs; raise InputChanged."""
    document = json.loads(json_plan.render(planned))
    for item in document["inputs"] if planned.checks.is_settled else ():
        item.update(_describe_content(item["path"], item["mtime_ns"]))
    return json.dumps(document)


def _describe_content(path: str, mtime_ns: str) -> dict[str, str]:
    """Return the content of a file as text, or, if it is not UTF-8, as bytes in Elvish's form."""
    content = _read(path, mtime_ns) if mtime_ns else b""
    try:
        return {"content": content.decode()}
    except UnicodeDecodeError:
        return {"bytes": " ".join(map(hex, content))}


def _read(path: str, mtime_ns: str) -> bytes:
    """Return the content of a file; raise InputChanged if it has another time now."""
    try:
        content = read_bytes(path)
        is_unchanged = content is not None and str(os.stat(path).st_mtime_ns) == mtime_ns
    except (OSError, StorageError):
        content, is_unchanged = None, False
    if content is None or not is_unchanged:
        raise InputChanged(path)
    return content
