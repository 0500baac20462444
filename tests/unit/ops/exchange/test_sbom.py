"""A bill of materials lists what the lock has, with the facts of its manifests."""

from __future__ import annotations

import json

import pytest

from envmgr.catalog.registry import Registry
from envmgr.kit import paths as paths_module
from envmgr.kit import platform
from envmgr.kit.digest import Digest
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError, LockOutOfDate, ProjectError
from envmgr.kit.progress import CountedMessages, NullProgress
from envmgr.lockformat.model import Artifact, Locked, Lockfile
from envmgr.lockformat.writer import render
from envmgr.ops.exchange.sbom import create_sbom
from envmgr.resolve.context import Context

NODEJS_URL = "https://nodejs.org/dist/v20.1.0/node-v20.1.0-linux-arm64.tar.gz"


class Project:
    """A directory with a lock of the built-in manifest of nodejs and of a package."""

    def __init__(self, directory):
        self.directory = directory
        self.paths = paths_module.single_root(str(directory / "root"))
        self.registry = Registry(self.paths)
        (directory / ".envmgr").write_text("nodejs=^20.1\npypi:ruff=0.1.0\nzig=system\n")
        self.progress = CountedMessages(NullProgress())
        self.write_lock(self.registry.get("nodejs").digest)

    def write_lock(self, nodejs_manifest, url=NODEJS_URL):
        ruff = Artifact("pypi:ruff/ruff-0.1.0-py3-none-any.whl", Digest("sha256", "b" * 64), 1)
        lock = Lockfile(
            {"nodejs@^20.1": "20.1.0", "pypi:ruff@0.1.0": "0.1.0"},
            {
                "nodejs": {
                    "20.1.0": Locked(
                        nodejs_manifest, {"linux-arm64": Artifact(url, Digest("sha256", "a" * 64))}
                    )
                },
                "pypi:ruff": {
                    "0.1.0": Locked(
                        self.registry.get("pypi:ruff").digest, {"linux-x64": ruff, "macos-x64": ruff}
                    )
                },
            },
        )
        (self.directory / ".envmgr.lock").write_text(render(lock))

    def components(self, **variables):
        sbom = self.sbom("cyclonedx", **variables)
        return {component["name"]: component for component in sbom.document["components"]}

    def sbom(self, format_name, **variables):
        environment = Environment({"HOME": str(self.directory), **variables}, str(self.directory))
        context = Context(
            environment, self.paths, platform.current(), flags={"offline": True}, progress=self.progress
        )
        return create_sbom(context, format_name)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_every_locked_tool_is_listed_with_the_facts_of_its_manifest(project):
    components = project.components()
    assert [*components] == ["nodejs", "pypi:ruff"]
    assert components["nodejs"]["version"] == "20.1.0"
    assert components["nodejs"]["licenses"][0]["expression"] == "MIT"
    assert components["pypi:ruff"]["purl"] == "pkg:pypi/ruff@0.1.0"
    assert {"name": "envmgr:request", "value": "^20.1"} in components["nodejs"]["properties"]
    assert project.progress.count == 0


def test_the_facts_of_another_manifest_are_left_out_with_a_notice(project):
    project.write_lock(f"sha256:{'0' * 64}", "https://example.org/node.tar.gz")
    component = project.components()["nodejs"]
    assert "licenses" not in component
    assert component["externalReferences"][0]["url"] == "https://example.org/node.tar.gz"
    assert project.progress.count == 1


def test_the_built_in_manifest_of_another_release_with_the_same_urls_is_accepted(project):
    project.write_lock(f"sha256:{'0' * 64}")
    assert "licenses" in project.components()["nodejs"]


@pytest.mark.parametrize("format_name", ["cyclonedx", "spdx"])
def test_the_same_lock_gives_the_same_document_in_another_directory(project, tmp_path, format_name):
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in (".envmgr", ".envmgr.lock"):
        (copy / name).write_bytes((tmp_path / name).read_bytes().replace(b"\n", b"\r\n"))
    document = project.sbom(format_name).document
    project.directory = copy
    assert json.dumps(project.sbom(format_name).document) == json.dumps(document)
    assert str(tmp_path) not in json.dumps(document)


def test_the_time_is_that_of_source_date_epoch(project):
    sbom = project.sbom("cyclonedx", SOURCE_DATE_EPOCH="86400")
    assert sbom.document["metadata"]["timestamp"] == "1970-01-02T00:00:00Z"
    for invalid in ("yesterday", "9" * 30):
        with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
            project.sbom("cyclonedx", SOURCE_DATE_EPOCH=invalid)


def test_a_lock_that_lacks_a_request_is_an_error(project):
    (project.directory / ".envmgr").write_text("nodejs=^20.1\ngo=1.22\n")
    with pytest.raises(LockOutOfDate, match=r"go=1\.22 missing from the lock\n.*pypi:ruff"):
        project.sbom("spdx")
    (project.directory / ".envmgr.lock").write_text('{"nodejs": "20.1.0"}')
    (project.directory / ".envmgr").write_text("nodejs=^20.1\n")
    with pytest.raises(LockOutOfDate, match="has no archives"):
        project.sbom("spdx")
    (project.directory / ".envmgr.lock").unlink()
    with pytest.raises(LockOutOfDate, match="not found"):
        project.sbom("spdx")
    (project.directory / ".envmgr").unlink()
    with pytest.raises(ProjectError, match=r"no \.envmgr"):
        project.sbom("spdx")
