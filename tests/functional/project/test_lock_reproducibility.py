"""One lock for all platforms: the same bytes in any order of tools and installations."""

from __future__ import annotations

import json
import random
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from contract.expected import ARCHIVES
from support.http.fault_server import Server
from support.machine.sandbox import PLATFORMS, PYTHON, Sandbox
from support.matrices import sample
from support.programs import run_as_platform
from support.registries.recorded_upstreams import Upstreams

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shims of Unix")
BUILT_IN = {"nodejs": "24.11", "java": "temurin-21", "zig": "0.15", "kubectl": "1.34"}
HABITS = [
    {"PYTHONHASHSEED": "1", "LANG": "C", "TZ": "Asia/Tokyo"},
    {"PYTHONHASHSEED": "2", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "ENVMGR_JOBS": "1"},
]


class Team:
    """Machines of different platforms that work on one project."""

    def __init__(self, root: Path, server: Server) -> None:
        self.machine = Sandbox(root, server)
        upstreams = Upstreams(server)
        for tool in BUILT_IN:
            upstreams.publish(tool, ARCHIVES[tool])
            for manifest in upstreams.manifests(tool):
                self.machine.add_manifest(manifest)
        self.machine.variables |= upstreams.variables
        for name in ("alpha", "beta"):
            self.machine.publish(name)
        self.machine.publish("unsigned", ("1.0.0",), sums=False)
        self.lines = [
            "alpha=^1.0",
            "beta=latest, 1.0.0",
            *(f"{tool}={spec}" for tool, spec in BUILT_IN.items()),
        ]

    def project(self, lines):
        """Create a new project."""
        shutil.rmtree(self.machine.project)
        self.machine.project.mkdir()
        self.machine.write(*lines)

    def on(self, platform, *words, **variables):
        """Run a command on a platform's machine, with a shared cache of lists."""
        home = self.machine.root / f"home-{platform}"
        if not home.exists():
            home.mkdir()
            (home / "plugins").symlink_to(self.machine.home / "plugins")
        command = [PYTHON, run_as_platform.__file__, platform, *words]
        result = self.machine.command(command, env={"ENVMGR_HOME": str(home), **variables})
        assert result.code == 0, result
        return self.lock()

    def lock(self):
        return (self.machine.project / ".envmgr.lock").read_bytes()

    def expected(self, lines):
        """Return the lock that the program writes on this machine."""
        self.project(lines)
        self.machine.ok("lock")
        return self.lock()


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Server() as server:
        yield Team(tmp_path_factory.mktemp("team") / "root", server)


@pytest.fixture(scope="module")
def locked(team):
    """Return the bytes that all platforms must write."""
    return team.expected(team.lines)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_locks_the_same_bytes(team, locked, platform):
    number = PLATFORMS.index(platform)
    lines = random.Random(number).sample(team.lines, len(team.lines))
    team.project(lines)
    assert team.on(platform, "lock", **HABITS[number % 2]) == locked


@pytest.mark.parametrize("platform", sample(PLATFORMS, every=4))
def test_every_platform_installs_with_the_same_bytes(team, locked, platform):
    dice = random.Random(platform)
    team.project(dice.sample(team.lines, len(team.lines)))
    first, second, *_ = dice.sample(["alpha", "beta", *BUILT_IN], 3)
    team.on(platform, "install", first)
    team.on(platform, "install", second)
    assert team.on(platform, "install", **HABITS[PLATFORMS.index(platform) % 2]) == locked


def test_a_second_machine_does_not_change_the_lock(team, locked):
    team.project(team.lines)
    for platform in ("windows-x64", "linux-arm64-musl", "macos-arm64"):
        assert team.on(platform, "install") == locked
    assert team.machine.ok("lock", "--check").code == 0


@pytest.mark.slow
def test_learned_digests_are_independent_of_the_order_of_installations(team):
    digests = set()
    for seed in (1, 2):
        team.project(["unsigned=1", "alpha=1"])
        for platform in random.Random(seed).sample(PLATFORMS, len(PLATFORMS)):
            team.on(platform, "install")
        digests.add(team.lock())
    (content,) = digests
    entries = json.loads(content)["tools"]["unsigned"]["1.0.0"]["artifacts"]
    assert sorted(entries) == sorted(PLATFORMS)
    assert all(set(entry) == {"url", "sha256", "size"} for entry in entries.values())


def test_a_lock_contains_nothing_of_the_machine_that_wrote_it(team, locked):
    text = locked.decode()
    assert str(team.machine.root) not in text
    assert text.endswith("}\n")
    assert "\r" not in text
    addresses = {
        entry["url"]
        for nodej in json.loads(text)["tools"]["nodejs"].values()
        for entry in nodej["artifacts"].values()
    }
    assert all(url.startswith("https://") for url in addresses)
