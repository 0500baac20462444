"""The services that sources use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.catalog.list_cache import ListCache
    from envmgr.kit.config.settings import Settings
    from envmgr.kit.environment import Environment
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths


@frozen
class Context:
    """The network, opened on first use, the cache of lists, and who is asking."""

    open_http: Callable[[], Http]
    lists: ListCache
    settings: Settings
    environment: Environment
    paths: Paths

    @property
    def http(self) -> Http:
        """Return the connections of this run."""
        return self.open_http()
