"""Projects are known by what was done in them, and prune asks before it removes versions."""

from __future__ import annotations

import pytest


@pytest.fixture
def box(sandbox):
    """Return a machine with three projects: tools are installed by one, locked by one and run by one."""
    sandbox.publish("alpha", ("1.0.0", "2.0.0", "3.0.0", "4.0.0"))
    sandbox.ok("install", "alpha@1", "alpha@2", "alpha@3", "alpha@4")
    for name, version in {"locks": "1", "runs": "2", "installs": "3"}.items():
        (sandbox.root / name).mkdir()
        (sandbox.root / name / ".envmgr").write_text(f"alpha={version}\n")
    sandbox.ok("lock", cwd=sandbox.root / "locks")
    assert sandbox.command(["alpha"], cwd=sandbox.root / "runs").out == "alpha 2.0.0\n"
    sandbox.ok("install", cwd=sandbox.root / "installs")
    return sandbox


def test_versions_of_known_projects_stay_and_others_go_after_a_confirmation(box):
    refused = box.run("prune")
    assert refused.code == 2
    assert "requires a confirmation to remove alpha 4.0.0\n" in refused.err
    assert box.ok("prune", "--dry-run").out == "would remove alpha 4.0.0\n"
    assert box.ok("prune", "--yes").out == "removed alpha 4.0.0\n"
    assert box.ok("prune").out == "nothing to remove\n"
    assert [item["version"] for item in box.ok("list", "--json").json["tools"]] == ["1.0.0", "2.0.0", "3.0.0"]
