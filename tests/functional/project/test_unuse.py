"""Tools are removed from a dotfile and its lock, together or not at all."""

from __future__ import annotations

import pytest


@pytest.fixture
def project(sandbox):
    """Return a machine whose project requests two installed tools."""
    sandbox.publish("alpha", ("1.0.0", "1.1.0"))
    sandbox.publish("beta")
    sandbox.write("# head", "alpha=^1.0   # why", "beta=latest")
    sandbox.ok("install")
    return sandbox


def test_a_tool_is_removed_from_the_dotfile_and_its_lock(project):
    locked = project.lock["tools"]["beta"]
    result = project.ok("unuse", "alpha")
    assert (result.out, result.err) == ("removed alpha=^1.0 from .envmgr\n", "wrote .envmgr.lock\n")
    assert (project.project / ".envmgr").read_text() == "# head\nbeta=latest\n"
    assert project.lock["tools"] == {"beta": locked}
    assert project.ok("lock", "--check").code == 0
    assert "alpha" in project.ok("list").out
    assert project.run("alpha").code != 0


def test_the_result_names_what_changed(project):
    (project.project / ".envmgr.lock").unlink()
    result = project.ok("unuse", "alpha", "beta", "--json").json
    assert result == {
        "schema": "envmgr/unuse/1",
        "requests": [{"tool": "alpha", "request": "^1.0"}, {"tool": "beta", "request": "latest"}],
        "file": str(project.project / ".envmgr"),
        "lock": None,
    }
    assert not (project.project / ".envmgr.lock").exists()


def test_nothing_changes_if_one_tool_is_not_requested(project):
    before = (project.project / ".envmgr").read_bytes()
    result = project.run("unuse", "alpha", "nodejs")
    assert result.code == 1
    assert "nodejs is not requested in" in result.err
    assert (project.project / ".envmgr").read_bytes() == before


def test_a_tool_that_another_file_requests_is_named(project):
    below = project.project / "below"
    below.mkdir()
    (below / ".envmgr").write_text("alpha=1.0.0\n")
    result = project.ok("-C", str(below), "unuse", "alpha")
    assert "alpha is still requested by" in result.err
    assert (below / ".envmgr").read_text() == ""
