"""Readiness check of a data directory: its files are those that were opened, and its disk has room."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from envmgr.server.bootstrap.registry import SERVICES
from envmgr.server.kit.common.problems import ServiceUnavailable

if TYPE_CHECKING:
    from envmgr.server.kit.config.data_dir import DataDirectory

MIN_FREE_BYTES = 4 * 2**20
"""Free space below which the server is not ready: rows that exist can still be changed on a full disk."""


class DataDirectoryCheck:
    """Compare the databases' files with those that were opened; created when they have been."""

    def __init__(self, data: DataDirectory) -> None:
        self._path = data.path
        self._identities = {
            path: _identity(path) for path in (data.database(service.NAME) for service in SERVICES)
        }

    async def status(self) -> str:
        """Return the free space; raise ServiceUnavailable."""
        for path, identity in self._identities.items():
            if _identity(path) != identity:
                raise ServiceUnavailable(
                    f"{os.path.basename(path)} was removed or replaced since the server started; "
                    "stop the server, restore all databases from one backup, and start it"
                )
        free = shutil.disk_usage(self._path).free
        if free < MIN_FREE_BYTES:
            raise ServiceUnavailable(
                f"disk is full: {free // 1024} KiB free; free at least {MIN_FREE_BYTES // 2**20} MiB"
            )
        return f"{free // 2**20} MiB free"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
