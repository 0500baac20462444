"""Environment plans: files that change while one is made, and what is left where none is used."""

from __future__ import annotations

import json
import os
import sys

import pytest

from envmgr.kit.environment import Environment
from envmgr.kit.errors import WorkingDirectoryMissing
from envmgr.ops import activation
from envmgr.resolve.context import Context
from envmgr.shells import plan
from envmgr.shells.activation import elvish
from support.machine.installed_tools import Toolbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")


@pytest.fixture
def box(tmp_path):
    """Return an installed tool that the project requests."""
    box = Toolbox(tmp_path)
    box.install("nodejs", "20.1.0", ["node"])
    box.request("nodejs=20\n")
    return box


def make_plan(box, shell):
    """Return the plan of the project, as shells receive it."""
    return json.loads(activation.plan_directory(box.context(), activation.shell_named(shell)))


def change_after(monkeypatch, module, name, file):
    """Change a file as soon as a function of a module was called with its path."""
    function = getattr(module, name)

    def call_and_change(*args):
        result = function(*args)
        file.write_text("nodejs=18\n")
        os.utime(file, (1, 1))
        return result

    monkeypatch.setattr(module, name, call_and_change)


def test_the_time_of_an_input_is_the_one_that_was_checked(box, monkeypatch):
    """A file that changes after it was checked must not be recorded with its new time."""
    file = box.project / ".envmgr"
    mtime_ns = file.stat().st_mtime_ns
    change_after(monkeypatch, plan, "_has_time", file)
    inputs = make_plan(box, "xonsh")["inputs"]
    assert [item["mtime_ns"] for item in inputs if item["path"] == str(file)] == [str(mtime_ns)]


def test_a_file_that_changes_before_its_content_is_recorded_has_not_settled(box, monkeypatch):
    file = box.project / ".envmgr"
    change_after(monkeypatch, plan, "_has_time", file)
    assert make_plan(box, "elvish")["settled"] is False


def test_a_file_that_changes_after_its_content_is_recorded_has_not_settled(box, monkeypatch):
    change_after(monkeypatch, elvish, "read_bytes", box.project / ".envmgr")
    assert make_plan(box, "elvish")["settled"] is False
    assert not any(name.endswith(".mark") for name in os.listdir(box.paths.plans))


def test_an_input_that_is_not_utf_8_settles(box):
    content = "nodejs=20\n".encode("utf-16")
    (box.project / ".envmgr").write_bytes(content)
    box.wait_for_clock()
    document = make_plan(box, "elvish")
    assert document["settled"] is True
    assert document["inputs"][0]["bytes"].split()[:3] == ["0xff", "0xfe", "0x6e"]


def test_a_plan_that_is_not_used_leaves_no_files(box, monkeypatch):
    change_after(monkeypatch, activation, "_resolve", box.project / ".envmgr")
    assert make_plan(box, "xonsh")["settled"] is False
    context = Context(Environment(box.variables, None), box.paths, box.context().platform)
    with pytest.raises(WorkingDirectoryMissing):
        activation.plan_directory(context, activation.shell_named("bash"))
    assert os.listdir(box.paths.plans) == []
