"""Requests of other version managers become a dotfile, and nothing is left out silently."""

from __future__ import annotations

import pytest

from envmgr.kit import paths as paths_module
from envmgr.kit import platform
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ProjectError, UsageError
from envmgr.ops.exchange.import_requests import import_requests
from envmgr.resolve.context import Context


@pytest.fixture
def project(tmp_path):
    """Return the directory of a project with files of three version managers."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / ".tool-versions").write_text("nodejs 20.1.0\nunheard-of 1\nzig ref:main\n")
    (directory / ".nvmrc").write_text("18\n")
    (directory / "mise.toml").write_text(
        '[tools]\n"pipx:black" = "24"\n"core:python" = "3.12"\nnode = "20.1.0"\n'
    )
    return directory


def load(directory, file=None, *, force=False):
    root = str(directory.parent / "root")
    environment = Environment({"HOME": root}, str(directory))
    context = Context(environment, paths_module.single_root(root), platform.current())
    return import_requests(context, file, force=force)


def test_all_files_are_imported_and_the_remaining_entries_are_named(project):
    result = load(project)
    assert (project / ".envmgr").read_text() == "nodejs=20.1.0\npypi:black=24\npython=3.12\n"
    assert [(item.tool, item.line) for item in result.requests] == [
        ("nodejs", 1),
        ("pypi:black", None),
        ("python", None),
    ]
    reasons = {item.name: item.reason for item in result.skipped}
    assert reasons["unheard-of"].startswith("unknown tool")
    assert "zig" in reasons
    assert reasons["nodejs"] == "18 is ignored: .tool-versions has 20.1.0"


def test_one_file_is_imported_alone(project):
    load(project, ".nvmrc")
    assert (project / ".envmgr").read_text() == "nodejs=18\n"


def test_a_dotfile_is_overwritten_only_if_forced(project):
    (project / ".envmgr").write_text("zig=0.12.0\n")
    with pytest.raises(ProjectError, match="already exists") as caught:
        load(project)
    assert "--force" in caught.value.hint
    assert (project / ".envmgr").read_text() == "zig=0.12.0\n"
    load(project, ".nvmrc", force=True)
    assert (project / ".envmgr").read_text() == "nodejs=18\n"


def test_nothing_is_written_without_a_request(project):
    (project / "mise.toml").write_text("[tools\n")
    with pytest.raises(ProjectError, match=r"nothing to import(.|\n)*mise\.toml: cannot be read"):
        load(project, "mise.toml")
    with pytest.raises(UsageError, match="unknown kind of file"):
        load(project, "notes.txt")
    with pytest.raises(ProjectError, match="not found"):
        load(project, ".ruby-version")
    assert not (project / ".envmgr").exists()
