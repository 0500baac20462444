"""Built-in manifests with servers that respond as their upstreams do: lock, install, run.

The manifests are unchanged, but for the keys of signing upstreams, which are secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pytest

from contract.expected import ARCHIVES
from envmgr.install import store
from envmgr.kit import fs, paths
from envmgr.kit.environment import Environment
from envmgr.kit.platform import current, parse
from envmgr.ops import install
from envmgr.resolve.context import Context
from envmgr.resolve.tool_specs import ToolSpec
from support.registries.recorded_upstreams import Upstreams

HERE = current().key
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

REQUESTS = {
    "nodejs": ("lts", "24.11.0", {"node --version": "v24.11.0", "npm": "node 24.11.0 runs npm"}),
    "python": (
        "^3.12.0",
        "3.14.0+20251031",
        {"python --version": "Python 3.14.0", "python3 --version": "Python 3.14.0"},
    ),
    "zig": ("0.15", "0.15.2", {"zig version": "0.15.2"}),
    "go": ("~1.22", "1.22.5", {"go printenv GOTOOLCHAIN": "local"}),
    "java": (
        "temurin-21",
        "temurin-21.0.4+7",
        {"java -version": 'openjdk version "21.0.4" 2024-07-16 LTS', "javac -version": "javac 21.0.4+7"},
    ),
    "deno": ("latest", "2.9.2", {"deno --version": "deno 2.9.2 (stable, release)"}),
    "bun": ("1", "1.3.10", {"bun --version": "1.3.10", "bunx --version": "1.3.10"}),
    "terraform": ("<1.14", "1.13.5", {"terraform version": "Terraform v1.13.5"}),
    "kubectl": ("1.34", "1.34.2", {"kubectl version": "Client Version: v1.34.2"}),
    "ruff": ("0.15.1", "0.15.1", {"ruff --version": "ruff 0.15.1"}),
    "uv": ("~0.9", "0.9.7", {"uv --version": "uv 0.9.7", "uvx --version": "uv 0.9.7"}),
    "gh": ("2", "2.83.0", {"gh --version": "gh version 2.83.0 (2025-11-04)"}),
    "jq": ("1.8", "1.8.1", {"jq --version": "jq-1.8.1"}),
    "ripgrep": (">=13", "15.1.0", {"rg --version": "ripgrep 15.1.0 (rev af6b6c543b)"}),
}
HOMES = {"java": "JAVA_HOME", "go": "GOROOT"}
CASES = [(tool, version) for tool, releases in ARCHIVES.items() for version in releases]


@pytest.fixture
def upstreams(server):
    return Upstreams(server)


@pytest.fixture
def machine(sandbox, upstreams):
    """Return a function that creates a machine that reaches a tool's upstream, and no other."""

    def make(tool):
        upstreams.publish(tool, ARCHIVES[tool])
        sandbox.variables |= upstreams.variables
        for manifest in upstreams.manifests(tool):
            sandbox.add_manifest(manifest)
        return sandbox

    return make


def test_every_built_in_tool_is_covered():
    assert set(REQUESTS) == set(ARCHIVES)


@pytest.mark.parametrize("tool", REQUESTS)
def test_a_built_in_tool_is_locked_for_all_platforms_installed_and_run(tool, machine, upstreams):
    spec, version, runs = REQUESTS[tool]
    sandbox = machine(tool)
    sandbox.write(f"{tool}={spec}")
    sandbox.ok("lock")
    assert sandbox.lock["resolved"] == {f"{tool}@{spec}": version}
    locked = sandbox.lock["tools"][tool][version]["artifacts"]
    entries = {key: (entry["url"], entry["sha256"]) for key, entry in locked.items()}
    assert entries == upstreams.locked(ARCHIVES[tool][version])
    sizes = {len(upstreams.archives[entry["url"]]) for entry in locked.values() if "size" in entry}
    assert sizes == {entry["size"] for entry in locked.values() if "size" in entry}
    before = (sandbox.project / ".envmgr.lock").read_bytes()
    (outcome,) = sandbox.ok("install", f"{tool}@{spec}", "--json").json["installed"]
    assert (outcome["version"], outcome["url"], outcome["sha256"]) == (version, *entries[HERE])
    assert (sandbox.project / ".envmgr.lock").read_bytes() == before
    for command, output in runs.items():
        result = sandbox.command(command.split())
        assert (result.code, result.out) == (0, f"{output}\n"), (command, result)
    if tool in HOMES:
        home = sandbox.command([next(iter(runs)).split()[0], "printenv", HOMES[tool]]).out.strip()
        assert home == os.path.join(outcome["path"], ARCHIVES[tool][version][HERE].home).rstrip("/")


@pytest.mark.parametrize("words", [("zig@0.15",), ("zig", "^0.15"), ("ziglang", "latest"), ("zig",)])
def test_install_outside_of_a_project_uses_its_arguments(words, machine):
    assert "installed zig 0.15.2" in machine("zig").ok("install", *words).out


def test_tags_are_listed_without_git(machine):
    sandbox = machine("kubectl")
    without_git = {"PATH": os.path.dirname(sys.executable)}
    assert "installed kubectl 1.34.2" in sandbox.ok("install", "kubectl@1.34", env=without_git).out


def test_credentials_of_a_redirect_are_not_stored(machine):
    sandbox = machine("gh")
    sandbox.write("gh=2")
    sandbox.ok("install")
    assert any("sig=secret" in path for path in sandbox.server.paths)
    texts = [path.read_bytes() for path in sandbox.root.rglob("*") if path.is_file()]
    assert not [text for text in texts if b"sig=secret" in text]


@pytest.mark.parametrize(
    ("tool", "version"),
    [
        pytest.param(*case, id="-".join(case), marks=[pytest.mark.slow] if number % 2 else [])
        for number, case in enumerate(case for case in CASES if ARCHIVES[case[0]][case[1]])
    ],
)
def test_every_platforms_archive_installs_with_its_programs(tool, version, upstreams, tmp_path):
    upstreams.publish(tool, ARCHIVES[tool])
    for key in ARCHIVES[tool][version]:
        install_paths = paths.single_root(str(tmp_path / key))
        for manifest in upstreams.manifests(tool):
            fs.write_atomic(os.path.join(install_paths.plugins, f"{tool}.json"), json.dumps(manifest))
        check_whole(
            tool, version, key, installed_for(key, tool, version, upstreams, install_paths), install_paths
        )


def installed_for(key, tool, version, upstreams, install_paths):
    context = Context(Environment(upstreams.variables, install_paths.data), install_paths, parse(key))
    with contextlib.closing(context):
        install.install_tools(context, [ToolSpec(tool, version)])
    return store.get(install_paths, tool, version)


def check_whole(tool, version, key, installed, install_paths):
    row = ARCHIVES[tool][version][key]
    assert (installed.platform, installed.url) == (key, row.url)
    assert store.check(install_paths, tool, version) == ()
    missing = commands_of(tool, version, key) - set(programs(installed, key))
    assert not missing, (key, os.listdir(installed.path))
    home = os.path.join(installed.path, row.home).rstrip("/")
    assert installed.env == {name: value.replace("{home}", home) for name, value in row.env.items()}


def programs(installed, key):
    if not key.startswith("windows"):
        return installed.commands()
    return [
        os.path.splitext(name)[0]
        for directory in installed.bin_dirs
        for name in os.listdir(directory)
        if name.endswith((".exe", ".cmd"))
    ]


def commands_of(tool, version, key):
    commands = {
        "nodejs": {"node", "npm", "npx"},
        "python": {"python"} if key.startswith("windows") else {"python", "python3", "pip3"},
        "go": {"go", "gofmt"},
        "java": {"java", "javac"},
        "bun": {"bun"} if key.startswith("windows") else {"bun", "bunx"},
        "uv": {"uv"} if version == "0.2.19" else {"uv", "uvx"},
        "ripgrep": {"rg"},
    }
    return commands.get(tool, {tool})


def test_python_on_windows_has_a_scripts_directory(upstreams, tmp_path):
    upstreams.publish("python", ARCHIVES["python"])
    install_paths = paths.single_root(str(tmp_path))
    installed = installed_for("windows-x64", "python", "3.14.0+20251031", upstreams, install_paths)
    assert [os.path.relpath(directory, installed.path) for directory in installed.bin_dirs] == [
        ".",
        "Scripts",
    ]
    assert os.path.isdir(os.path.join(installed.path, "Scripts"))
