from __future__ import annotations

from envmgr.catalog import manifest_reader
from envmgr.catalog.sources import inline
from envmgr.kit.platform import parse

LINUX, MAC = parse("linux-x64"), parse("macos-arm64")


def manifest(*versions, **fields):
    data = {"name": "tool", "source": {"kind": "static", "versions": list(versions)}, "bin": ["tool"]}
    return manifest_reader.build({**data, **fields}, "tool.json")


def test_versions_are_strings_or_objects():
    tool = manifest("1.1-rc1", {"version": "1.0", "tag": "one", "date": "2025-01-01", "lts": "Iron"})
    listing = inline.listing(tool, None)
    assert listing.versions == ("1.0", "1.1-rc1")
    assert listing.aliases == {"lts": "1.0", "lts/iron": "1.0"}
    first, second = listing.releases
    assert (first.tag, first.date, second.tag, second.prerelease) == ("one", "2025-01-01", "v1.1-rc1", True)


def test_archives_are_listed_or_come_from_the_template():
    described = {
        "version": "2.0",
        "artifacts": {"linux-x64": {"url": "https://x/y", "sha256": "a" * 64, "size": 3}},
    }
    tool = manifest("1.0", described, download_url_template="https://x/{tag}-{os}-{arch}")
    item, two = inline.listing(tool, None).releases
    assert inline.artifact(tool, item, MAC, None).url == "https://x/v1.0-macos-arm64"
    result = inline.artifact(tool, two, LINUX, None)
    assert (result.url, str(result.digest), result.size) == ("https://x/y", f"sha256:{'a' * 64}", 3)
    assert inline.artifact(tool, two, MAC, None) is None


def test_a_plain_version_without_a_template_has_no_archive():
    tool = manifest("1.0")
    assert inline.artifact(tool, inline.listing(tool, None).releases[0], LINUX, None) is None


def test_a_vendor_prefix_precedes_every_version():
    tool = manifest("21", versions={"vendor": "acme"}, download_url_template="https://x/{version}")
    listing = inline.listing(tool, None)
    assert listing.versions == ("acme-21",)
    assert inline.artifact(tool, listing.releases[0], LINUX, None).url == "https://x/21"
