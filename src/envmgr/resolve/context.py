"""Context of one run: settings, project, locks, connections and catalog, created on first use."""

from __future__ import annotations

import time
from _thread import RLock  # importing threading costs start-up time

from envmgr.kit import environment as environments
from envmgr.kit import paths as paths_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.catalog.catalog import Catalog
    from envmgr.catalog.registry import Registry
    from envmgr.kit.config.settings import Settings
    from envmgr.kit.environment import Environment
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import Paths
    from envmgr.kit.platform import Platform
    from envmgr.kit.progress import Progress
    from envmgr.project.discovery import Project
    from envmgr.project.lockfile_io import LockFiles


class Context:
    """One run's environment, directories, settings, project and connections.

    Without a platform it is for the one this process runs on. Each part is created once, also by several threads.
    `started_at_ns` is the time before any of it is read.
    """

    def __init__(
        self,
        environment: Environment,
        paths: Paths,
        platform: Platform | None = None,
        *,
        flags: Mapping[str, object] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.started_at_ns = time.time_ns()
        self._guard = RLock()
        self.environment = environment
        self.paths = paths
        self._platform = platform
        self.flags = dict(flags or {})
        self._progress = progress
        self._settings: Settings | None = None
        self._project: Project | None = None
        self._locks: LockFiles | None = None
        self._http: Http | None = None
        self._registry: Registry | None = None
        self._catalog: Catalog | None = None

    @property
    def platform(self) -> Platform:
        """The platform to install for."""
        if self._platform is None:
            from envmgr.kit import platform

            self._platform = platform.current()
        return self._platform

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        with self._guard:
            if self._settings is None:
                from envmgr.kit.config import settings

                self._settings = settings.load(self.environment, self.paths, self.flags)
            return self._settings

    @property
    def project(self) -> Project:
        """The requests of the directory's dotfiles, the environment and the global file."""
        with self._guard:
            if self._project is None:
                from envmgr.project import discovery

                self._project = discovery.find(self.environment, self.paths)
            return self._project

    @property
    def locks(self) -> LockFiles:
        """The lock files of this run, each read and parsed once."""
        with self._guard:
            if self._locks is None:
                from envmgr.project.lockfile_io import LockFiles

                self._locks = LockFiles()
            return self._locks

    @property
    def progress(self) -> Progress:
        """The progress display."""
        if self._progress is None:
            from envmgr.kit.progress import NullProgress

            self._progress = NullProgress()
        return self._progress

    @property
    def http(self) -> Http:
        """The connections of this run."""
        with self._guard:
            if self._http is None:
                from envmgr.kit.http.client import Http

                self._http = Http(self.settings, self.environment, self.progress)
            return self._http

    @property
    def registry(self) -> Registry:
        """The tools that exist, without their releases, which need connections."""
        with self._guard:
            if self._registry is None:
                from envmgr.catalog.registry import Registry

                self._registry = Registry(self.paths, self.project.directories)
            return self._registry

    @property
    def catalog(self) -> Catalog:
        """The tools that exist and their releases."""
        with self._guard:
            if self._catalog is None:
                from envmgr.catalog import catalog

                self._catalog = catalog.open_catalog(
                    registry=self.registry,
                    open_http=lambda: self.http,
                    settings=self.settings,
                    environment=self.environment,
                    paths=self.paths,
                    progress=self.progress,
                )
            return self._catalog

    def forget_project(self) -> None:
        """Read the dotfiles again on next use: one of them was written."""
        self._project = None

    def forget_manifests(self) -> None:
        """Read the manifests again on next use: one of them was written."""
        self._registry = self._catalog = None

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()


def current(
    *,
    cwd: str | None = None,
    flags: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> Context:
    """Return the context of this process, optionally for another directory."""
    environment = environments.current(cwd)
    return Context(environment, paths_module.resolve_paths(environment), flags=flags, progress=progress)
