from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from envmgr.catalog.catalog import Catalog, open_catalog
from envmgr.catalog.registry import Registry
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ManifestError
from envmgr.kit.paths import single_root
from envmgr.kit.platform import parse
from envmgr.lockformat.model import Artifact
from support.registries.package_registries import simple_json
from support.registries.recorded_upstreams import Recorded, catalog_of, context, sha256_of

LINUX, MUSL = parse("linux-x64"), parse("linux-x64-musl")


@pytest.fixture
def user_catalog(tmp_path):
    """Return a catalog with one tool of the user, and its lists, which record requests."""

    def make(responses, **fields):
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        fields = {"name": "mine", "versions_url": "https://x/list.json", "bin": ["mine"], **fields}
        data = {name: value for name, value in fields.items() if value is not None}
        (folder / "mine.json").write_text(json.dumps(data), encoding="utf-8")
        lists = Recorded({url: (body.encode(), {}) for url, body in responses.items()})
        return Catalog(Registry(single_root(str(tmp_path))), context(lists, tmp_path)), lists

    return make


def test_concurrent_threads_read_a_list_once(tmp_path):
    catalog = catalog_of("zig", tmp_path)
    with ThreadPoolExecutor(8) as pool:
        result = list(pool.map(catalog.listing, ["zig", "ziglang"] * 8))
    assert all(listing is result[0] for listing in result)
    assert len(catalog._context.lists.requests) == 1


def test_sums_are_not_requested_if_the_list_has_a_digest(user_catalog):
    checksum = {"url_template": "{url}.sha256", "format": "bare"}
    body = json.dumps([{"version": "1.0", "url": "https://x/a.zip", "h": "a" * 64}])
    options = {"url": "url", "sha256": "h"}
    catalog, lists = user_catalog({"https://x/list.json": body}, versions=options, checksum=checksum)
    assert str(catalog.artifact("mine", "1.0", LINUX).digest) == f"sha256:{'a' * 64}"
    assert lists.requests == ["https://x/list.json"]


def test_checksums_are_requested_when_the_list_has_no_digest(user_catalog):
    url = "https://x/1.0-linux.zip"
    responses = {"https://x/list.json": '["1.0"]', f"{url}.sha256": sha256_of(url)[7:]}
    template = {"download_url_template": "https://x/{version}-{os}.zip"}
    catalog, _ = user_catalog(
        responses, **template, checksum={"url_template": "{url}.sha256", "format": "bare"}
    )
    assert str(catalog.artifact("mine", "1.0", LINUX).digest) == sha256_of(url)


def test_without_sums_an_archive_has_no_digest(user_catalog):
    template = {"download_url_template": "https://x/{version}-{os}.zip"}
    catalog, _ = user_catalog({"https://x/list.json": '["1.0"]'}, **template)
    assert catalog.artifact("mine", "1.0", LINUX) == Artifact("https://x/1.0-linux.zip")
    assert catalog.artifact("mine", "1.0", MUSL) is None
    assert catalog.artifact("mine", "9.9", LINUX) is None


def test_a_layout_is_resolved_without_the_list(user_catalog):
    catalog, lists = user_catalog({}, download_url_template="https://x/{version}-{os}.zip")
    assert catalog.layout("mine", "1.0", LINUX).format == "zip"
    assert catalog.layout("mine", "1.0", LINUX, "https://x/y.tar.xz").format == "tar.xz"
    assert lists.requests == []


def test_the_list_of_a_manifest_names_the_version_of_a_url_of_any_form(user_catalog):
    platforms = {name: {"linux-x64": {"url": f"https://x/{name}"}} for name in ("first", "second")}
    releases = [
        {"version": "1.0", "artifacts": platforms["first"]},
        {"version": "2.0", "artifacts": platforms["second"]},
    ]
    catalog, lists = user_catalog({}, versions_url=None, source={"kind": "static", "versions": releases})
    assert catalog.version_of_url("mine", "1.0", LINUX, "https://x/second") == "2.0"
    assert catalog.version_of_url("mine", "1.0", LINUX, "https://x/third") is None
    assert lists.requests == []


def test_plain_urls_are_unchanged(tmp_path):
    assert catalog_of("zig", tmp_path).locate(Artifact("https://x/y")).url == "https://x/y"


def test_an_invalid_manifest_is_an_error(user_catalog):
    catalog, _ = user_catalog({}, env={"A": "{nonsense}"})
    with pytest.raises(ManifestError, match="nonsense"):
        catalog.manifest("mine")


def test_a_catalog_is_created_from_the_context_of_a_command(tmp_path):
    paths = single_root(str(tmp_path))
    catalog = open_catalog(
        registry=Registry(paths, [str(tmp_path / "project")]),
        open_http=lambda: None,
        settings=Settings(offline=True),
        environment=Environment({}, str(tmp_path)),
        paths=paths,
    )
    assert catalog.manifest("nodejs").builtin
    assert [directory.scope for directory in catalog.registry.directories] == ["project", "user", "built-in"]


def test_a_package_archive_has_a_url_without_host_and_is_located_on_demand(server, machine):
    wheel = "my_tool-1.0-py3-none-manylinux_2_17_x86_64.whl"
    index = simple_json(server, "my-tool", [{"filename": wheel}])
    home = machine.with_pip(index)
    catalog = Catalog(Registry(home.paths), home)
    artifact = catalog.artifact("pypi:my-tool", "1.0", LINUX)
    assert artifact.url == f"pypi:my-tool/{wheel}"
    assert catalog.locate(artifact).url.startswith(server.url)
    layout = catalog.layout("pypi:my-tool", "1.0", LINUX, artifact.url)
    assert (layout.format, layout.bin) == ("whl", ("bin",))
