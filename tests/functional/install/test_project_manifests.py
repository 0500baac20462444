"""Manifests of a project are found from all of its directories."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def box(sandbox):
    sandbox.publish("gamma", ("1.0.0",))
    (sandbox.home / "plugins/gamma.json").unlink()
    add(sandbox, sandbox.project)
    return sandbox


def add(sandbox, directory, **fields):
    folder = directory / ".envmgr.plugins"
    folder.mkdir(parents=True)
    manifest = {**sandbox.manifest("gamma", ("gamma",)), **fields}
    (folder / "gamma.json").write_text(json.dumps(manifest))


def test_a_nearer_dotfile_does_not_hide_the_manifests_above(box):
    box.write("gamma=1.0.0")
    nested = box.project / "web"
    nested.mkdir()
    (nested / ".envmgr").write_text("gamma=1.0.0\n")
    box.ok("install", cwd=nested)
    assert box.command(["gamma"], cwd=nested).out == "gamma 1.0.0\n"


def test_manifests_are_found_without_a_dotfile(box):
    box.ok("use", "gamma", "1.0.0")
    assert (box.project / ".envmgr").read_text() == "gamma=1.0.0\n"


def test_the_nearest_manifest_of_a_tool_is_used(box):
    nested = box.project / "web"
    add(box, nested, description="the nearest")
    listing = {
        cwd: box.ok("plugin", "show", "gamma", cwd=cwd).out.count("the nearest")
        for cwd in (nested, box.project)
    }
    assert listing == {nested: 1, box.project: 0}


def test_the_search_for_manifests_ends_at_the_ceiling(box):
    nested = box.project / "web"
    nested.mkdir()
    result = box.run("plugin", "show", "gamma", cwd=nested, env={"ENVMGR_CEILING": str(nested)})
    assert (result.code, "unknown tool 'gamma'" in result.err) == (1, True)
