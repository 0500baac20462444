"""The real registries that pip and npm of this machine are configured for."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.catalog import Catalog, open_catalog
from envmgr.catalog.registry import Registry
from envmgr.install.download import download
from envmgr.kit import environment, platform
from envmgr.kit import paths as paths_module
from envmgr.kit.config import settings
from envmgr.kit.errors import InvalidRequest
from envmgr.kit.http.client import Http
from envmgr.kit.progress import NullProgress
from envmgr.project import lockfile_io

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.install.download.download import Download

pytestmark = pytest.mark.registries

ROOT = Path(__file__).parents[3]
LOCK = lockfile_io.read(str(ROOT / ".envmgr.lock"))
LOCKED = [(tool, version) for tool, versions in (LOCK.tools if LOCK else {}).items() for version in versions]
EVERYWHERE = {where.key for where in platform.DEFAULT_PLATFORMS}


class Machine:
    """This machine, with envmgr's own files in a directory."""

    def __init__(self, root: Path) -> None:
        self.paths = paths_module.single_root(str(root))
        self.environment = environment.current()
        self.settings = settings.Settings()
        self.http = Http(self.settings, self.environment)

    def catalog(self) -> Catalog:
        return open_catalog(
            registry=Registry(self.paths, [str(ROOT)]),
            open_http=lambda: self.http,
            settings=self.settings,
            environment=self.environment,
            paths=self.paths,
        )

    def download(self, tool: str, version: str) -> Download:
        catalog = self.catalog()
        artifact = catalog.artifact(tool, version, platform.current())
        assert artifact is not None
        return download.download(
            artifact,
            http=self.http,
            paths=self.paths,
            locate=catalog.locate,
            progress=NullProgress(),
            task=tool,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    new_machine = Machine(tmp_path)
    yield new_machine
    new_machine.http.close()


def test_the_lock_has_the_tools_of_this_repository_for_every_platform() -> None:
    assert LOCK is not None
    tools = {name.partition("@")[0] for name in LOCK.resolved if not name.startswith("npm:")}
    assert tools == {"nodejs", "zig", "nats-server", "pypi:ruff"}
    assert all(
        locked.artifacts.keys() == EVERYWHERE for tool in LOCK.tools.values() for locked in tool.values()
    )


@pytest.mark.parametrize(("tool", "version"), LOCKED)
def test_every_tool_of_this_repository_matches_its_lock(machine: Machine, tool: str, version: str) -> None:
    assert LOCK is not None
    catalog = machine.catalog()
    assert version in catalog.listing(tool).versions
    matches = {target.key: catalog.artifact(tool, version, target) for target in platform.DEFAULT_PLATFORMS}
    assert matches == LOCK.tools[tool][version].artifacts
    for target in platform.DEFAULT_PLATFORMS:
        layout = catalog.layout(tool, version, target)
        assert layout is not None
        assert layout.bin or layout.links


def test_a_program_of_npm_has_a_package_for_every_platform(machine: Machine) -> None:
    catalog = machine.catalog()
    matches = {
        target.key: catalog.artifact("npm:esbuild", "0.25.0", target) for target in platform.DEFAULT_PLATFORMS
    }
    assert {key: item.url if item else None for key, item in matches.items()} == {
        "linux-x64": "npm:@esbuild/linux-x64/0.25.0",
        "linux-arm64": "npm:@esbuild/linux-arm64/0.25.0",
        "linux-x64-musl": "npm:@esbuild/linux-x64/0.25.0",
        "linux-arm64-musl": "npm:@esbuild/linux-arm64/0.25.0",
        "macos-x64": "npm:@esbuild/darwin-x64/0.25.0",
        "macos-arm64": "npm:@esbuild/darwin-arm64/0.25.0",
        "windows-x64": "npm:@esbuild/win32-x64/0.25.0",
        "windows-arm64": "npm:@esbuild/win32-arm64/0.25.0",
    }
    assert all(item and item.digest and item.digest.algorithm == "sha512" for item in matches.values())


def test_a_downloaded_wheel_contains_the_program(machine: Machine) -> None:
    version = next(version for tool, version in LOCKED if tool == "pypi:ruff")
    download = machine.download("pypi:ruff", version)
    assert download.url.startswith("pypi:ruff/")
    with zipfile.ZipFile(download.path) as wheel:
        assert any(
            os.path.basename(name).startswith("ruff") for name in wheel.namelist() if "/scripts/" in name
        )


def test_a_downloaded_package_contains_its_command(machine: Machine) -> None:
    version = next(version for tool, version in LOCKED if tool == "npm:prettier")
    layout = machine.catalog().layout("npm:prettier", version, platform.current())
    assert layout is not None
    (script,) = layout.links["prettier"]
    with tarfile.open(machine.download("npm:prettier", version).path) as archive:
        assert f"package/{script}" in archive.getnames()


@pytest.mark.parametrize("tool", ["pypi:black", "npm:eslint"])
def test_a_package_without_a_program_is_rejected_with_a_hint(machine: Machine, tool: str) -> None:
    catalog = machine.catalog()
    with pytest.raises(InvalidRequest) as caught:
        catalog.artifact(tool, catalog.listing(tool).versions[-1], platform.current())
    assert caught.value.hint
