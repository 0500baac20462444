from __future__ import annotations

import json
import sys

import pytest

from envmgr.catalog import registry
from envmgr.catalog.registry import Registry
from envmgr.kit.errors import ManifestError, StorageError, UnknownTool
from envmgr.kit.paths import single_root


@pytest.fixture
def paths(tmp_path):
    """Return the directories of the project and the user, and a function that writes manifests there."""
    paths = single_root(str(tmp_path / "home"))
    project = tmp_path / "project"

    def write(owner, name, text=None, **fields):
        folder = project / registry.PROJECT_DIRECTORY if owner == "project" else tmp_path / "home" / "plugins"
        folder.mkdir(parents=True, exist_ok=True)
        data = {
            "name": name,
            "versions_url": f"https://{owner}/x",
            "bin_path_template": "{version}/x",
            **fields,
        }
        (folder / f"{name}.json").write_text(text if text is not None else json.dumps(data), encoding="utf-8")

    return Registry(paths, [str(project)]), write


def test_project_manifests_override_user_manifests_which_override_built_in_ones(paths):
    tools, write = paths
    assert tools.scope(tools.get("zig")) == "built-in"
    for owner in ("user", "project"):
        write(owner, "zig")
        again = Registry(
            single_root(tools.directories[1].directory[: -len("/plugins")]),
            [tools.directories[0].directory[:-16]],
        )
        assert again.scope(again.get("zig")) == owner
        assert not again.get("zig").builtin


def test_the_nearest_project_directory_wins_and_the_others_are_searched(tmp_path):
    for directory, names in {"near": ["both"], "far": ["both", "only"]}.items():
        folder = tmp_path / directory / registry.PROJECT_DIRECTORY
        folder.mkdir(parents=True)
        for name in names:
            data = {"name": name, "versions_url": f"https://{directory}/x", "bin_path_template": "x"}
            (folder / f"{name}.json").write_text(json.dumps(data))
    nearest_first = [str(tmp_path / name) for name in ("near", "empty", "far")]
    tools = Registry(single_root(str(tmp_path / "home")), nearest_first)
    assert [tools.get(name).source["url"] for name in ("both", "only")] == ["https://near/x", "https://far/x"]
    assert {tools.scope(tools.get(name)) for name in ("both", "only")} == {"project"}
    assert {"both", "only"} < set(tools.names())


def test_without_a_project_no_project_manifests_are_searched(tmp_path):
    assert [directory.scope for directory in Registry(single_root(str(tmp_path))).directories] == [
        "user",
        "built-in",
    ]


@pytest.mark.parametrize(
    ("alias", "name"),
    [("node", "nodejs"), ("golang", "go"), ("rg", "ripgrep"), ("jdk", "java"), ("github-cli", "gh")],
)
def test_tools_are_resolved_by_their_aliases(alias, name, paths):
    assert paths[0].get(alias).name == name
    assert paths[0].check(alias).builtin


def test_each_manifest_is_read_once(paths):
    tools, write = paths
    write("user", "mine")
    first = tools.get("mine")
    write("user", "mine", description="changed")
    assert tools.get("mine") is first


def test_an_unknown_tool_suggests_similar_ones_and_how_to_add_it(paths):
    with pytest.raises(UnknownTool, match="unknown tool 'nodjs'") as caught:
        paths[0].get("nodjs")
    assert "did you mean nodejs" in caught.value.hint
    assert "envmgr plugin add nodjs VERSIONS_URL" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["", "../zig", "a/b", "Zig ", "pypi:", "npm:../x", "github:cli", "gitlab:a/b", "\0"]
)
def test_an_invalid_tool_name_is_unknown(name, paths):
    with pytest.raises(UnknownTool):
        paths[0].get(name)


@pytest.mark.parametrize(
    ("tool", "source"),
    [
        ("pypi:ruff", {"kind": "pypi", "package": "ruff"}),
        ("npm:@biomejs/biome", {"kind": "npm", "package": "@biomejs/biome"}),
        ("github:cli/cli", {"kind": "github", "repo": "cli/cli"}),
    ],
)
def test_packages_have_a_generated_manifest(tool, source, paths):
    manifest = paths[0].check(tool)
    assert (manifest.name, manifest.source, manifest.builtin) == (tool, source, False)
    assert paths[0].scope(manifest) == "package"
    assert registry.text_of(manifest) is None


def test_a_package_may_have_a_manifest_of_its_own(paths):
    tools, write = paths
    folder = tools.directories[1].directory
    write("user", "zig")
    with open(f"{folder}/pypi%3Aziglang.json", "w", encoding="utf-8") as file:
        json.dump(
            {"name": "pypi:ziglang", "source": {"kind": "pypi", "package": "ziglang"}, "bin": ["z"]}, file
        )
    assert tools.get("pypi:ziglang").fields == {"bin": ["z"]}
    assert "pypi:ziglang" in tools.names()


def test_all_tools_are_listed_without_the_schema(paths):
    tools, write = paths
    write("user", "mine")
    write("user", ".hidden")
    names = tools.names()
    assert {"mine", "nodejs", "zig"} < set(names)
    assert not {"plugin.schema", ".hidden"} & set(names)
    assert [manifest.name for manifest in tools.all()] == list(names)


def test_an_invalid_manifest_is_reported_with_all_issues_when_requested(paths):
    tools, write = paths
    write("project", "mine", platforms=[], nonsense=1)
    with pytest.raises(ManifestError) as caught:
        tools.check("mine")
    assert [issue.partition(":")[0] for issue in caught.value.issues] == ["$", "$.platforms"]


def test_an_invalid_manifest_does_not_hide_others(paths):
    tools, write = paths
    write("user", "broken", "{")
    assert tools.get("node").name == "nodejs"
    with pytest.raises(UnknownTool):
        tools.get("nothing")


def test_a_manifest_must_have_the_name_of_its_file(paths):
    tools, write = paths
    write("user", "mine", '{"name": "other", "versions_url": "https://x/y", "bin_path_template": "x"}')
    with pytest.raises(ManifestError, match="'other' does not match the file name 'mine'"):
        tools.get("mine")


def test_a_file_that_is_not_text_is_an_error_and_does_not_hide_others(paths):
    tools, write = paths
    write("user", "mine")
    with open(f"{tools.directories[1].directory}/mine.json", "wb") as file:
        file.write(b"\xff")
    with pytest.raises(StorageError, match=r"mine\.json: invalid UTF-8"):
        tools.get("mine")
    assert tools.get("node").name == "nodejs"


@pytest.mark.skipif(sys.platform == "win32", reason="links to themselves")
def test_a_directory_of_manifests_that_cannot_be_read_is_named(tmp_path):
    """Its manifests would be passed over, and the built-in ones used in their place."""
    directory = tmp_path / registry.PROJECT_DIRECTORY
    directory.symlink_to(directory.name)  # root cannot list it either
    tools = Registry(single_root(str(tmp_path / "home")), [str(tmp_path)])
    cause = ".*: Too many levels of symbolic links$"
    with pytest.raises(StorageError, match=f"^cannot read {directory}{cause}"):
        tools.names()
    with pytest.raises(StorageError, match=f"^cannot read {directory}{cause}"):
        tools.get("zig")


def test_the_text_of_a_manifest_is_its_file_content(paths):
    assert registry.text_of(paths[0].get("zig")).startswith('{\n  "name": "zig"')


@pytest.mark.parametrize(
    ("text", "expected"), [("zig", True), ("a+b.c_d-e", True), ("-x", False), ("Zig", False)]
)
def test_manifest_names_are_plain(text, expected):
    assert registry.is_name(text) is expected
