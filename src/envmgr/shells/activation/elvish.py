"""Environment plans for Elvish, which cannot read the times of files: it compares their content."""

from __future__ import annotations

import json
import os

from envmgr.kit.fs import read_bytes
from envmgr.shells.activation import json_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.shells.activation.environment_plan import EnvironmentPlan


def quote(text: str) -> str:
    """Quote one word of Elvish's command line."""
    return "'" + text.replace("'", "''") + "'"


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as JSON, with the content of the inputs.

    It is not settled if one is not UTF-8, or has changed.
    """
    document = json.loads(json_plan.render(planned))
    try:
        for item in document["inputs"]:
            item["content"] = _content(item["path"], item["mtime_ns"])
    except (OSError, ValueError):
        document["settled"] = False
    return json.dumps(document)


def _content(path: str, mtime_ns: str) -> str:
    """Return the content of a file; raise ValueError if it is not UTF-8, or has another time now."""
    if not mtime_ns:
        return ""
    content = read_bytes(path)
    if content is None or str(os.stat(path).st_mtime_ns) != mtime_ns:
        raise ValueError(f"{path} was changed just now")
    return content.decode()
