"""A bundle has the dotfile and lock of its start; changes made meanwhile stay."""

from __future__ import annotations

import json
import tarfile

import pytest

from envmgr.catalog import manifest_reader
from envmgr.install.bundle.index import BLOBS, INDEX
from envmgr.install.download import cache
from envmgr.kit import paths as paths_module
from envmgr.kit.digest import Digest
from envmgr.kit.environment import Environment
from envmgr.kit.frozen import replace
from envmgr.kit.platform import parse as parse_platform
from envmgr.kit.progress import NullProgress
from envmgr.lockformat.model import Artifact, Locked, Lockfile
from envmgr.lockformat.writer import render
from envmgr.ops.exchange.create_bundle import create_bundle
from envmgr.resolve.context import Context
from support.archives import archive_builder

PLATFORM = parse_platform("linux-x64")
URL = "http://127.0.0.1:9/1.0.0/demo-linux-x64.tar.gz"
ARCHIVE = archive_builder.tar({"demo/bin/demo": archive_builder.program("demo", "1.0.0")})
SHA256 = archive_builder.sha256(ARCHIVE)
MANIFEST = json.dumps(
    {
        "name": "demo",
        "versions_url": "http://127.0.0.1:9/index.json",
        "download_url_template": "http://127.0.0.1:9/{version}/demo-{os}-{arch}{libc}.tar.gz",
        "bin": ["bin/demo"],
    }
)


class EditAfterDownload(NullProgress):
    """Writes other files of the project when an archive is there."""

    def __init__(self, files):
        self.files = files

    def done(self, task, label):
        for path, text in self.files.items():
            path.write_text(text)


class Project:
    """A project whose archive is in the cache, and whose lock has no digest of it."""

    def __init__(self, directory):
        self.directory = directory
        self.dotfile, self.lockfile = directory / ".envmgr", directory / ".envmgr.lock"
        self.bundle = directory / "bundle.tar"
        self.paths = paths_module.single_root(str(directory / "root"))
        plugins = directory / ".envmgr.plugins"
        plugins.mkdir()
        (plugins / "demo.json").write_text(MANIFEST)
        self.dotfile.write_text("demo=1.0.0\n")
        self.lockfile.write_text(render(self.lock()))
        artifact = Artifact(URL)
        file = directory / "root/cache/downloads/sha256" / SHA256
        file.parent.mkdir(parents=True)
        file.write_bytes(ARCHIVE)
        cache.record_digest(self.paths, artifact, SHA256)

    def lock(self, url=URL, **fields):
        plugin = manifest_reader.read(MANIFEST, "demo.json").digest
        artifacts = {PLATFORM.key: Artifact(url, **fields)}
        return Lockfile({"demo@1.0.0": "1.0.0"}, {"demo": {"1.0.0": Locked(plugin, artifacts)}})

    def create(self, *platforms, meanwhile=None):
        environment = Environment({"HOME": str(self.directory)}, str(self.directory))
        context = Context(
            environment,
            self.paths,
            PLATFORM,
            flags={"offline": True},
            progress=EditAfterDownload(meanwhile or {}),
        )
        return create_bundle(context, str(self.bundle), platforms)

    def bundled(self):
        """Return the index of the bundle, and its dotfile."""
        with tarfile.open(self.bundle) as bundle:
            index = json.load(bundle.extractfile(INDEX))
            return index, bundle.extractfile(BLOBS + index["dotfile"]).read().decode()


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def with_another_tool(lock):
    other = Locked(f"sha256:{'0' * 64}", {PLATFORM.key: Artifact("http://127.0.0.1:9/other.tar.gz")})
    return replace(
        lock,
        resolved={**lock.resolved, "other@2": "2.0.0"},
        tools={**lock.tools, "other": {"2.0.0": other}},
    )


def test_a_digest_is_added_to_the_lock_that_is_there_after_the_download(project):
    changed = with_another_tool(project.lock())
    texts = {project.lockfile: render(changed), project.dotfile: "demo=1.0.0\nother=2\n"}
    project.create(meanwhile=texts)
    digest = Digest("sha256", SHA256)
    expected = with_another_tool(project.lock(digest=digest, size=len(ARCHIVE)))
    assert project.lockfile.read_text() == render(expected)
    assert project.bundled()[1] == "demo=1.0.0\n"


def test_a_lock_whose_archive_changed_meanwhile_is_not_written(project):
    other = render(project.lock(URL.replace("demo-", "other-")))
    project.create(meanwhile={project.lockfile: other})
    assert project.lockfile.read_text() == other


def test_a_lock_with_all_digests_is_not_written(project):
    project.lockfile.write_text(render(project.lock(digest=Digest("sha256", SHA256), size=len(ARCHIVE))))
    changed = render(with_another_tool(project.lock()))
    project.create(meanwhile={project.lockfile: changed})
    assert project.lockfile.read_text() == changed


def test_a_platform_is_bundled_by_its_name_in_locks(project):
    assert project.create("linux-x64-gnu", "linux-x64").platforms == ("linux-x64",)
    assert project.bundled()[0]["platforms"] == ["linux-x64"]
