"""Finding on the server what a name on the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.client.fields import document, number, part_or_none, parts, word
from envmgr.alm.refs import Numbered, Standing, Tagged
from envmgr.kit.errors import AlmNotFound
from envmgr.kit.suggest import closest
from envmgr.ops.alm.pages import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.alm.client.api import Api
    from envmgr.alm.client.fields import Document

NEWEST = 50
"""Of how many of the newest versions one may have been meant."""


def app_path(app: str) -> str:
    """Return the address of an app."""
    return f"/apps/{quote(app, safe='')}"


def tag_path(named: Tagged) -> str:
    """Return the address of a version by its tag."""
    return f"{app_path(named.app)}/versions/{quote(named.tag, safe='')}"


def version(api: Api, named: Tagged | Numbered | Standing) -> Document:
    """Return the version that is meant; raise AlmNotFound where there is none."""
    match named:
        case Tagged():
            return _tagged(api, named)
        case Numbered():
            return document(api.get(f"/versions/{named.id}"))
        case Standing():
            return document(api.get(f"/versions/{_standing(api, named)}"))


def app(api: Api, ref: str) -> Document:
    """Return an app; raise AlmNotFound, with those that may have been meant, where there is none."""
    try:
        return document(api.get(app_path(ref)))
    except AlmNotFound as error:
        error.hint = _like_it(ref, _names(api, "/apps")) or error.hint
        raise


def _tagged(api: Api, named: Tagged) -> Document:
    try:
        return document(api.get(tag_path(named)))
    except AlmNotFound as error:
        app(api, named.app)
        newest = listed(api, f"{app_path(named.app)}/versions", {}, NEWEST).items
        tags = [word(one, "tag") for one in newest]
        others = f"the newest of {named.app} are {', '.join(tags[:3])}" if tags else None
        error.hint = _like_it(named.tag, tags) or others or "`envmgr alm push` registers a version"
        raise


def _names(api: Api, path: str) -> list[str]:
    return [word(one, "name") for one in listed(api, path, {}, 0).items]


def _like_it(word: str, names: Iterable[str]) -> str | None:
    near = closest(word, names, 2)
    return f"did you mean {' or '.join(near)}?" if near else None


def matrix(api: Api, environment: str | None = None) -> Document:
    """Return what stands where; raise AlmNotFound, with those that may have been meant, for no environment."""
    if environment is None:
        return document(api.get("/matrix"))
    try:
        return document(api.get("/matrix", {"environment": environment}))
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
    return AlmNotFound(f"there is no environment {name!r}", _like_it(name, names) or others)


def _standing(api: Api, named: Standing) -> int:
    there = matrix(api, named.environment)
    name = app_name(there, named.app)
    for place in parts(there, "places"):
        current = part_or_none(place, "current")
        if word(place, "app") == name and current is not None:
            return number(current, "version_id")
    raise AlmNotFound(
        f"nothing of {name} stands in {named.environment}",
        f"`envmgr alm deployments list --app {name}` shows what was tried",
    )


def app_name(there: Document, app: str) -> str:
    """Return the name of an app that the matrix has, by its name or number; raise AlmNotFound where it has none."""
    names = {word(one, "name"): number(one, "id") for one in parts(there, "apps")}
    for name, id_ in names.items():
        if app in {name, str(id_)}:
            return name
    raise AlmNotFound(
        f"there is no app {app!r}",
        _like_it(app, names) or "`envmgr alm apps list` shows those there are",
    )
