from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog import manifest_reader
from envmgr.catalog.sources import github
from envmgr.kit import platform
from envmgr.kit.digest import Digest
from envmgr.kit.errors import HttpError, InvalidRequest, RateLimited, SourceError
from envmgr.lockformat.model import Artifact
from support.http import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.catalog.manifest import Manifest
    from envmgr.catalog.sources.source_context import Context
    from support.http.fault_server import Server
    from support.registries.package_registries import Machine

PAGE = "/api/repos/owner/tool/releases?per_page=100"
X64, MUSL, MAC = (platform.parse(key) for key in ("linux-x64", "linux-x64-musl", "macos-arm64"))
SHA = "ab" * 32


def manifest(server: Server, **fields: object) -> Manifest:
    source = {"kind": "github", "repo": "owner/tool", "api": f"{server.url}/api/", **fields.pop("source", {})}
    return manifest_reader.build({"name": "tool", "source": source, **fields}, "tool.json")


def asset(server: Server, name: str, **fields: object) -> dict[str, object]:
    url = f"{server.url}/owner/tool/releases/download/v1/{name}"
    return {"name": name, "browser_download_url": url, "size": 5, "state": "uploaded", **fields}


def release(tag: str, *assets: Mapping[str, object], **fields: object) -> dict[str, object]:
    return {
        "tag_name": tag,
        "draft": False,
        "prerelease": False,
        "published_at": None,
        "assets": assets,
        **fields,
    }


def artifact(
    manifest_: Manifest, where: platform.Platform, context: Context, version: str = "1.0.0"
) -> Artifact | None:
    result = github.listing(manifest_, context).release(version)
    assert result is not None
    return github.artifact(manifest_, result, where, context)


def test_releases_are_listed_without_drafts(server: Server, machine: Machine) -> None:
    server.add_json(
        PAGE,
        [
            release("v1.1.0", draft=True),
            release("v1.0.0", published_at="2024-01-02T03:04:05Z"),
            release("v1.1.0-rc.1", prerelease=True),
            release("nightly", prerelease=True),
        ],
    )
    listing = github.listing(manifest(server), machine.run())
    assert listing.versions == ("1.0.0", "1.1.0-rc.1")
    result = listing.release("1.0.0")
    assert result is not None
    assert (result.tag, result.date, result.prerelease) == ("v1.0.0", "2024-01-02T03:04:05Z", False)


def test_a_release_flagged_as_pre_release_is_not_selected(server: Server, machine: Machine) -> None:
    server.add_json(PAGE, [release("v2.0.0", prerelease=True), release("v1.0.0")])
    listing = github.listing(manifest(server), machine.run())
    assert listing.versions == ("1.0.0",)
    assert listing.release("2.0.0") is not None
    willing = github.listing(manifest(server, source={"prerelease": True}), machine.run())
    assert willing.versions == ("1.0.0", "2.0.0")


def test_tags_of_other_tools_are_left_out_by_the_prefix(server: Server, machine: Machine) -> None:
    server.add_json(PAGE, [release("bun-v1.0.0"), release("canary"), release("other-v9.0.0")])
    assert github.listing(manifest(server, versions={"prefix": "bun-v"}), machine.run()).versions == (
        "1.0.0",
    )


def test_pages_are_followed_up_to_a_limit(server: Server, machine: Machine) -> None:
    for number in range(1, 5):
        link = {"Link": f'<{server.url}/api/page{number + 1}>; rel="next", <{server.url}/last>; rel="last"'}
        server.add(
            PAGE if number == 1 else f"/api/page{number}", json.dumps([release(f"v{number}.0.0")]), link
        )
    listing = github.listing(manifest(server, source={"pages": 3}), machine.run())
    assert listing.versions == ("1.0.0", "2.0.0", "3.0.0")


def test_a_page_of_another_server_is_not_followed(server: Server, machine: Machine) -> None:
    server.add(PAGE, json.dumps([release("v1.0.0")]), {"Link": '<https://evil.example/x>; rel="next"'})
    assert github.listing(manifest(server), machine.run()).versions == ("1.0.0",)


def test_the_next_run_sends_a_conditional_request(server: Server, machine: Machine) -> None:
    server.add_json(PAGE, [release("v1.0.0")])
    for _ in range(2):
        assert github.listing(manifest(server), machine.run()).versions == ("1.0.0",)
    assert "if-none-match" in server.requests[1].headers


def test_the_token_goes_to_githubs_own_api_only(server: Server, machine: Machine) -> None:
    assert github.authorization(github.API, "t0ken") == {"Authorization": "Bearer t0ken"}
    assert github.authorization(github.API, "") == {}
    server.add_json(PAGE, [release("v1.0.0")])
    github.listing(manifest(server), machine.run(github_token="t0ken"))
    assert "authorization" not in server.requests[0].headers


def test_the_digest_computed_by_github_is_used(server: Server, machine: Machine) -> None:
    name = "tool-linux-amd64.tar.gz"
    server.add_json(PAGE, [release("v1.0.0", asset(server, name, digest=f"sha256:{SHA}"))])
    url = f"{server.url}/owner/tool/releases/download/v1/{name}"
    assert artifact(manifest(server), X64, machine.run()) == Artifact(url, Digest("sha256", SHA), 5)


@pytest.mark.parametrize(
    ("sums", "text"),
    [
        ("tool-linux-amd64.tar.gz.sha256", SHA),
        ("tool-linux-amd64.tar.gz.sha256", f"{SHA}  tool-linux-amd64.tar.gz\n"),
        ("tool-linux-amd64.tar.gz.sha256sum", SHA),
        ("SHA256SUMS", f"{'00' * 32}  other\n{SHA} *tool-linux-amd64.tar.gz\n"),
        ("checksums.txt", f"{SHA}  tool-linux-amd64.tar.gz\n"),
        ("tool_1.0.0_checksums.txt", f"{SHA}  ./tool-linux-amd64.tar.gz\n"),
        ("SHASUMS256.txt", f"{SHA}  tool-linux-amd64.tar.gz\n"),
        ("sha256sum.txt", f"{SHA}  tool-linux-amd64.tar.gz\n"),
    ],
)
def test_without_a_computed_digest_the_sums_of_the_release_are_used(
    server: Server, machine: Machine, sums: str, text: str
) -> None:
    assets = [asset(server, "tool-linux-amd64.tar.gz"), asset(server, sums)]
    server.add_json(PAGE, [release("v1.0.0", *assets)])
    server.add(f"/owner/tool/releases/download/v1/{sums}", text)
    result = artifact(manifest(server), X64, machine.run())
    assert result is not None
    assert result.digest == Digest("sha256", SHA)


def test_missing_or_incomplete_sums_yield_no_digest(server: Server, machine: Machine) -> None:
    names = ["tool-linux-amd64.tar.gz", "SHA256SUMS", "checksums.txt"]
    server.add_json(PAGE, [release("v1.0.0", *(asset(server, name) for name in names))])
    server.add("/owner/tool/releases/download/v1/checksums.txt", f"{'00' * 32}  other\n")
    result = artifact(manifest(server), X64, machine.run())
    assert result is not None
    assert result.digest is None


def test_the_template_of_the_manifest_names_the_file(server: Server, machine: Machine) -> None:
    names = ["tool_1.0.0_Linux_x86_64.zip", "tool-linux-amd64.tar.gz", "tool_1.0.0_macOS_arm64.zip"]
    server.add_json(PAGE, [release("v1.0.0", *(asset(server, name) for name in names))])
    manifest_ = manifest(
        server,
        asset="tool_{version}_{os}_{arch}.zip",
        os={"linux": "Linux", "macos": "macOS", "windows": None},
        arch={"x64": "x86_64"},
    )
    context = machine.run()
    matches = [artifact(manifest_, where, context) for where in (X64, MAC, platform.parse("linux-arm64"))]
    assert [item and item.url.rpartition("/")[2] for item in matches] == [names[0], names[2], None]
    assert artifact(manifest_, platform.parse("windows-x64"), context) is None
    assert artifact(manifest_, MUSL, context) is None


def test_a_download_template_is_enough_and_its_digest_is_found(server: Server, machine: Machine) -> None:
    asset_ = asset(server, "tool-linux-x64.tgz", digest=f"sha256:{SHA}")
    server.add_json(PAGE, [release("v1.0.0", asset_)])
    template = f"{server.url}/owner/tool/releases/download/v1/tool-{{os}}-{{arch}}.tgz"
    manifest_ = manifest(server, download_url_template=template)
    matches = [artifact(manifest_, where, machine.run()) for where in (X64, MAC)]
    assert matches[0] == Artifact(str(asset_["browser_download_url"]), Digest("sha256", SHA), 5)
    assert matches[1] == Artifact(f"{server.url}/owner/tool/releases/download/v1/tool-macos-arm64.tgz")


def test_a_file_that_is_still_uploading_is_ignored(server: Server, machine: Machine) -> None:
    server.add_json(PAGE, [release("v1.0.0", asset(server, "tool-linux-amd64.tar.gz", state="starter"))])
    assert artifact(manifest(server), X64, machine.run()) is None


def test_ambiguous_assets_are_rejected(server: Server, machine: Machine) -> None:
    names = ["one-linux-amd64.tar.gz", "two-linux-amd64.tar.gz"]
    server.add_json(PAGE, [release("v1.0.0", *(asset(server, name) for name in names))])
    with pytest.raises(InvalidRequest, match="one-linux-amd64"):
        artifact(manifest(server), X64, machine.run())


def test_a_missing_repository_error_mentions_private_repositories(server: Server, machine: Machine) -> None:
    with pytest.raises(SourceError, match="repository owner/tool not found") as caught:
        github.listing(manifest(server), machine.run())
    assert "GITHUB_TOKEN" in str(caught.value.hint)


def test_an_exceeded_rate_limit_is_explained(server: Server, machine: Machine) -> None:
    server.add(PAGE, fault=faults.rate_limited())
    with pytest.raises(RateLimited, match=r"rate limit of .* exceeded; resets at"):
        github.listing(manifest(server), machine.run())


def test_other_http_errors_are_passed_on(server: Server, machine: Machine) -> None:
    server.add(PAGE, fault=faults.status(401))
    with pytest.raises(HttpError, match="401"):
        github.listing(manifest(server), machine.run())


@pytest.mark.parametrize("body", ["", "{}", "[1]", '[{"tag_name": 1}]', faults.HTML_PAGE, faults.BAD_JSON])
def test_an_invalid_release_list_is_an_error_with_the_url(
    server: Server, machine: Machine, body: str
) -> None:
    server.add(PAGE, body)
    with pytest.raises(SourceError, match="expected a list of releases"):
        github.listing(manifest(server), machine.run())
