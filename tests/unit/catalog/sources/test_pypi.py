from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog import manifest_reader
from envmgr.catalog.release import Location
from envmgr.catalog.sources import pypi
from envmgr.kit import platform
from envmgr.kit.digest import Digest
from envmgr.kit.errors import InvalidRequest, NetworkError, Offline, SourceError
from envmgr.lockformat.model import Artifact
from support.http import faults
from support.registries.package_registries import sha, simple_html, simple_json

if TYPE_CHECKING:
    from pathlib import Path

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.source_context import Context
    from support.http.fault_server import Authority, Server
    from support.registries.package_registries import Machine

LINUX = "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
MUSL = "py3-none-musllinux_1_2_x86_64.whl"
X64, MUSL_X64, WINDOWS = (platform.parse(key) for key in ("linux-x64", "linux-x64-musl", "windows-x64"))


def manifest(package: str = "My.Tool", **fields: object) -> Manifest:
    return manifest_reader.build(
        {"name": "tool", "source": {"kind": "pypi", "package": package}, **fields}, "tool.json"
    )


def artifact(
    context: Context, version: str, target: platform.Platform, manifest_: Manifest | None = None
) -> Artifact | None:
    manifest_ = manifest_ or manifest()
    release = pypi.listing(manifest_, context).release(version)
    assert release is not None
    return pypi.artifact(manifest_, release, target, context)


def test_versions_are_those_with_a_program_for_any_platform(server: Server, machine: Machine) -> None:
    files = [
        f"my_tool-1.10-{LINUX}",
        f"my_tool-1.9-{MUSL}",
        "my_tool-0.1-py3-none-any.whl",
        "my_tool-2.0.tar.gz",
        f"my_tool_extra-3.0-{LINUX}",
        f"my_tool-2.0rc1-{LINUX}",
    ]
    listing = pypi.listing(manifest(), machine.with_pip(simple_html(server, "my-tool", files)))
    assert listing.versions == ("1.9", "1.10", "2.0rc1")
    assert [release.prerelease for release in listing.releases] == [False, False, True]


def test_a_release_is_dated_by_its_first_file(server: Server, machine: Machine) -> None:
    files = [
        {"filename": f"my_tool-1.0-{LINUX}", "upload-time": "2024-02-02T00:00:00Z"},
        {"filename": f"my_tool-1.0-{MUSL}", "upload-time": "2024-01-01T00:00:00Z"},
    ]
    listing = pypi.listing(manifest(), machine.with_pip(simple_json(server, "my-tool", files)))
    assert listing.releases[0].date == "2024-01-01T00:00:00Z"


def test_a_yanked_release_is_selected_only_by_an_exact_version(server: Server, machine: Machine) -> None:
    files = [
        {"filename": f"my_tool-1.0-{LINUX}"},
        {"filename": f"my_tool-1.1-{LINUX}", "yanked": "broken"},
        {"filename": f"my_tool-1.2-{LINUX}", "yanked": True},
        {"filename": f"my_tool-1.2-{MUSL}", "yanked": False},
    ]
    context = machine.with_pip(simple_json(server, "my-tool", files))
    assert pypi.listing(manifest(), context).versions == ("1.0", "1.2")
    assert artifact(context, "1.1", X64) is not None


def test_an_artifact_is_the_same_from_any_mirror(server: Server, machine: Machine) -> None:
    name = f"my_tool-1.0-{LINUX}"
    modern = machine.with_pip(simple_json(server, "my-tool", [{"filename": name, "size": 7}]))
    plain = machine.with_pip(simple_html(server, "my-tool", [name], "/mirror"))
    expected = Artifact(f"pypi:my-tool/{name}", Digest("sha256", sha(name)))
    assert artifact(modern, "1.0", X64) == artifact(plain, "1.0", X64) == expected
    assert artifact(modern, "1.0", WINDOWS) is None


def test_a_manifest_may_exclude_a_platform(server: Server, machine: Machine) -> None:
    context = machine.with_pip(
        simple_html(server, "my-tool", [f"my_tool-1.0-{LINUX}", f"my_tool-1.0-{MUSL}"])
    )
    manifest_ = manifest(platforms={"linux-x64-musl": None})
    assert artifact(context, "1.0", X64, manifest_) is not None
    assert artifact(context, "1.0", MUSL_X64, manifest_) is None
    assert artifact(context, "1.0", MUSL_X64) is not None


def test_an_artifact_is_located_again_on_another_machine(server: Server, machine: Machine) -> None:
    name = f"my_tool-1.0-{LINUX}"
    index = simple_html(server, "my-tool", [name])
    result = pypi.locate(Artifact(f"pypi:my-tool/{name}"), machine.with_pip(index))
    assert result == Location(f"{server.url}/files/{name}")


def test_all_indexes_are_queried_and_the_first_with_a_file_wins(server: Server, machine: Machine) -> None:
    item = simple_html(server, "my-tool", [f"my_tool-1.0-{LINUX}"], "/one")
    two = simple_html(server, "my-tool", [f"my_tool-1.0-{LINUX}", f"my_tool-1.1-{LINUX}"], "/two")
    empty = f"{server.url}/empty"
    context = machine.with_pip(empty, item, two)
    assert pypi.listing(manifest(), context).versions == ("1.0", "1.1")
    assert pypi.locate(Artifact(f"pypi:my-tool/my_tool-1.1-{LINUX}"), context).url.startswith(server.url)


def test_the_locked_digest_selects_among_files_of_one_name(server: Server, machine: Machine) -> None:
    name = f"my_tool-1.0-{LINUX}"
    item = simple_json(
        server, "my-tool", [{"filename": name, "hashes": {"sha256": "00" * 32}, "url": "rebuilt"}]
    )
    two = simple_html(server, "my-tool", [name], "/two")
    locked = Artifact(f"pypi:my-tool/{name}", Digest("sha256", sha(name)))
    assert pypi.locate(locked, machine.with_pip(item, two)).url == f"{server.url}/files/{name}"


def test_credentials_of_an_index_go_to_its_own_host_only(server: Server, machine: Machine) -> None:
    name = f"my_tool-1.0-{LINUX}"
    abroad = {"filename": f"my_tool-1.1-{LINUX}", "url": "https://files.example/x.whl"}
    simple_json(server, "my-tool", [{"filename": name}, abroad], auth="anna:p@ss")
    context = machine.with_pip(server.url.replace("://", "://anna:p%40ss@") + "/simple")
    assert pypi.listing(manifest(), context).versions == ("1.0", "1.1")
    at_home = pypi.locate(Artifact(f"pypi:my-tool/{name}"), context)
    assert at_home == Location(f"{server.url}/files/{name}", {"Authorization": "Basic YW5uYTpwQHNz"})
    assert pypi.locate(Artifact(f"pypi:my-tool/{abroad['filename']}"), context).headers == {}


def test_the_authorities_pip_trusts_are_trusted(
    tls_server: Server, authority: Authority, machine: Machine
) -> None:
    variables = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": simple_html(tls_server, "my-tool", [f"my_tool-1.0-{LINUX}"]),
    }
    with pytest.raises(NetworkError, match="certificate verification failed"):
        pypi.listing(manifest(), machine.run(variables))
    listing = pypi.listing(manifest(), machine.run({**variables, "PIP_CERT": authority.pem}))
    assert listing.versions == ("1.0",)


def test_a_directory_is_an_index_too(machine: Machine, tmp_path: Path) -> None:
    name = f"my_tool-1.0-{LINUX}"
    (tmp_path / "simple" / "my-tool").mkdir(parents=True)
    (tmp_path / "simple" / "my-tool" / "index.html").write_text(f'<a href="../../files/{name}">{name}</a>')
    context = machine.with_pip((tmp_path / "simple").as_uri(), offline=True)
    assert pypi.listing(manifest(), context).versions == ("1.0",)
    assert pypi.locate(Artifact(f"pypi:my-tool/{name}"), context).url == (tmp_path / "files" / name).as_uri()


def test_a_directory_of_wheels_is_an_index(machine: Machine, tmp_path: Path) -> None:
    name = f"my_tool-1.0-{LINUX}"
    (tmp_path / "my wheels").mkdir()
    (tmp_path / "my wheels" / name).touch()
    link = (tmp_path / "my wheels").as_uri()
    context = machine.run({"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "yes", "PIP_FIND_LINKS": link})
    assert artifact(context, "1.0", X64) == Artifact(f"pypi:my-tool/{name}")
    assert pypi.locate(Artifact(f"pypi:my-tool/{name}"), context) == Location(f"{link}/{name}")


def test_a_page_of_wheels_is_an_index(server: Server, machine: Machine) -> None:
    link = server.add("/wheels.html", f'<a href="my_tool-1.0-{LINUX}">x</a>', {"Content-Type": "text/html"})
    context = machine.run({"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "yes", "PIP_FIND_LINKS": link})
    assert pypi.listing(manifest(), context).versions == ("1.0",)


def test_a_python_package_is_an_error_with_a_hint(server: Server, machine: Machine) -> None:
    files = ["my_tool-1.0-py3-none-any.whl", "my_tool-1.0-cp311-cp311-win_amd64.whl"]
    with pytest.raises(InvalidRequest, match="my-tool is a Python package") as caught:
        pypi.listing(manifest(), machine.with_pip(simple_html(server, "my-tool", files)))
    assert caught.value.hint == "run `pipx install my-tool`"


def test_an_unknown_project_is_an_error(server: Server, machine: Machine) -> None:
    with pytest.raises(SourceError, match="no wheel of my-tool in the configured package indexes"):
        pypi.listing(manifest(), machine.with_pip(f"{server.url}/simple"))


def test_a_missing_file_is_an_error_with_its_name(server: Server, machine: Machine) -> None:
    index = simple_html(server, "my-tool", [])
    with pytest.raises(SourceError, match=r"gone\.whl not found in the configured package indexes"):
        pypi.locate(Artifact("pypi:my-tool/gone.whl"), machine.with_pip(index))


def test_a_file_is_located_in_another_index_if_one_fails(server: Server, machine: Machine) -> None:
    name = f"my_tool-1.0-{LINUX}"
    server.add("/down/my-tool/", fault=faults.status(500))
    context = machine.with_pip(f"{server.url}/down", simple_html(server, "my-tool", [name]))
    assert pypi.locate(Artifact(f"pypi:my-tool/{name}"), context).url.startswith(server.url)
    with pytest.raises(NetworkError):
        pypi.locate(Artifact("pypi:my-tool/other.whl"), context)
    with pytest.raises(NetworkError):
        pypi.listing(manifest(), context)


def test_a_sign_in_page_is_not_an_index(server: Server, machine: Machine) -> None:
    server.add("/simple/my-tool/", "Sign in, please", {"Content-Type": "text/plain"})
    with pytest.raises(SourceError, match="expected a page of a Python package index"):
        pypi.listing(manifest(), machine.with_pip(f"{server.url}/simple"))


def test_offline_mode_uses_the_cached_page(server: Server, machine: Machine) -> None:
    index = simple_html(server, "my-tool", [f"my_tool-1.0-{LINUX}"])
    with pytest.raises(Offline):
        pypi.listing(manifest(), machine.with_pip(index, offline=True))
    pypi.listing(manifest(), machine.with_pip(index))
    assert pypi.listing(manifest(), machine.with_pip(index, offline=True)).versions == ("1.0",)


def test_programs_are_in_bin_by_default(machine: Machine) -> None:
    context = machine.run()
    layouts = [
        pypi.layout(manifest_, "1.0", X64, context)
        for manifest_ in (manifest(), manifest(bin=["zig/zig{exe}"]), manifest(links={"npm": "lib/npm.js"}))
    ]
    assert [(layout.format, layout.bin, dict(layout.links)) for layout in layouts if layout] == [
        ("whl", ("bin",), {}),
        ("whl", ("zig/zig",), {}),
        ("whl", (), {"npm": ("lib/npm.js",)}),
    ]
