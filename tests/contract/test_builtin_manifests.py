"""Built-in manifests against recorded upstreams: archives and layouts on every platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envmgr import versions
from envmgr.catalog import lint
from envmgr.kit import data_files
from envmgr.kit.platform import DEFAULT_PLATFORMS
from support.registries.recorded_upstreams import Recorded, catalog_of, context, sha256_of

from .expected import ALIASES, ARCHIVES, LISTINGS, UNSIGNED

PLUGINS = Path(data_files.directory("plugins"))
TOOLS = sorted(path.stem for path in PLUGINS.glob("*.json") if path.name != "plugin.schema.json")
CASES = [(tool, version) for tool, releases in ARCHIVES.items() for version in releases]
EVERYWHERE = {platform.key for platform in DEFAULT_PLATFORMS}


def test_every_built_in_tool_has_recorded_and_expected_data():
    assert set(TOOLS) == set(ARCHIVES) == set(LISTINGS)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_built_in_manifest_has_no_issue_and_no_warning(tool):
    text = (PLUGINS / f"{tool}.json").read_text(encoding="utf-8")
    assert lint.lint(text, tool) == lint.Report(())
    assert json.loads(text)["name"] == tool


@pytest.mark.parametrize("tool", TOOLS)
def test_the_listing_has_the_versions_oldest_first_and_the_aliases(tool, tmp_path):
    listing = catalog_of(tool, tmp_path).listing(tool)
    assert listing.versions == LISTINGS[tool]
    assert listing.aliases == ALIASES.get(tool, {})


@pytest.mark.parametrize(("tool", "version"), CASES, ids=[f"{tool}-{version}" for tool, version in CASES])
def test_each_platform_has_the_archive_that_upstream_publishes(tool, version, tmp_path):
    catalog = catalog_of(tool, tmp_path)
    matches = {platform.key: catalog.artifact(tool, version, platform) for platform in DEFAULT_PLATFORMS}
    expected = ARCHIVES[tool][version]
    assert {key: artifact.url for key, artifact in matches.items() if artifact} == {
        key: row.url for key, row in expected.items()
    }


@pytest.mark.parametrize(("tool", "version"), CASES, ids=[f"{tool}-{version}" for tool, version in CASES])
def test_each_archive_has_the_digest_that_upstream_publishes(tool, version, tmp_path):
    catalog = catalog_of(tool, tmp_path)
    for platform in DEFAULT_PLATFORMS:
        artifact = catalog.artifact(tool, version, platform)
        if artifact:
            unsigned = (tool, version) in UNSIGNED
            assert str(artifact.digest) == ("None" if unsigned else sha256_of(artifact.url)), platform.key


@pytest.mark.parametrize(("tool", "version"), CASES, ids=[f"{tool}-{version}" for tool, version in CASES])
def test_each_archive_has_the_layout_that_upstream_packs(tool, version, tmp_path):
    catalog = catalog_of(tool, tmp_path)
    for platform in DEFAULT_PLATFORMS:
        row = ARCHIVES[tool][version].get(platform.key)
        if row is None:
            continue
        layout = catalog.layout(tool, version, platform, row.url)
        assert (layout.format, layout.strip, layout.bin) == (row.format, row.strip, row.bin), platform.key
        assert (layout.home, layout.env, layout.links) == (row.home, row.env, row.links), platform.key
        assert layout.builtin
        assert layout.script is None


@pytest.mark.parametrize("tool", TOOLS)
def test_only_the_release_list_is_requested_and_only_once(tool, tmp_path):
    lists = Recorded.of(tool)
    catalog = catalog_of(tool, tmp_path)
    catalog._context = context(lists, tmp_path)
    catalog.listing(tool)
    catalog.listing(tool)
    assert len(lists.requests) == len(set(lists.requests)) == (2 if tool == "java" else 1)


@pytest.mark.parametrize(
    ("tool", "spec", "version"),
    [
        ("nodejs", "lts", "24.11.0"),
        ("nodejs", "lts/iron", "20.19.5"),
        ("nodejs", "^20.1", "20.19.5"),
        ("python", "3.12", "3.12.12+20251031"),
        ("python", "3.12.12+20251014", "3.12.12+20251014"),
        ("python", "^3.12.0", "3.14.0+20251031"),
        ("java", "21", "temurin-21.0.4+7"),
        ("java", "temurin-21", "temurin-21.0.4+7"),
        ("java", "temurin", "temurin-25.0.1+8"),
        ("java", "11", "temurin-11.0.20.1+1"),
        ("java", "8", "temurin-8.0.422+5"),
        ("java", "lts", "temurin-25.0.1+8"),
        ("zig", "0.14", "0.14.1"),
        ("zig", "master", "0.16.0-dev.1234+abcdef012"),
        ("zig", "latest", "0.15.2"),
        ("go", "1.21", "1.21.0"),
        ("go", "1.21rc2", "1.21rc2"),
        ("go", "1.20", "1.20"),
        ("kubectl", "latest", "1.34.2"),
        ("terraform", "latest", "1.13.5"),
        ("bun", "1", "1.3.10"),
    ],
)
def test_a_spec_selects_the_expected_release(tool, spec, version, tmp_path):
    catalog = catalog_of(tool, tmp_path)
    manifest, listing = catalog.manifest(tool), catalog.listing(tool)
    selection = versions.select(
        listing.versions,
        spec,
        aliases=listing.aliases,
        variants=manifest.variants,
        default_vendor=manifest.default_vendor,
    )
    assert selection.winner == version
