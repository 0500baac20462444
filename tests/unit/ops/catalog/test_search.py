"""Search for tools by name, alias and description."""

from __future__ import annotations

import json

import pytest

from envmgr.kit.errors import UnknownTool
from envmgr.ops.catalog.search import search
from support.machine.installed_tools import Toolbox

MANIFESTS = {
    "javelin": {"description": "Throws things"},
    "throwing": {"description": "Nothing that a search finds"},
    "temurin-kit": {"description": "A Javelin-like kit", "aliases": ["spear"]},
    "spearhead": {"description": "Leads"},
}


@pytest.fixture
def context(tmp_path):
    toolbox = Toolbox(tmp_path)
    directory = tmp_path / "project" / ".envmgr.plugins"
    directory.mkdir(parents=True, exist_ok=True)
    for name, fields in MANIFESTS.items():
        document = {
            "name": name,
            "versions_url": "https://a.example/",
            "bin_path_template": "{version}/bin/a",
        }
        (directory / f"{name}.json").write_text(json.dumps({**document, **fields}))
    toolbox.install("javelin", "1.10.0", ["javelin"])
    toolbox.install("javelin", "1.9.0", ["javelin"])
    return toolbox.context()


def names(matches):
    return [match.manifest.name for match in matches]


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("javelin", ["javelin", "temurin-kit"]),
        ("JAVEL", ["javelin", "temurin-kit"]),
        ("spear", ["temurin-kit", "spearhead"]),
        ("throw", ["throwing", "javelin"]),
        ("like kit", ["temurin-kit"]),
        ("throws javelin", ["javelin"]),
    ],
)
def test_every_word_matches_and_names_come_first(context, text, tools):
    assert names(search(context, text)) == tools


def test_no_text_lists_every_tool(context):
    assert names(search(context, "")) == list(context.registry.names())


def test_installed_versions_are_in_the_match(context):
    assert sorted(search(context, "javelin")[0].installed) == ["1.10.0", "1.9.0"]


def test_no_match_suggests_a_near_name_and_packages(context):
    with pytest.raises(UnknownTool, match="'javelni'") as caught:
        search(context, "javelni")
    assert "did you mean javelin?" in caught.value.hint
    assert "pypi:NAME" in caught.value.hint
