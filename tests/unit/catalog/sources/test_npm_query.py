from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.sources import npm_query
from envmgr.kit.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the npm of these tests is a shell script")

KEYS = ("registry", "@team:registry", "globalconfig")
ANSWER = "echo registry=https://{0}.example/; echo @team:registry=undefined; echo globalconfig=/etc/npmrc"


def npm_in(folder: Path, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def ask(root: Path, path: str = "") -> dict[str, str]:
    environment = Environment({"PATH": path}, str(root))
    return npm_query.query_npm(environment, str(root / "installs"), KEYS)


def test_npm_on_path_is_queried(tmp_path: Path) -> None:
    npm_in(tmp_path / "tools", ANSWER.format("path"))
    responses = ask(tmp_path, str(tmp_path / "tools"))
    assert responses == {"registry": "https://path.example/", "globalconfig": "/etc/npmrc"}


def test_npm_is_queried_for_named_settings(tmp_path: Path) -> None:
    npm_in(tmp_path / "tools", 'echo "registry=$*"')
    responses = ask(tmp_path, str(tmp_path / "tools"))
    assert responses["registry"] == "config get registry @team:registry globalconfig --loglevel=silent"


@pytest.mark.parametrize("folder", [".bin", "bin"])
def test_npm_of_an_installed_tool_runs_with_its_node(tmp_path: Path, folder: str) -> None:
    tree = tmp_path / "installs" / "nodejs" / "24.0.0" / folder
    npm_in(tree, "node-for-npm")
    (tree / "node-for-npm").write_text(f"#!/bin/sh\n{ANSWER.format('installed')}\n")
    (tree / "node-for-npm").chmod(0o755)
    assert ask(tmp_path)["registry"] == "https://installed.example/"


def test_the_newest_installation_is_queried_first(tmp_path: Path) -> None:
    for age, version in enumerate(("3", "1", "2")):
        npm_in(tmp_path / "installs" / "nodejs" / version / "bin", ANSWER.format(f"v{version}"))
        os.utime(tmp_path / "installs" / "nodejs" / version, (1000 + age, 1000 + age))
    assert ask(tmp_path)["registry"] == "https://v2.example/"


def test_envmgr_shims_are_not_queried(tmp_path: Path) -> None:
    npm_in(tmp_path / "shims", "exit 99")
    npm_in(tmp_path / "installs" / "nodejs" / "1" / "bin", ANSWER.format("installed"))
    assert ask(tmp_path, str(tmp_path / "shims"))["registry"] == "https://installed.example/"


def test_a_failing_npm_is_ignored(tmp_path: Path) -> None:
    npm_in(tmp_path / "tools", "exit 1")
    assert ask(tmp_path, str(tmp_path / "tools")) == {}
    npm_in(tmp_path / "installs" / "nodejs" / "1" / "bin", ANSWER.format("installed"))
    assert ask(tmp_path, str(tmp_path / "tools"))["registry"] == "https://installed.example/"


def test_without_npm_there_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "installs" / "zig" / "1").mkdir(parents=True)
    assert ask(tmp_path) == {}
