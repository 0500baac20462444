"""Imports of the commands with a fast path: nothing heavy."""

from __future__ import annotations

import pytest

from envmgr.kit import platform
from support.archives.archive_builder import sha256, tar
from support.http.scripted_server import ALM, Scripted, ScriptedResponse
from support.machine.imported_modules import imported_by, install_node

HEAVY = {
    "dataclasses",
    "inspect",
    "pathlib",
    "typing",
    "tomllib",
    "subprocess",
    "shutil",
    "tempfile",
    "urllib",
    "ssl",
    "socket",
    "asyncio",
    "logging",
    "argparse",
    "typer",
    "click",
    "rich",
    "httpx",
    "jsonschema",
    "jmespath",
    "packaging",
    "filelock",
    "platformdirs",
    "pip",
    "importlib.metadata",
    "concurrent",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["current"],
        ["list"],
        ["which", "node"],
        ["where", "nodejs"],
        ["current", "--json"],
        ["--help"],
        ["alm", "--help"],
        ["hook", "bash"],
        ["env"],
        ["env", "--shell", "fish"],
    ],
    ids=" ".join,
)
def test_a_fast_command_imports_nothing_heavy(arguments, tmp_path):
    assert imported_by(arguments, tmp_path) & HEAVY == set()


def test_exec_imports_nothing_heavy(tmp_path):
    install_node(tmp_path / "home")
    modules = imported_by(["exec", "--", "node"], tmp_path)
    assert "envmgr.shells.execution" in modules
    assert modules & HEAVY == set()


UNUSED = (
    "envmgr.alm",
    "envmgr.catalog",
    "envmgr.kit.config",
    "envmgr.kit.digest",
    "envmgr.kit.errors",
    "envmgr.kit.http",
    "envmgr.kit.platform",
    "envmgr.lockformat.parser",
    "envmgr.lockformat.writer",
    "envmgr.resolve.canonical_names",
    "envmgr.resolve.unavailable",
    "envmgr.shells.shim",
)
"""Modules of envmgr that a command does not need if the tool is installed and no lock exists."""


def below(modules, packages):
    """Return the modules that are among packages or in them."""
    return {module for module in modules for name in packages if f"{module}.".startswith(f"{name}.")}


@pytest.mark.parametrize(
    "arguments", [["current"], ["list"], ["which", "node"], ["where", "nodejs"], ["env"]], ids=" ".join
)
def test_a_fast_command_imports_only_what_it_uses(arguments, tmp_path):
    install_node(tmp_path / "home")
    modules = imported_by(arguments, tmp_path)
    assert "envmgr.install.receipt" in modules
    assert below(modules, {*UNUSED, "envmgr.kit.result_cache"}) == set()


def test_a_lock_is_read_without_its_writer(tmp_path):
    install_node(tmp_path / "home")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.envmgr.lock").write_text('{"nodejs": "20.1.0"}')
    modules = imported_by(["which", "node"], tmp_path)
    assert "envmgr.lockformat.parser" in modules
    assert below(modules, {"envmgr.catalog", "envmgr.lockformat.writer", "envmgr.kit.http"}) == set()


def test_locked_tools_are_not_selected(tmp_path):
    add_manifest(tmp_path / "home")
    install_node(tmp_path / "home", "demo")
    imported_by(["lock"], tmp_path, "demo=^20")
    for arguments in (["current"], ["env"]):
        modules = imported_by(arguments, tmp_path)
        assert "envmgr.lockformat.parser" in modules
        assert (
            below(
                modules,
                {*UNUSED, "envmgr.versions.selection"} - {"envmgr.kit.digest", "envmgr.lockformat.parser"},
            )
            == set()
        )


@pytest.mark.parametrize("arguments", [["where", "node"], ["current", "zig"], ["list", "node"]], ids=" ".join)
def test_resolving_a_tool_name_imports_no_http_client(arguments, tmp_path):
    modules = imported_by(arguments, tmp_path)
    assert "envmgr.catalog.registry" in modules
    assert below(modules, {"envmgr.kit.http.client", "envmgr.catalog.catalog"}) == set()


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        ([], HEAVY),
        (["uninstall"], HEAVY),
        (["use"], {"typer", "httpx", "rich", "jsonschema", "ssl", "threading"}),
    ],
    ids=["commands", "installed versions", "tools"],
)
def test_completion_imports_no_parser(arguments, unused, tmp_path):
    assert imported_by(arguments, tmp_path, variables={"_ENVMGR_COMPLETE": "=n"}) & unused == set()


def test_listing_manifests_imports_no_http_client(tmp_path):
    modules = imported_by(["plugin", "list"], tmp_path)
    assert "envmgr.catalog.registry" in modules
    assert below(modules, {"envmgr.kit.http.client"}) == set()


STATIC_MANIFEST = """{
  "name": "demo",
  "source": {
    "kind": "static",
    "versions": [{"version": "20.1.0", "artifacts": {
      "PLATFORM": {"url": "https://demo.example/a.tar.gz", "sha256": "SUM"}
    }}]
  },
  "format": "tar.gz",
  "bin": ["bin/node"]
}""".replace("SUM", "0" * 64).replace("PLATFORM", platform.current().key)

UNUSED_FOR_RECORDED_RESULTS = (
    "re",
    "enum",
    "json",
    "hashlib",
    "threading",
    "envmgr.catalog",
    "envmgr.install",
    "envmgr.kit.config",
    "envmgr.kit.http",
    "envmgr.lockformat",
    "envmgr.ops",
    "envmgr.project",
    "envmgr.shells",
    "envmgr.versions",
)


def add_manifest(home):
    """Add the manifest of a tool with one release."""
    (home / "plugins").mkdir(parents=True)
    (home / "plugins" / "demo.json").write_text(STATIC_MANIFEST)


UNUSED_FOR_INSTALLED_TOOLS = {
    "concurrent.futures",
    "envmgr.install.archive",
    "envmgr.install.download",
    "envmgr.install.installer",
    "envmgr.kit.http.client",
    "jsonschema",
    "ssl",
    "typer",
}


def test_install_of_installed_tools_imports_no_installer(tmp_path):
    add_manifest(tmp_path / "home")
    install_node(tmp_path / "home", "demo")
    assert "jsonschema" not in imported_by(["lock"], tmp_path, "demo=20.1.0")  # which checks the manifest
    modules = imported_by(["install", "--locked"], tmp_path)
    assert "envmgr.ops.install" in modules
    assert below(modules, UNUSED_FOR_INSTALLED_TOOLS) == set()


UNUSED_FOR_A_SMALL_ARCHIVE = {
    "bz2",
    "concurrent",
    "envmgr.install.archive.zip_reader",
    "envmgr.install.download.signatures",
    "envmgr.install.script",
    "httpx",
    "jsonschema",
    "logging",
    "lzma",
    "netrc",
    "pathlib",
    "rich",
    "secrets",
    "shutil",
    "ssl",
    "subprocess",
    "tempfile",
    "typer",
    "zipfile",
}


def test_the_installation_of_a_small_archive_imports_only_what_it_uses(tmp_path):
    archive = tar({"bin/node": b"#!/bin/sh"})
    with Scripted(lambda _: ScriptedResponse(body=archive)) as server:
        manifest = STATIC_MANIFEST.replace("https://demo.example", server.url)
        (tmp_path / "home/plugins").mkdir(parents=True)
        (tmp_path / "home/plugins/demo.json").write_text(manifest.replace("0" * 64, sha256(archive)))
        modules = imported_by(["install"], tmp_path, "demo=20.1.0")
    assert "envmgr.install.archive.tar_reader" in modules
    assert below(modules, UNUSED_FOR_A_SMALL_ARCHIVE) == set()


def test_prune_imports_nothing_that_downloads_or_displays_progress(tmp_path):
    modules = imported_by(["prune", "--dry-run"], tmp_path)
    assert "envmgr.ops.maintenance.prune" in modules
    assert (
        below(modules, {"rich", "envmgr.catalog.catalog", *UNUSED_FOR_INSTALLED_TOOLS} - {"typer"}) == set()
    )


@pytest.mark.parametrize("command", ["outdated", "upgrade"])
def test_a_command_that_finds_no_newer_version_imports_no_installer(command, tmp_path):
    add_manifest(tmp_path / "home")
    install_node(tmp_path / "home", "demo")
    imported_by(["lock"], tmp_path, "demo=20.1.0")
    modules = imported_by([command], tmp_path)
    assert f"envmgr.ops.maintenance.{command}" in modules
    assert below(modules, UNUSED_FOR_INSTALLED_TOOLS - {"concurrent.futures"}) == set()


@pytest.mark.parametrize(
    "arguments",
    [["lock", "--check"], ["list", "--remote", "demo"], ["lock", "--check", "--json"]],
    ids=" ".join,
)
def test_a_recorded_result_is_printed_without_reading_anything_else(arguments, tmp_path):
    add_manifest(tmp_path / "home")
    assert "envmgr.catalog" in imported_by(["lock"], tmp_path, "demo=20.1.0")
    modules = {"envmgr.catalog"}
    for _ in range(20):  # two runs a clock tick apart record a result
        modules = imported_by(arguments, tmp_path, "demo=20.1.0")
        if "envmgr.catalog" not in modules:
            break
    assert modules & HEAVY == set()
    assert below(modules, UNUSED_FOR_RECORDED_RESULTS) == set()


UNUSED_FOR_ALM = HEAVY - {"urllib", "socket"} | {
    "envmgr.cli.help_page",
    "hashlib",
    "http.client",  # it is imported without ssl, and not left for other modules
    "threading",
    "envmgr.catalog",
    "envmgr.install",
    "envmgr.kit.file_locks",
    "envmgr.kit.http.httpx_transport",
    "envmgr.versions",
}


def respond_as_alm(request):
    """Return what a server without apps responds to a user."""
    documents = {"/auth/me": {"actor": "user:a"}, "/matrix": {"environments": [], "apps": []}}
    return ScriptedResponse(200, documents.get(request.path.partition("?")[0], {"id": 1}))


@pytest.fixture
def alm_home(tmp_path):
    """Yield the home directory of a user whose settings name a server that responds."""
    home = tmp_path / "home"
    home.mkdir()
    with Scripted(respond_as_alm, ALM) as server:
        (home / "config.toml").write_text(f'alm_url = "{server.url}"\n')
        yield home


@pytest.mark.parametrize("arguments", [["whoami"], ["status", "--env", "prod"]], ids=" ".join)
def test_an_everyday_alm_command_imports_only_what_it_uses(arguments, alm_home):
    modules = imported_by(["alm", *arguments], alm_home.parent, variables={"ENVMGR_ALM_TOKEN": "x"})
    assert "envmgr.kit.http.standard_transport" in modules
    assert below(modules, UNUSED_FOR_ALM) == set()


def test_a_push_imports_no_catalog_and_no_installer(alm_home):
    project = alm_home.parent / "project"
    project.mkdir()
    (project / ".envmgr.lock").write_text('{"nodejs": "20.1.0"}')
    command = ["alm", "push", "--app", "a", "--tag", "v1.0.0"]
    modules = imported_by(command, alm_home.parent, variables={"ENVMGR_ALM_TOKEN": "x"})
    assert "envmgr.project.lock_differences" in modules
    used = {"subprocess", "threading", "envmgr.versions"}
    assert below(modules, UNUSED_FOR_ALM - used) == set()


HTTP_AND_SERVER_LIBRARIES = {
    "pydantic",
    "httpx",
    "ssl",
    "filelock",
    "rich",
    "litestar",
    "msgspec",
    "sqlalchemy",
}


@pytest.mark.parametrize(
    ("arguments", "declarations"),
    [
        (["alm", "push", "--help"], {"alm.declarations", "alm.declarations.push"}),
        (
            ["plugin", "lint", "--help"],
            {"catalog.declarations", "catalog.declarations.plugin", "declarations", "declarations.params"},
        ),
    ],
    ids=["alm push", "plugin lint"],
)
def test_the_help_of_a_command_imports_its_own_declaration_and_no_body(arguments, declarations, tmp_path):
    modules = imported_by(arguments, tmp_path)
    assert modules & HTTP_AND_SERVER_LIBRARIES == set()
    names = {name.removeprefix("envmgr.cli.") for name in modules}
    assert {name for name in names if "declarations" in name.split(".")} == declarations
    assert {name for name in names if "commands" in name.split(".")} == set()
