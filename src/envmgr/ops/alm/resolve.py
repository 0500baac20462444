"""Resolution of names on the command line to resources of the server."""

from __future__ import annotations

from envmgr.alm.client.fields import get_int, get_name, get_object_or_none, get_objects, require_object
from envmgr.alm.client.transport import path_segment
from envmgr.alm.refs import CurrentRef, IdRef, TagRef
from envmgr.kit.errors import AlmNotFound
from envmgr.kit.suggest import closest
from envmgr.ops.alm.pages import fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

MAX_SUGGESTION_CANDIDATES = 50
"""Latest versions that are considered for suggestions."""


def app_path(app: str) -> str:
    """Return the API path of an app."""
    return f"/apps/{path_segment(app)}"


def tag_path(ref: TagRef) -> str:
    """Return the API path of a version by its tag."""
    return f"{app_path(ref.app)}/versions/{path_segment(ref.tag)}"


def find_version(api: Api, ref: TagRef | IdRef | CurrentRef) -> Document:
    """Return a version; raise AlmNotFound if it does not exist."""
    match ref:
        case TagRef():
            return _version_by_tag(api, ref)
        case IdRef():
            return require_object(api.get(f"/versions/{ref.id}"))
        case CurrentRef():
            return require_object(api.get(f"/versions/{_current_version_id(api, ref)}"))


def find_app(api: Api, ref: str) -> Document:
    """Return an app; raise AlmNotFound with suggestions if it does not exist."""
    try:
        return require_object(api.get(app_path(ref)))
    except AlmNotFound as error:
        error.hint = _suggestion_hint(ref, _names(api, "/apps")) or error.hint
        raise


def _version_by_tag(api: Api, ref: TagRef) -> Document:
    try:
        return require_object(api.get(tag_path(ref)))
    except AlmNotFound as error:
        find_app(api, ref.app)
        latest = fetch(api, f"{app_path(ref.app)}/versions", {}, MAX_SUGGESTION_CANDIDATES).items
        tags = [get_name(version, "tag") for version in latest]
        latest_hint = f"latest versions of {ref.app}: {', '.join(tags[:3])}" if tags else None
        error.hint = (
            _suggestion_hint(ref.tag, tags) or latest_hint or "run `envmgr alm push` to register a version"
        )
        raise


def _names(api: Api, path: str) -> list[str]:
    return [get_name(resource, "name") for resource in fetch(api, path, {}, 0).items]


def _suggestion_hint(name: str, names: Iterable[str]) -> str | None:
    suggestions = closest(name, names, 2)
    return f"did you mean {' or '.join(suggestions)}?" if suggestions else None


def matrix(api: Api, environment: str | None = None) -> Document:
    """Return the deployment matrix; raise AlmNotFound with suggestions for an unknown environment."""
    if environment is None:
        return require_object(api.get("/matrix"))
    try:
        return require_object(api.get("/matrix", {"environment": environment}))
    except AlmNotFound:
        raise _environment_not_found(api, environment) from None


def require_environment(api: Api, name: str) -> None:
    """Raise AlmNotFound with suggestions unless the environment exists."""
    try:
        api.get(f"/environments/{path_segment(name)}")
    except AlmNotFound:
        raise _environment_not_found(api, name) from None


def environments(api: Api) -> list[str]:
    """Return the names of all environments."""
    return _names(api, "/environments")


def _environment_not_found(api: Api, name: str) -> AlmNotFound:
    names = environments(api)
    names_hint = f"environments: {', '.join(names)}" if names else "no deployments yet"
    return AlmNotFound(f"environment {name!r} not found", _suggestion_hint(name, names) or names_hint)


def _current_version_id(api: Api, ref: CurrentRef) -> int:
    document = matrix(api, ref.environment)
    name = app_name(document, ref.app)
    for placement in get_objects(document, "placements"):
        current = get_object_or_none(placement, "current")
        if get_name(placement, "app") == name and current is not None:
            return get_int(current, "version_id")
    raise AlmNotFound(
        f"{name} is not deployed in {ref.environment}",
        f"run `envmgr alm deployments list --app {name}` to see attempts",
    )


def app_name(document: Document, app: str) -> str:
    """Return the name of an app in the matrix, by name or ID; raise AlmNotFound if it is missing."""
    names = {get_name(entry, "name"): get_int(entry, "id") for entry in get_objects(document, "apps")}
    for name, id_ in names.items():
        if app in {name, str(id_)}:
            return name
    raise AlmNotFound(
        f"app {app!r} not found",
        _suggestion_hint(app, names) or "run `envmgr alm apps list` to list them",
    )
