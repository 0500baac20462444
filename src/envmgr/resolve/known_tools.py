"""A check that every requested tool exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr import versions
from envmgr.kit.errors import UnknownTool
from envmgr.resolve import lock_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.project.request import Request
    from envmgr.resolve.context import Context


def require_known(context: Context, requests: Iterable[Request]) -> None:
    """Raise UnknownTool with every request for a release of a tool without a manifest."""
    issues = [issue for request in requests for issue in _issues(context, request)]
    if len(issues) == 1:
        raise UnknownTool(*issues[0])
    if issues:
        lines = [
            message + (f"; {hint[: hint.index('?') + 1]}" if "?" in hint else "") for message, hint in issues
        ]
        raise UnknownTool("\n".join(lines), "correct the names, or add the tools: `envmgr plugin add --help`")


def _issues(context: Context, request: Request) -> list[tuple[str, str]]:
    try:
        if _is_release_request(request):
            context.registry.check(request.tool)
    except UnknownTool as error:
        message, hint = lock_manifests.missing_manifest(context, request) or (error.message, error.hint or "")
        return [(f"{request.origin.exactly}: {message}", hint)]
    return []


def _is_release_request(request: Request) -> bool:
    return any(versions.classify(spec)[0] not in {"system", "path"} for spec in request.specs)
