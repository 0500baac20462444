"""A new kind of source needs its module and its row in the table: everything else reads the table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.sources.kinds import KINDS
from envmgr.lockformat.urls import PACKAGE_SCHEMES
from support.archives import archive_builder

if TYPE_CHECKING:
    from support.machine.sandbox import Result, Sandbox

PLATFORMS = ("linux-x64", "macos-arm64")
REGISTERED = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from envmgr.catalog.sources import kinds
from envmgr.lockformat import urls
from support.registries import toy_source
kinds.KINDS["toy"] = toy_source.KIND
urls.PACKAGE_SCHEMES = (*urls.PACKAGE_SCHEMES, "toy")
from envmgr.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def toy(sandbox: Sandbox) -> Sandbox:
    """Publish two releases of `hello` as the toy source lists them."""
    index: dict[str, dict[str, str]] = {}
    for version in ("1.0.0", "1.2.0"):
        for platform in PLATFORMS:
            content = archive_builder.tar({"top/bin/hello": archive_builder.program("hello", version)})
            sandbox.server.add(f"/hello/{version}/{platform}.tar.gz", content)
            index.setdefault(version, {})[platform] = archive_builder.sha256(content)
    sandbox.server.add_json("/hello/toy.json", index)
    sandbox.variables["TOY_URL"] = sandbox.server.url
    return sandbox


def envmgr(sandbox: Sandbox, *arguments: str) -> Result:
    result = sandbox.command([sys.executable, "-I", "-c", REGISTERED, *arguments])
    assert result.code == 0, result
    return result


def test_a_tool_of_a_new_kind_is_installed_locked_and_run(toy):
    envmgr(toy, "use", "toy:hello", "^1.0")
    assert (toy.project / ".envmgr").read_text() == "toy:hello=^1.0\n"
    assert toy.lock["resolved"] == {"toy:hello@^1.0": "1.2.0"}
    artifacts = toy.lock["tools"]["toy:hello"]["1.2.0"]["artifacts"]
    assert {platform: entry["url"] for platform, entry in artifacts.items()} == {
        platform: f"toy:hello/1.2.0/{platform}.tar.gz" for platform in PLATFORMS
    }
    assert toy.server.url not in json.dumps(toy.lock)
    assert (toy.shims / "hello").is_file()
    envmgr(toy, "uninstall", "toy:hello@1.2.0")
    envmgr(toy, "install", "--locked")
    assert envmgr(toy, "exec", "--", "hello", "x").out == "hello 1.2.0 <x>\n"


def test_a_tool_of_a_new_kind_is_distinguished_from_a_spec_and_named_in_hints(toy):
    assert "1.0.0" in envmgr(toy, "list", "--remote", "toy:hello").out
    result = toy.command([sys.executable, "-I", "-c", REGISTERED, "install", "nonesuch"])
    assert "toy:NAME" in result.err
    assert "toy:hello" in envmgr(toy, "why", "--help").out


def test_a_kind_without_a_row_is_unknown(toy):
    result = toy.run("install", "toy:hello")
    assert (result.code, "unknown source toy:" in result.err) == (2, True)


def test_lock_url_schemes_equal_those_of_the_kinds():
    assert set(PACKAGE_SCHEMES) == {kind.url_scheme for kind in KINDS.values() if kind.url_scheme}


def test_the_schema_has_every_kind():
    schema = json.loads((Path(__file__).parents[3] / "plugins/plugin.schema.json").read_text())
    assert set(schema["$defs"]["source"]["properties"]["kind"]["enum"]) == KINDS.keys()
