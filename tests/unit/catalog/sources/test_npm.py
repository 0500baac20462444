from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envmgr.catalog import manifest_reader
from envmgr.catalog.release import Location
from envmgr.catalog.sources import npm, npm_bins
from envmgr.kit import digest, platform
from envmgr.kit.errors import InvalidRequest, NetworkError, SourceError
from envmgr.lockformat.model import Artifact
from support.http import faults
from support.registries.package_registries import integrity, packument

if TYPE_CHECKING:
    from envmgr.catalog.layout import Layout
    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.source_context import Context
    from support.http.fault_server import Authority, Server
    from support.registries.package_registries import Machine

X64, MUSL, MAC, WINDOWS = (
    platform.parse(key) for key in ("linux-x64", "linux-x64-musl", "macos-arm64", "windows-x64")
)
CLI = {"version": "1.0.0", "bin": "./bin/tool.cjs"}


def manifest(package: str = "tool", **fields: object) -> Manifest:
    source = {"kind": "npm", "package": package, **fields.pop("source", {})}
    return manifest_reader.build({"name": "tool", "source": source, **fields}, "tool.json")


def artifact(
    manifest_: Manifest, target: platform.Platform, context: Context, version: str = "1.0.0"
) -> Artifact | None:
    release = npm.listing(manifest_, context).release(version)
    assert release is not None
    return npm.artifact(manifest_, release, target, context)


def layout(manifest_: Manifest, target: platform.Platform, context: Context) -> Layout:
    result = npm.layout(manifest_, "1.0.0", target, context)
    assert result is not None
    return result


def locked(package: str, version: str = "1.0.0") -> Artifact:
    return Artifact(f"npm:{package}/{version}", digest.from_integrity(integrity(package, version)))


def program(server: Server, **fields: object) -> str:
    """Serve a package with a package for each of three platforms."""
    for name in ("linux-x64", "darwin-arm64", "win32-x64"):
        system, _, cpu = name.partition("-")
        packument(server, f"@tool/{name}", {"version": "1.0.0", "os": [system], "cpu": [cpu], **fields})
    optional = {
        f"@tool/{name}": "1.0.0" for name in ("linux-x64", "darwin-arm64", "win32-x64", "freebsd-x64")
    }
    return packument(
        server, "tool", {"version": "1.0.0", "bin": {"tool": "bin/tool"}, "optionalDependencies": optional}
    )


def test_versions_have_dates_and_tags(server: Server, machine: Machine) -> None:
    registry = packument(
        server,
        "tool",
        {**CLI, "version": "1.10.0"},
        {**CLI, "version": "1.9.0"},
        {**CLI, "version": "2.0.0-rc.1"},
        time={"1.9.0": "2024-01-01T00:00:00.000Z", "created": "2020"},
        **{"dist-tags": {"latest": "1.10.0", "next": "2.0.0-rc.1"}},
    )
    listing = npm.listing(manifest(), machine.with_npm(registry))
    assert listing.versions == ("1.9.0", "1.10.0", "2.0.0-rc.1")
    assert [(release.date, release.prerelease) for release in listing.releases] == [
        ("2024-01-01T00:00:00.000Z", False),
        (None, False),
        (None, True),
    ]
    assert listing.aliases == {"next": "2.0.0-rc.1"}


def test_the_short_document_is_requested_unless_dates_are_needed(server: Server, machine: Machine) -> None:
    registry = packument(server, "tool", CLI)
    npm.listing(manifest(), machine.with_npm(registry))
    npm.listing(manifest(), machine.with_npm(registry, minimum_release_age=60))
    accepted = [request.headers["accept"] for request in server.requests]
    assert accepted == [npm.ABBREVIATED, npm.FULL]


def test_a_package_without_platform_packages_has_one_archive_for_all(
    server: Server, machine: Machine
) -> None:
    context = machine.with_npm(packument(server, "@team/tool", CLI))
    manifest_ = manifest("@team/tool")
    assert {artifact(manifest_, target, context) for target in platform.DEFAULT_PLATFORMS} == {
        locked("@team/tool")
    }
    assert server.paths == ["/npm/@team%2ftool"]


def test_the_commands_of_a_package_link_to_its_scripts(server: Server, machine: Machine) -> None:
    context = machine.with_npm(packument(server, "@team/tool", CLI))
    result = layout(manifest("@team/tool"), X64, context)
    assert (result.format, result.strip, result.bin, dict(result.links)) == (
        "tar.gz",
        1,
        (),
        {"tool": ("bin/tool.cjs",)},
    )


def test_a_manifest_may_name_the_program_directory(server: Server, machine: Machine) -> None:
    context = machine.with_npm(packument(server, "tool", CLI))
    result = layout(manifest(bin=["dist"], strip=2), X64, context)
    assert (result.bin, result.strip, dict(result.links)) == (("dist",), 2, {})


def test_old_packages_have_only_a_sha1(server: Server, machine: Machine) -> None:
    dist = {"tarball": f"{server.url}/t.tgz", "shasum": "ab" * 20}
    context = machine.with_npm(packument(server, "tool", {**CLI, "dist": dist}))
    result = artifact(manifest(), X64, context)
    assert result == Artifact("npm:tool/1.0.0", digest.parse("ab" * 20, "sha1"))


def test_a_package_for_some_systems_is_not_published_for_others(server: Server, machine: Machine) -> None:
    context = machine.with_npm(packument(server, "tool", {**CLI, "os": ["darwin", "linux"], "cpu": ["x64"]}))
    served = [target.key for target in platform.DEFAULT_PLATFORMS if artifact(manifest(), target, context)]
    assert served == ["linux-x64", "linux-x64-musl", "macos-x64"]


def test_a_package_with_dependencies_is_an_error_that_names_them(server: Server, machine: Machine) -> None:
    needing = {**CLI, "dependencies": {"a": "1", "b": "1"}, "bundleDependencies": ["b"]}
    context = machine.with_npm(packument(server, "tool", needing))
    with pytest.raises(InvalidRequest, match=r"has runtime dependencies \(a\)") as caught:
        artifact(manifest(), X64, context)
    assert "npm install --global tool@1.0.0" in str(caught.value.hint)


@pytest.mark.parametrize("bundled", [["a", "b"], True])
def test_bundled_dependencies_are_accepted(server: Server, machine: Machine, bundled: object) -> None:
    bundling = {**CLI, "dependencies": {"a": "1", "b": "1"}, "bundleDependencies": bundled}
    context = machine.with_npm(packument(server, "tool", bundling))
    assert artifact(manifest(), X64, context) == locked("tool")


def test_a_library_is_an_error(server: Server, machine: Machine) -> None:
    context = machine.with_npm(packument(server, "tool", {"version": "1.0.0"}))
    with pytest.raises(InvalidRequest, match="library"):
        npm.layout(manifest(), "1.0.0", X64, context)


def test_a_program_comes_from_the_platform_package(server: Server, machine: Machine) -> None:
    context = machine.with_npm(program(server))
    matches = {item.key: artifact(manifest(), item, context) for item in (X64, MUSL, MAC, WINDOWS)}
    assert matches == {
        "linux-x64": locked("@tool/linux-x64"),
        "linux-x64-musl": locked("@tool/linux-x64"),
        "macos-arm64": locked("@tool/darwin-arm64"),
        "windows-x64": locked("@tool/win32-x64"),
    }
    assert artifact(manifest(), platform.parse("macos-x64"), context) is None


def test_only_likely_packages_are_requested(server: Server, machine: Machine) -> None:
    artifact(manifest(), X64, machine.with_npm(program(server)))
    assert server.paths == ["/npm/tool", "/npm/@tool%2flinux-x64"]


def test_a_missing_platform_package_is_not_published(server: Server, machine: Machine) -> None:
    registry = program(server)
    packument(server, "@tool/linux-x64", {"version": "0.9.0", "os": ["linux"]})
    del server.pages["/npm/@tool%2fwin32-x64"]
    context = machine.with_npm(registry)
    assert artifact(manifest(), X64, context) is None
    assert artifact(manifest(), WINDOWS, context) is None
    assert npm.layout(manifest(), "1.0.0", X64, context) is None


def test_fields_of_the_platform_package_decide(server: Server, machine: Machine) -> None:
    assert artifact(manifest(), MUSL, machine.with_npm(program(server, libc=["glibc"]))) is None


def test_the_program_is_searched_in_the_common_directories(server: Server, machine: Machine) -> None:
    context = machine.with_npm(program(server))
    assert dict(layout(manifest(), MAC, context).links) == {"tool": ("bin/tool", "tool")}
    assert dict(layout(manifest(), WINDOWS, context).links) == {
        "tool": ("bin/tool.exe", "tool.exe", "bin/tool", "tool")
    }


def test_a_platform_package_may_name_its_program(server: Server, machine: Machine) -> None:
    context = machine.with_npm(program(server, bin={"tool": "dist/tool.exe"}))
    assert layout(manifest(), WINDOWS, context).links["tool"][0] == "dist/tool.exe"


def test_a_manifest_may_name_the_platform_package(server: Server, machine: Machine) -> None:
    registry = packument(server, "tool", CLI)
    packument(server, "tool-darwin-arm64-bin", {"version": "1.0.0"})
    packument(server, "tool-Linux-x64-bin", {"version": "1.0.0"})
    context = machine.with_npm(registry)
    source = {"platform_package": "tool-{os}-{arch}-bin"}
    manifest_ = manifest(source=source, os={"linux": "Linux"}, platforms={"linux-x64-musl": None})
    assert artifact(manifest_, MAC, context) == locked("tool-darwin-arm64-bin")
    assert artifact(manifest_, X64, context) == locked("tool-Linux-x64-bin")
    assert artifact(manifest_, WINDOWS, context) is None
    assert artifact(manifest_, MUSL, context) is None


def test_an_artifact_is_located_with_the_credentials_for_it(server: Server, machine: Machine) -> None:
    registry = packument(server, "@team/tool", CLI)
    location = registry.partition(":")[2]
    variables = {"NPM_CONFIG_REGISTRY": registry, f"npm_config_{location}:_authToken": "t0ken"}
    result = npm.locate(Artifact("npm:@team/tool/1.0.0"), machine.run(variables))
    url = f"{server.url}/npm/@team/tool/-/tool-1.0.0.tgz"
    assert result == Location(url, {"Authorization": "Bearer t0ken"})
    assert server.requests[0].headers["authorization"] == "Bearer t0ken"


def test_an_unpublished_package_is_an_error_with_its_name(server: Server, machine: Machine) -> None:
    context = machine.with_npm(packument(server, "tool", CLI))
    for url in ("npm:tool/9.0.0", "npm:other/1.0.0"):
        with pytest.raises(SourceError, match="not found in the npm registry"):
            npm.locate(Artifact(url), context)
    with pytest.raises(SourceError, match="package other not found"):
        npm.listing(manifest("other"), context)
    with pytest.raises(SourceError, match=r"tool 9\.0\.0 not found"):
        npm.layout(manifest(), "9.0.0", X64, context)


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", faults.HTML_PAGE, faults.BAD_JSON, '{"versions": {"1.0.0": {}}}', "[" * 100_000]
)
def test_an_invalid_package_document_is_an_error_with_the_url(
    server: Server, machine: Machine, body: str
) -> None:
    server.add("/npm/tool", body)
    with pytest.raises(SourceError, match="/npm/tool: expected a package"):
        npm.listing(manifest(), machine.with_npm(f"{server.url}/npm"))


def test_the_authorities_npm_trusts_are_trusted(
    tls_server: Server, authority: Authority, machine: Machine
) -> None:
    registry = {"NPM_CONFIG_REGISTRY": packument(tls_server, "tool", CLI)}
    with pytest.raises(NetworkError, match="certificate verification failed"):
        npm.listing(manifest(), machine.run(registry))
    (machine.root / ".npmrc").write_text(f"cafile={authority.pem}\n")
    assert npm.listing(manifest(), machine.run(registry)).versions == ("1.0.0",)


def test_a_broken_integrity_is_an_error(server: Server, machine: Machine) -> None:
    dist = {"tarball": f"{server.url}/t.tgz", "integrity": "sha512-%%%"}
    context = machine.with_npm(packument(server, "tool", {**CLI, "dist": dist}))
    with pytest.raises(SourceError, match=r"tool 1\.0\.0"):
        artifact(manifest(), X64, context)


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "..", "..\\evil"])
def test_a_command_outside_its_package_is_refused(path: str) -> None:
    with pytest.raises(SourceError, match="outside"):
        npm_bins.commands({"bin": {"tool": path}}, "tool")


def test_paths_and_names_of_commands_are_normalized() -> None:
    result = npm_bins.commands({"bin": {"@x/one": "/./a/b.js", "two": "c"}}, "tool")
    assert result == {"one": "a/b.js", "two": "c"}
