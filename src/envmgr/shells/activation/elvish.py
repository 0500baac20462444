"""Environment plans for Elvish, which cannot read the times of files: it compares their content."""

from __future__ import annotations

import json

from envmgr.kit.fs import read_bytes
from envmgr.shells.activation import json_plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.shells.activation.environment_plan import EnvironmentPlan


def quote(text: str) -> str:
    """Quote one word of Elvish's command line."""
    return "'" + text.replace("'", "''") + "'"


def render(planned: EnvironmentPlan) -> str:
    """Return a plan as JSON, with the content of the inputs; it is not settled if one is not UTF-8."""
    document = json.loads(json_plan.render(planned))
    try:
        for item in document["inputs"]:
            content = read_bytes(item["path"]) if item["mtime_ns"] else b""
            item["content"] = (content or b"").decode()
    except UnicodeDecodeError:
        document["settled"] = False
    return json.dumps(document)
