"""App names of restricted credentials: IDs are stored, names are resolved on read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from envmgr.server.contracts.identity_resources import ApiKey, Binding, CurrentPrincipal
from envmgr.server.kit.common.problems import Unprocessable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.contracts.ports.apps import Apps

Limited = TypeVar("Limited", ApiKey, Binding, CurrentPrincipal)


@dataclass(frozen=True, slots=True)
class AppLimit:
    """The apps that a new credential is limited to, as requested; None for all apps."""

    app_ids: tuple[int, ...] | None
    names: tuple[str, ...] | None
    unknown: tuple[str, ...] = ()
    """Requested names that no app has."""

    def require_known(self) -> None:
        """Raise Unprocessable if a requested app does not exist."""
        if self.unknown:
            names = ", ".join(repr(name) for name in self.unknown)
            raise Unprocessable(
                f"app {names} not found; create it first", errors=[("/apps", f"not found: {names}")]
            )


class AppNames:
    """Names and IDs of apps, as they are now."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    async def resolve(self, names: Sequence[str] | None) -> AppLimit:
        """Return the apps that have these names now."""
        if names is None:
            return AppLimit(None, None)
        ids = await self._apps.find_ids(names)
        app_ids = tuple(sorted(set(ids.values())))
        present = await self._apps.find_names(app_ids)
        unknown = tuple(sorted(set(names) - set(ids)))
        return AppLimit(app_ids, tuple(sorted(present.values())), unknown)

    async def fill_in(self, resources: Sequence[Limited]) -> list[Limited]:
        """Return credentials with the present names of their apps."""
        app_ids = {app_id for resource in resources for app_id in resource.app_ids or ()}
        names = await self._apps.find_names(app_ids) if app_ids else {}
        return [
            resource
            if resource.app_ids is None
            else replace(resource, apps=tuple(sorted(names[i] for i in resource.app_ids if i in names)))
            for resource in resources
        ]
