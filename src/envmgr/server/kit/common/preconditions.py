"""What must hold before a use case does something: the caller's condition, and that the thing is theirs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envmgr.server.kit.common.problems import Forbidden, Stale

if TYPE_CHECKING:
    from envmgr.server.kit.common.context import Call


class Resource(Protocol):
    """What has states: an id that nothing else ever has, and a count of its changes."""

    @property
    def id(self) -> int:
        """Name it for good: a name may go to another one."""
        ...

    @property
    def rev(self) -> int:
        """Count its changes."""
        ...


def tag_of(resource: Resource) -> str:
    """Name the state that a resource is in: what its ETag says."""
    return f"{resource.id}.{resource.rev}"


def require_unchanged(call: Call, tag: str) -> None:
    """Raise Stale unless the resource is still as the caller saw it; `tag` names the state that it is in."""
    if call.if_match is not None and tag not in call.if_match:
        raise Stale(f'it is at "{tag}" now: fetch it again, and decide anew')


def require_app(call: Call, app: str) -> None:
    """Raise Forbidden unless the caller may touch this app."""
    if not call.principal.may_touch(app):
        raise Forbidden(f"your credential is for {_spelled(call)} only, not for {app}")


def _spelled(call: Call) -> str:
    return ", ".join(sorted(call.principal.apps or ())) or "no app"
