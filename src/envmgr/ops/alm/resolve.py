"""Finding on the server what a name on the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.client.fields import get_int, get_name, get_object_or_none, get_objects, require_object
from envmgr.alm.refs import CurrentRef, IdRef, TagRef
from envmgr.kit.errors import AlmNotFound
from envmgr.kit.suggest import closest
from envmgr.ops.alm.pages import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

NEWEST = 50
"""Of how many of the newest versions one may have been meant."""


def app_path(app: str) -> str:
    """Return the address of an app."""
    return f"/apps/{quote(app, safe='')}"


def tag_path(named: TagRef) -> str:
    """Return the address of a version by its tag."""
    return f"{app_path(named.app)}/versions/{quote(named.tag, safe='')}"


def find_version(api: Api, named: TagRef | IdRef | CurrentRef) -> Document:
    """Return the version that is meant; raise AlmNotFound where there is none."""
    match named:
        case TagRef():
            return _tagged(api, named)
        case IdRef():
            return require_object(api.get(f"/versions/{named.id}"))
        case CurrentRef():
            return require_object(api.get(f"/versions/{_current_version_id(api, named)}"))


def find_app(api: Api, ref: str) -> Document:
    """Return an app; raise AlmNotFound, with those that may have been meant, where there is none."""
    try:
        return require_object(api.get(app_path(ref)))
    except AlmNotFound as error:
        error.hint = _suggestion_hint(ref, _names(api, "/apps")) or error.hint
        raise


def _tagged(api: Api, named: TagRef) -> Document:
    try:
        return require_object(api.get(tag_path(named)))
    except AlmNotFound as error:
        find_app(api, named.app)
        newest = fetch(api, f"{app_path(named.app)}/versions", {}, NEWEST).items
        tags = [get_name(one, "tag") for one in newest]
        others = f"the newest of {named.app} are {', '.join(tags[:3])}" if tags else None
        error.hint = _suggestion_hint(named.tag, tags) or others or "`envmgr alm push` registers a version"
        raise


def _names(api: Api, path: str) -> list[str]:
    return [get_name(one, "name") for one in fetch(api, path, {}, 0).items]


def _suggestion_hint(word: str, names: Iterable[str]) -> str | None:
    near = closest(word, names, 2)
    return f"did you mean {' or '.join(near)}?" if near else None


def matrix(api: Api, environment: str | None = None) -> Document:
    """Return what stands where; raise AlmNotFound, with those that may have been meant, for no environment."""
    if environment is None:
        return require_object(api.get("/matrix"))
    try:
        return require_object(api.get("/matrix", {"environment": environment}))
    except AlmNotFound:
        raise _no_environment(api, environment) from None


def require_environment(api: Api, name: str) -> None:
    """Raise AlmNotFound, with those that may have been meant, unless there is such an environment."""
    try:
        api.get(f"/environments/{quote(name, safe='')}")
    except AlmNotFound:
        raise _no_environment(api, name) from None


def environments(api: Api) -> list[str]:
    """Return the names of all environments."""
    return _names(api, "/environments")


def _no_environment(api: Api, name: str) -> AlmNotFound:
    names = environments(api)
    others = f"there are {', '.join(names)}" if names else "nothing was deployed anywhere yet"
    return AlmNotFound(f"there is no environment {name!r}", _suggestion_hint(name, names) or others)


def _current_version_id(api: Api, named: CurrentRef) -> int:
    there = matrix(api, named.environment)
    name = app_name(there, named.app)
    for place in get_objects(there, "placements"):
        current = get_object_or_none(place, "current")
        if get_name(place, "app") == name and current is not None:
            return get_int(current, "version_id")
    raise AlmNotFound(
        f"nothing of {name} stands in {named.environment}",
        f"`envmgr alm deployments list --app {name}` shows what was tried",
    )


def app_name(there: Document, app: str) -> str:
    """Return the name of an app that the matrix has, by its name or number; raise AlmNotFound where it has none."""
    names = {get_name(one, "name"): get_int(one, "id") for one in get_objects(there, "apps")}
    for name, id_ in names.items():
        if app in {name, str(id_)}:
            return name
    raise AlmNotFound(
        f"there is no app {app!r}",
        _suggestion_hint(app, names) or "`envmgr alm apps list` shows those there are",
    )
