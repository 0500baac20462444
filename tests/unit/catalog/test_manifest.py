from __future__ import annotations

import pytest

from envmgr.catalog import lint, manifest_reader
from envmgr.catalog.release import Signature
from envmgr.kit.errors import ManifestError
from envmgr.kit.platform import DEFAULT_PLATFORMS, parse

SMALLEST = {
    "name": "nodejs",
    "versions_url": "https://nodejs.org/dist/index.json",
    "bin_path_template": "{version}/bin/node",
    "download_url_template": "https://nodejs.org/dist/v{version}/node-v{version}-linux-x64.tar.gz",
}
LINUX, MUSL, MAC, WINDOWS = (
    parse(key) for key in ("linux-x64", "linux-x64-musl", "macos-arm64", "windows-x64")
)


def make_manifest(**fields):
    data = {
        "name": "tool",
        "versions_url": "https://example.org/list.json",
        "bin": ["tool{exe}"],
        "download_url_template": "https://example.org/{version}/tool-{os}-{arch}.{ext}",
    }
    return manifest_reader.build({**data, **fields}, "tool.json")


def published_platforms(manifest, version="1.2.3"):
    return {p.key for p in DEFAULT_PLATFORMS if manifest.download_url(version, None, p)}


def test_a_minimal_manifest_has_an_archive_for_the_platform_in_its_url():
    manifest = manifest_reader.build(SMALLEST, "nodejs.json")
    assert manifest.source == {"kind": "index", "url": "https://nodejs.org/dist/index.json"}
    assert published_platforms(manifest, "20.1.0") == {"linux-x64"}
    url = manifest.download_url("20.1.0", "v20.1.0", LINUX)
    assert url == "https://nodejs.org/dist/v20.1.0/node-v20.1.0-linux-x64.tar.gz"


def test_a_minimal_manifest_strips_the_version_directory():
    layout = manifest_reader.build(SMALLEST, "nodejs.json").layout("20.1.0", None, LINUX)
    assert (layout.format, layout.bin, layout.strip) == ("tar.gz", ("bin/node",), None)


def test_a_program_path_with_the_top_directory_keeps_it():
    template = "{version}/node-v{version}-linux-x64/bin/node"
    layout = manifest_reader.build({**SMALLEST, "bin_path_template": template}, "x").layout(
        "20.1.0", None, LINUX
    )
    assert layout.bin == ("node-v20.1.0-linux-x64/bin/node",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{version}", "."), ("{version}/", "."), ("bin/node", "bin/node"), ("{version}/{os}/x{exe}", "linux/x")],
)
def test_program_paths_are_relative_to_the_version_directory(text, expected):
    layout = manifest_reader.build({**SMALLEST, "bin_path_template": text}, "x").layout("20.1.0", None, LINUX)
    assert layout.bin == (expected,)


def test_a_url_without_platform_names_is_for_all_platforms():
    url = "https://example.org/{version}/tool.jar"
    manifest = manifest_reader.build({**SMALLEST, "download_url_template": url}, "x")
    assert published_platforms(manifest) == {platform.key for platform in DEFAULT_PLATFORMS}


def test_without_a_download_template_an_explicit_url_still_has_a_layout():
    data = {key: value for key, value in SMALLEST.items() if key != "download_url_template"}
    manifest = manifest_reader.build(data, "x")
    assert manifest.download_url("1.0", None, LINUX) is None
    assert manifest.layout("1.0", None, LINUX, "https://example.org/x.zip").format == "zip"


def test_an_explicit_archive_has_a_layout_even_where_none_is_published():
    manifest = make_manifest(os={"windows": None})
    assert manifest.layout("1.0", None, WINDOWS) is None
    assert manifest.layout("1.0", None, WINDOWS, "https://example.org/x.zip").bin == ("tool.exe",)


def test_names_are_mapped_and_extensions_follow_the_platform():
    manifest = make_manifest(os={"macos": "darwin"}, arch={"x64": "x86_64"}, libc={"musl": "-musl"})
    assert manifest.download_url("1.0", None, MAC) == "https://example.org/1.0/tool-darwin-arm64.tar.gz"
    assert manifest.download_url("1.0", None, WINDOWS) == "https://example.org/1.0/tool-windows-x86_64.zip"


@pytest.mark.parametrize(
    ("version", "expected"),
    [("20.1.0", "20/1/0"), ("1.22", "1/22/"), ("3.12.4+20240726", "3/12/4"), ("1.2.3-rc.4", "1/2/3")],
)
def test_version_components_are_placeholders(version, expected):
    assert make_manifest().fill("{major}/{minor}/{patch}", version, None, LINUX) == expected


def test_the_tag_is_a_placeholder():
    manifest = make_manifest(download_url_template="https://example.org/{tag}/{os}-{arch}/{name}")
    assert (
        manifest.download_url("1.0", "release-1.0", LINUX) == "https://example.org/release-1.0/linux-x64/tool"
    )


def test_a_null_in_a_name_map_means_not_published():
    assert published_platforms(make_manifest(arch={"arm64": None})) == {
        "linux-x64",
        "macos-x64",
        "windows-x64",
    }


def test_musl_is_supported_only_if_mentioned():
    assert "linux-x64-musl" not in published_platforms(make_manifest())
    assert "linux-x64-musl" in published_platforms(make_manifest(libc={"musl": ""}))
    assert "linux-x64-musl" in published_platforms(make_manifest(platforms={"linux-musl": {"ext": "tgz"}}))
    template = "https://example.org/{os}-{arch}-{libc}"
    assert "linux-x64-musl" in published_platforms(make_manifest(download_url_template=template))


def test_platforms_narrow_from_the_system_to_its_processor_and_c_library():
    manifest = make_manifest(
        platforms={
            "linux": {"ext": "a"},
            "linux-musl": {"ext": "b"},
            "linux-arm64": {"ext": "c"},
            "linux-arm64-musl": {"ext": "d"},
        }
    )
    ends = [manifest.fill("{ext}", "1.0", None, p) for p in DEFAULT_PLATFORMS if p.os == "linux"]
    assert ends == ["a", "c", "b", "d"]


def test_null_removes_a_platform_and_a_more_specific_object_restores_it():
    manifest = make_manifest(platforms={"macos": None, "macos-x64": {}, "windows": None})
    assert published_platforms(manifest) == {"linux-x64", "linux-arm64", "macos-x64"}


def test_overrides_apply_to_their_versions_only():
    manifest = make_manifest(
        overrides=[{"versions": "<2", "ext": "old"}, {"versions": "<1", "ext": "oldest"}]
    )
    assert [manifest.fill("{ext}", v, None, LINUX) for v in ("0.9", "1.9", "2.0")] == [
        "oldest",
        "old",
        "tar.gz",
    ]


def test_overrides_apply_to_pre_releases_of_their_versions():
    manifest = make_manifest(overrides=[{"versions": "<2", "ext": "old"}])
    assert manifest.fill("{ext}", "1.5.0-rc.1", None, LINUX) == "old"


def test_overrides_can_remove_platforms_for_old_versions():
    manifest = make_manifest(overrides=[{"versions": "<2", "platforms": {"macos-arm64": None}}])
    assert "macos-arm64" not in published_platforms(manifest, "1.0")
    assert "macos-arm64" in published_platforms(manifest, "2.0")


def test_platforms_override_overrides_and_their_platforms_override_both():
    manifest = make_manifest(
        platforms={"windows": {"ext": "zip"}},
        overrides=[
            {"versions": "<2", "ext": "tar.xz"},
            {"versions": "<1", "platforms": {"windows": {"ext": "exe"}}},
        ],
    )
    assert manifest.fill("{ext}", "1.5", None, WINDOWS) == "zip"
    assert manifest.fill("{ext}", "1.5", None, LINUX) == "tar.xz"
    assert manifest.fill("{ext}", "0.5", None, WINDOWS) == "exe"


def test_environments_are_merged_by_key_and_null_removes_a_key():
    manifest = make_manifest(
        env={"A": "{home}/{version}", "B": "b"}, platforms={"linux": {"env": {"B": None, "C": "{arch}"}}}
    )
    assert manifest.layout("1.0", None, LINUX).env == {"A": "{home}/1.0", "C": "x64"}


def test_every_layout_field_is_parsed():
    manifest = make_manifest(
        strip=1,
        home="Contents/Home",
        rename={"{os}/a": "b{exe}"},
        links={"t": "tool", "u": ["x", "y{exe}"], "v": None},
        requires=["java"],
        check={"args": ["--version", "{os}"], "expect": "v{version}"},
        install_script={"unix": "echo ${VERSION}"},
        platforms={"linux": {"links": {"t": None}}},
    )
    layout = manifest.layout("1.0", None, MAC)
    assert (layout.strip, layout.home, layout.rename) == (1, "Contents/Home", {"macos/a": "b"})
    assert layout.links == {"t": ("tool",), "u": ("x", "y")}
    assert (layout.requires, layout.check_args, layout.check_expect) == (
        ("java",),
        ("--version", "macos"),
        "v1.0",
    )
    assert layout.script == "echo ${VERSION}"
    assert manifest.layout("1.0", None, WINDOWS).script is None
    assert manifest.layout("1.0", None, LINUX).links == {"u": ("x", "y")}
    assert manifest.requires == ("java",)
    assert not layout.builtin


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"install_script": {"unix": "x"}}, True),
        ({"platforms": {"linux": {"install_script": {"unix": "x"}}, "macos": None}}, True),
        (
            {"overrides": [{"versions": "<1", "platforms": {"linux": {"install_script": {"unix": "x"}}}}]},
            True,
        ),
    ],
)
def test_an_install_script_is_detected_at_every_level(fields, expected):
    assert make_manifest(**fields).has_script is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/t.tgz?x=1", "tar.gz"),
        ("https://example.org/t.txz", "tar.xz"),
        ("https://example.org/t.gz", "gz"),
        ("https://example.org/t", "raw"),
        ("pypi:ruff/ruff-0.1-py3-none-any.whl", "whl"),
    ],
)
def test_the_format_is_derived_from_the_url(url, expected):
    assert make_manifest().layout("1.0", None, LINUX, url).format == expected


def test_an_explicit_format_overrides_the_url():
    assert (
        make_manifest(format="{ext}", ext="tar.xz").layout("1.0", None, LINUX, "https://x/y").format
        == "tar.xz"
    )


def test_a_single_file_has_the_name_of_the_tool_by_default():
    manifest = manifest_reader.build(
        {"name": "github:jqlang/jq", "source": {"kind": "github", "repo": "jqlang/jq"}}, "x"
    )
    assert manifest.layout("1.7", None, WINDOWS, "https://x/jq-win64.exe").bin == ("jq.exe",)
    assert manifest.layout("1.7", None, LINUX, "https://x/jq.tar.gz").bin == ()


@pytest.mark.parametrize(
    ("options", "tag", "version"),
    [
        ({}, "v1.2.3", "1.2.3"),
        ({}, "tool-1.2", "1.2"),
        ({}, "Tool_v1.2", "1.2"),
        ({}, "tool1.2", "1.2"),
        ({}, "nightly", "nightly"),
        ({"prefix": "go"}, "go1.22.5", "1.22.5"),
        ({"prefix": "go"}, "v1.22.5", None),
        ({"prefix": ""}, "v1.2", "v1.2"),
        ({"pattern": r"^\d+\.\d+$"}, "v1.2", "1.2"),
        ({"pattern": r"^\d+\.\d+$"}, "v1.2-rc1", None),
        ({"pattern": r"release (\S+)"}, "release 1.4 of May", "1.4"),
        ({"vendor": "temurin"}, "21.0.4+7", "temurin-21.0.4+7"),
        ({"vendor": "temurin", "pattern": r"^(?:jdk-)?([\d.]+)"}, "jdk-21.0.4+7", "temurin-21.0.4"),
        ({}, " v1.2 \n", "1.2"),
    ],
)
def test_tags_are_converted_to_versions(options, tag, version):
    assert make_manifest(versions=options).version_of(tag) == version


@pytest.mark.parametrize(
    ("options", "tag"), [({}, "v1.2"), ({"prefix": "go"}, "go1.2"), ({"prefix": ""}, "1.2")]
)
def test_a_tag_is_derived_from_a_version(options, tag):
    assert make_manifest(versions=options).tag_of("1.2") == tag


def test_the_vendor_prefix_is_removed_for_templates_and_ranges():
    manifest = make_manifest(versions={"vendor": "temurin"}, overrides=[{"versions": "<17", "ext": "old"}])
    assert manifest.fill("{version} {major} {ext}", "temurin-11.0.2", None, LINUX) == "11.0.2 11 old"


def test_checksum_templates_have_the_archives_url_and_file():
    manifest = make_manifest(
        checksum={"url_template": "{url}.sha256?{file}", "format": "json", "path": '"{file}".{os}'}
    )
    result = manifest.checksum("1.0", None, LINUX, "https://x/a%2Bb.zip?token=1")
    assert result == {
        "url_template": "https://x/a%2Bb.zip.sha256?a+b.zip",
        "format": "json",
        "path": '"a+b.zip".linux',
    }


def test_no_checksum_without_a_template_or_an_archive():
    checksum = {"url_template": "{url}.sha256"}
    assert make_manifest().checksum("1.0", None, LINUX, "https://x/y") is None
    assert make_manifest(checksum=checksum).checksum("1.0", None, MUSL, "https://x/y") is None
    null_for_old = make_manifest(checksum=checksum, overrides=[{"versions": "<2", "checksum": None}])
    assert null_for_old.checksum("1.0", None, LINUX, "https://x/y") is None
    assert null_for_old.checksum("2.0", None, LINUX, "https://x/y") == {"url_template": "https://x/y.sha256"}


SIGNATURE = {"kind": "minisign", "url_template": "{url}.minisig", "keys": ["RWb", "RWa"]}


def test_signature_templates_are_expanded_like_checksums():
    manifest = make_manifest(signature=SIGNATURE, overrides=[{"versions": "<1", "signature": None}])
    result = manifest.signature("1.0", LINUX, "https://x/y.zip?token=x")
    assert result == Signature("minisign", "https://x/y.zip.minisig", ("RWb", "RWa"))
    assert result.lock_fields == {"kind": "minisign", "key": "RWa RWb"}
    assert manifest.signature("0.9", LINUX, "https://x/y.zip") is None
    assert make_manifest().signature("1.0", LINUX, "https://x/y.zip") is None


def test_a_signature_is_required_for_an_archive_unknown_to_the_manifest():
    manifest = make_manifest(signature={**SIGNATURE, "url_template": "https://s/{version}/{file}.minisig"})
    assert manifest.layout("1.0", None, MUSL) is None
    assert manifest.signature("1.0", MUSL, "https://x/y%2Bz.zip").url == "https://s/1.0/y+z.zip.minisig"


def test_a_platform_without_archives_expands_no_template():
    manifest = make_manifest(os={"macos": None})
    assert manifest.fill("{version}", "1.0", None, MAC) is None
    assert manifest.asset("1.0", None, MAC) is None
    assert manifest.values("1.0", None, MAC) is None
    assert not manifest.has_template("1.0", MAC)


def test_a_template_gives_the_url_of_an_archive():
    assert make_manifest(download_url_template="https://s/{version}.zip").has_template("1.0", MUSL)
    assert not make_manifest(download_url_template="").has_template("1.0", MUSL)


def test_a_source_with_platform_data_is_queried_for_all_platforms():
    data = {"name": "zig", "source": {"kind": "pypi", "package": "ziglang"}, "bin": ["zig"]}
    manifest = manifest_reader.build({**data, "platforms": {"windows": {"bin": ["zig.exe"]}}}, "x")
    assert all(manifest.values("1.0", None, platform) for platform in DEFAULT_PLATFORMS)


def test_parsing_a_custom_manifest_reports_every_issue():
    with pytest.raises(ManifestError) as caught:
        lint.read('{"name": "X", "versions_url": "ftp://x", "bin": [], "extra": 1}', "x.json")
    paths = [issue.partition(":")[0] for issue in caught.value.issues]
    assert paths == ["$", "$.bin", "$.name", "$.versions_url"]


def test_a_built_in_manifest_is_read_without_validation():
    text = '{"name": "x", "versions_url": "https://x/y", "bin_path_template": "{version}/x"}'
    manifest = manifest_reader.read(text, "x.json", builtin=True)
    assert manifest.builtin
    assert manifest.layout("1.0", None, LINUX, "https://x/y.zip").builtin


def test_parsing_reads_what_is_valid():
    text = '{"name": "x", "versions_url": "https://x/y", "bin_path_template": "{version}/x"}'
    manifest = lint.read(text, "x.json")
    assert (manifest.name, manifest.builtin) == ("x", False)
