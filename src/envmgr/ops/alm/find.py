"""Finding on the server what a name on the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envmgr.alm.documents import document, number, part_or_none, parts, text
from envmgr.alm.names import Numbered, Standing, Tagged
from envmgr.kit.errors import AlmNotFound
from envmgr.kit.suggest import closest

if TYPE_CHECKING:
    from envmgr.alm.api import Api
    from envmgr.alm.documents import Document


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
            return document(api.get(tag_path(named)))
        case Numbered():
            return document(api.get(f"/versions/{named.id}"))
        case Standing():
            return document(api.get(f"/versions/{_standing(api, named)}"))


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


def _no_environment(api: Api, name: str) -> AlmNotFound:
    names = [text(document(one), "name") for one in api.items("/environments")]
    near = closest(name, names, 2) or sorted(names)
    hint = f"did you mean {' or '.join(near)}?" if near else "nothing was deployed anywhere yet"
    return AlmNotFound(f"there is no environment {name}", hint)


def standing(api: Api, environment: str) -> dict[str, int]:
    """Return the numbers of the versions that are current in an environment, by app."""
    found = {}
    for place in parts(matrix(api, environment), "places"):
        current = part_or_none(place, "current")
        if current is not None:
            found[text(place, "app")] = number(current, "version_id")
    return found


def _standing(api: Api, named: Standing) -> int:
    there = matrix(api, named.environment)
    name = app_name(there, named.app)
    for place in parts(there, "places"):
        current = part_or_none(place, "current")
        if text(place, "app") == name and current is not None:
            return number(current, "version_id")
    raise AlmNotFound(
        f"nothing of {name} stands in {named.environment}",
        f"`envmgr alm deployments list --app {name}` shows what was tried",
    )


def app_name(there: Document, app: str) -> str:
    """Return the name of an app that the matrix has, by its name or number; raise AlmNotFound where it has none."""
    names = {text(one, "name"): number(one, "id") for one in parts(there, "apps")}
    for name, id_ in names.items():
        if app in {name, str(id_)}:
            return name
    near = closest(app, names, 2)
    raise AlmNotFound(
        f"there is no app {app}",
        f"did you mean {' or '.join(near)}?" if near else "`envmgr alm apps list` shows those there are",
    )
