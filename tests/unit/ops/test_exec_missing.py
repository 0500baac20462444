"""A shim installs missing tools only if the settings and the user allow."""

from __future__ import annotations

import os

import pytest

from envmgr.cli.console import confirm_with
from envmgr.cli.options import Options
from envmgr.kit import environment
from envmgr.kit.errors import NotInstalled
from envmgr.ops import exec_
from support.machine.installed_tools import Toolbox


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    toolbox.install("nodejs", "20.1.0", ["node"])
    toolbox.install("python", "3.12.1", ["python"])
    toolbox.request("nodejs=22.3.0\npython=3.13.0\n")
    return toolbox


@pytest.mark.parametrize(("policy", "prompts"), [("never", 0), ("ask", 1)])
def test_the_user_is_prompted_only_if_the_settings_allow(box, policy, prompts):
    questions = []
    with pytest.raises(NotInstalled, match=r"nodejs 22\.3\.0"):
        exec_.run_shim(box.context(ENVMGR_AUTO_INSTALL=policy), "node", [], questions.append)
    assert len(questions) == prompts


def test_the_prompt_names_only_the_tools_of_the_command(box):
    questions = []
    with pytest.raises(NotInstalled):
        exec_.run_shim(box.context(ENVMGR_AUTO_INSTALL="ask"), "node", [], questions.append)
    assert "nodejs 22.3.0" in questions[0]
    assert "python" not in questions[0]


def test_exec_prompts_for_all_missing_tools(box):
    questions = []
    with pytest.raises(NotInstalled):
        exec_.run(box.context(ENVMGR_AUTO_INSTALL="ask"), [], ["node"], questions.append)
    assert "nodejs 22.3.0, python 3.13.0" in questions[0]


def test_a_terminal_of_ci_has_no_prompt(monkeypatch):
    monkeypatch.setattr(environment, "is_terminal", lambda _stream: True)
    monkeypatch.delenv("CI", raising=False)
    assert environment.can_prompt()
    monkeypatch.setenv("CI", "true")
    assert not environment.can_prompt()
    assert not confirm_with(Options())("Install now?")


def test_a_declined_prompt_leaves_no_draft_of_a_plan(box):
    with pytest.raises(NotInstalled):
        exec_.run_shim(box.context(), "node", [])
    assert not os.path.isdir(box.paths.plans) or os.listdir(box.paths.plans) == []
