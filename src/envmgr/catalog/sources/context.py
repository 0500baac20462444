"""What a source may use to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.value import frozen

if TYPE_CHECKING:
    from envmgr.catalog.lists import Lists
    from envmgr.kit.environment import Environment
    from envmgr.kit.http import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.settings import Settings


@frozen
class Context:
    """The network, the cache of lists, and who is asking."""

    http: Http
    lists: Lists
    settings: Settings
    environment: Environment
    paths: Paths
