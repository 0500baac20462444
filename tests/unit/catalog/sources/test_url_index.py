from __future__ import annotations

import json

import pytest

from envmgr.catalog import manifest_reader
from envmgr.catalog.sources import url_index
from envmgr.kit.errors import SourceError
from envmgr.kit.platform import parse
from support.registries.recorded_upstreams import Recorded, context

URL = "https://example.org/v/list.json"
LINUX, MAC = parse("linux-x64"), parse("macos-arm64")


def manifest(options=None, url=URL, **fields):
    data = {"name": "tool", "versions_url": url, "bin": ["tool"], "versions": options or {}}
    return manifest_reader.build({**data, **fields}, "tool.json")


def read_listing(body, options=None, url=URL, tmp_path="/nowhere", **fields):
    text = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return url_index.listing(manifest(options, url, **fields), context(Recorded({url: (text, {})}), tmp_path))


@pytest.mark.parametrize(
    ("body", "options", "url"),
    [
        (["v1.0", "v1.1"], {}, URL),
        ([{"version": "1.0"}, {"version": "v1.1"}], {}, URL),
        ([{"tag_name": "v1.0"}, {"tag_name": "v1.1"}], {}, URL),
        ([{"name": "tool-1.0"}, {"name": "tool-1.1"}], {}, URL),
        ({"1.0": {}, "1.1": {}}, {}, URL),
        ({"1.0": "u", "1.1": "u"}, {"path": "keys"}, URL),
        ({"data": {"items": ["1.0", "1.1"]}}, {"path": "data.items"}, URL),
        ({"versions": {"x": {"version": "1.0"}, "y": {"version": "1.1"}}}, {"path": "values(versions)"}, URL),
        ([{"id": {"n": "1.0"}}, {"id": {"n": "1.1"}}], {"version": "id.n"}, URL),
        ('{"version": "1.0"}\n{"version": "1.1"}\n', {"format": "ndjson"}, URL),
        ("version\turl\n1.0\tu\n1.1\tu\n", {"format": "tsv"}, URL),
        ("# all\n1.1\n1.0\n", {}, "https://example.org/list.txt"),
        ('<a href="tool-1.0.zip">\n<a href="tool-1.1.zip">', {"format": "text", "pattern": r"tool-(\d[\d.]*\d)"}, URL),
        ('[[release]]\nv = "1.0"\n[[release]]\nv = "1.1"', {"format": "toml", "path": "release", "version": "v"}, URL),
        ([1.0, 1.1], {"version": "@"}, URL),
    ],
)  # fmt: skip
def test_lists_of_every_shape_are_read(body, options, url):
    assert read_listing(body, options, url).versions == ("1.0", "1.1")


def test_release_metadata_in_a_list_is_preserved():
    entry = {"v": "v1.0", "d": "2025-01-01", "l": "Iron", "s": False}
    result = read_listing([entry], {"version": "v", "date": "d", "lts": "l", "stable": "s"}).releases[0]
    assert (result.version, result.tag, result.date, result.lts, result.prerelease) == (
        "1.0",
        "v1.0",
        "2025-01-01",
        "Iron",
        True,
    )


def test_pre_releases_are_detected_from_the_version_without_a_flag():
    assert [release.prerelease for release in read_listing(["1.0-rc1", "1.0"]).releases] == [True, False]


def test_entries_without_a_version_of_the_tool_are_skipped():
    assert read_listing(["go1.2", "weekly", "go1.1"], {"prefix": "go"}).versions == ("1.1", "1.2")
    assert read_listing([{"version": "1.0"}, {"other": 1}]).versions == ("1.0",)


def test_an_explicit_order_is_newest_first():
    assert read_listing(["charlie", "alpha", "bravo"], {"order": "given"}).versions == (
        "bravo",
        "alpha",
        "charlie",
    )


def test_channels_name_versions():
    body = {"master": {"version": "2.0-dev.1"}, "1.0": {}}
    options = {
        "path": "keys",
        "version": "version || key",
        "channels": {"master": "master.version", "none": "x"},
    }
    assert read_listing(body, options).aliases == {"master": "2.0-dev.1"}
    lines = '{"version": "1.0", "channel": "stable"}\n'
    channels = {"format": "ndjson", "channels": {"stable": "[?channel=='stable'].version | [0]"}}
    assert read_listing(lines, channels).aliases == {"stable": "1.0"}


def paged(links, **options):
    responses = {
        page: (json.dumps([version]).encode(), {"link": link}) for page, (version, link) in links.items()
    }
    lists = Recorded(responses)
    return url_index.listing(
        manifest({"pages": "link", **options}, "https://example.org/1"), context(lists, "/x")
    ), lists


def test_pages_are_followed_by_their_links_with_the_scheme_of_the_first():
    result, lists = paged(
        {
            "https://example.org/1": (
                "1.0",
                '<http://example.org/2>; rel="next", <http://example.org/9>; rel="last"',
            ),
            "https://example.org/2": ("1.1", '</3>; rel="next"'),
            "https://example.org/3": ("1.2", '</2>; rel="prev"'),
        }
    )
    assert result.versions == ("1.0", "1.1", "1.2")
    assert len(lists.requests) == 3


def test_circular_page_links_end():
    result, lists = paged({"https://example.org/1": ("1.0", "<https://example.org/1>; rel=next")})
    assert result.versions == ("1.0",)
    assert len(lists.requests) == 1


def test_page_links_may_lead_to_another_host():
    result, _ = paged(
        {
            "https://example.org/1": ("1.0", "<https://example.com/2>; rel=next"),
            "https://example.com/2": ("1.1", ""),
        }
    )
    assert result.versions == ("1.0", "1.1")


def test_page_links_are_followed_only_if_configured():
    lists = Recorded({URL: (b'["1.0"]', {"link": "<https://example.org/2>; rel=next"})})
    assert url_index.listing(manifest(), context(lists, "/x")).versions == ("1.0",)


@pytest.mark.parametrize(
    ("body", "options", "words"),
    [
        ("<!DOCTYPE html><p>login", {}, "line 1, column 1: Expecting value, at '<!DOCTYPE html>"),
        (
            {"message": "API rate limit exceeded"},
            {},
            "expected an array, or an object with versions as keys, got an object",
        ),
        ({"items": None}, {"path": "items"}, "expected a list, got nothing"),
        ([], {"path": "keys"}, "expected an object, got an array"),
        (["1.0", 3], {}, "entry 2: expected a version, got a number"),
        ([{"version": "1.0"}], {"version": "starts_with(@, 'x')"}, "entry 1: the expression"),
        ('{"version": "1.0"}\n{', {"format": "ndjson"}, "entry 2: line 1, column 2"),
        (b"\xff\xfe", {}, "byte 0 is not UTF-8"),
    ],
)
def test_an_invalid_list_is_an_error_with_url_and_expectation(body, options, words):
    with pytest.raises(SourceError) as caught:
        read_listing(body, options)
    assert caught.value.message.startswith(f"cannot parse the releases of tool from {URL}: ")
    assert words in caught.value.message


def test_a_list_without_any_version_is_an_error():
    with pytest.raises(SourceError, match="no version of tool found at"):
        read_listing([{"a": 1}])


def find_artifact(entry, options, platform=LINUX, **fields):
    made = manifest({"version": "version", **options}, **fields)
    listing = read_listing([{"version": "1.0", **entry}], {"version": "version", **options}, **fields)
    return url_index.artifact(made, listing.releases[0], platform, None)


def test_artifacts_come_from_the_list():
    sha256 = "A" * 64
    files = [{"os": "darwin", "u": "https://x/mac.zip", "h": sha256, "s": "12"}]
    options = {"artifact": "files[?os=='{os}'] | [0]", "url": "u", "sha256": "h", "size": "s"}
    artifact = find_artifact({"files": files}, options, MAC, os={"macos": "darwin"})
    assert (artifact.url, str(artifact.digest), artifact.size) == (
        "https://x/mac.zip",
        f"sha256:{'a' * 64}",
        12,
    )
    assert find_artifact({"files": files}, options, LINUX, os={"macos": "darwin"}) is None


def test_archive_urls_may_be_relative_to_the_list():
    assert find_artifact({"file": "../a.zip"}, {"url": "file"}).url == "https://example.org/a.zip"


def test_an_entry_without_a_url_has_no_archive():
    assert find_artifact({}, {"url": "file"}) is None


def test_the_template_is_used_if_the_list_has_no_url():
    template = "https://x/{version}/{os}.zip"
    assert find_artifact({}, {}, download_url_template=template).url == "https://x/1.0/linux.zip"
    artifact = find_artifact(
        {"sums": {"linux": "b" * 64}}, {"sha256": "sums.{os}"}, download_url_template=template
    )
    assert str(artifact.digest) == f"sha256:{'b' * 64}"


def test_an_unpublished_platform_causes_no_request():
    assert find_artifact({"file": "a"}, {"url": "file"}, platforms={"linux": None}) is None


@pytest.mark.parametrize("size", ["0", "many", "9" * 30, None, True, -1])
def test_an_invalid_size_is_ignored(size):
    assert find_artifact({"file": "a", "n": size}, {"url": "file", "size": "n"}).size is None


def test_an_invalid_digest_is_an_error():
    with pytest.raises(SourceError, match=r"on tool 1\.0: invalid digest 'xyz'"):
        find_artifact({"file": "a", "h": "xyz"}, {"url": "file", "sha256": "h"})


def test_entries_of_the_same_version_are_merged_into_one_release():
    body = [{"version": "1.0", "linux": "l.zip"}, {"version": "1.0", "macos": "m.zip"}]
    options = {"version": "version", "url": "{os}"}
    listing = read_listing(body, options)
    assert listing.versions == ("1.0",)
    urls = [
        url_index.artifact(manifest(options), listing.releases[0], platform, None).url
        for platform in (LINUX, MAC)
    ]
    assert urls == ["https://example.org/v/l.zip", "https://example.org/v/m.zip"]
