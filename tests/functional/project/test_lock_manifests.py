"""A lock is installed with the manifest that it was made with, or refused before any download."""

from __future__ import annotations

import json
import shutil

import pytest

from support.machine.sandbox import Sandbox

BUILT_IN = "nodejs"


@pytest.fixture
def box(sandbox):
    """Return a machine whose user has two manifests, one with the name of a built-in one."""
    sandbox.publish(BUILT_IN, ("20.1.0",), commands=("node",))
    sandbox.publish("alpha", ("1.0.0",))
    return sandbox


@pytest.fixture
def other_machine(box, tmp_path):
    """Return a machine without manifests, on which the project is checked out by `check_out`."""
    return Sandbox(tmp_path / "other machine", box.server)


def check_out(box, machine):
    shutil.copytree(box.project, machine.project, dirs_exist_ok=True)
    machine.server.requests.clear()
    return machine


def digest_in(box, tool, version):
    return box.lock["tools"][tool][version]["plugin"]


def changed_manifest(box, **fields):
    return {**box.manifest("alpha", ("alpha",)), **fields}


@pytest.mark.parametrize(
    "command", [["install", "--locked"], ["install"], ["use", BUILT_IN, "20.1.0"]], ids=" ".join
)
def test_a_lock_made_with_a_manifest_that_is_not_here_is_refused(box, other_machine, command):
    box.write(f"{BUILT_IN}=20.1.0")
    box.ok("lock")
    machine = check_out(box, other_machine)
    result = machine.run(*command)
    built_in = machine.ok("plugin", "show", BUILT_IN, "--json").json["digest"]
    assert result.code == 1
    assert f"with the manifest {digest_in(box, BUILT_IN, '20.1.0')}" in result.err
    assert f"the built-in manifest is {built_in}" in result.err
    assert f"envmgr plugin add --project {BUILT_IN} SOURCE" in result.err
    assert machine.server.requests == []
    assert machine.run("install", "--locked", "--json").json["code"] == "lock-out-of-date"


@pytest.mark.parametrize(
    "command",
    [
        ["install"],
        ["install", "--locked"],
        ["install", "alpha"],
        ["install", "--locked", "alpha"],
        ["install", "alpha@1.0.0"],
        ["use", "alpha", "1.0.0"],
        ["list", "--remote", "alpha"],
        ["lock"],
        ["lock", "--check"],
        ["use", "jq", "1.7.1"],
        ["exec", "--yes", "--", "alpha"],
    ],
    ids=" ".join,
)
def test_a_lock_made_with_the_manifest_of_an_unknown_tool_names_it_and_the_remedy(
    box, other_machine, command
):
    box.write("alpha=1.0.0")
    box.ok("lock")
    machine = check_out(box, other_machine)
    result = machine.run(*command, env={"ENVMGR_AUTO_INSTALL": "always"})
    path = machine.project / ".envmgr.lock"
    expected = f"{path} locks 1.0.0 with the manifest {digest_in(box, 'alpha', '1.0.0')}, which is not here"
    assert (result.code != 0, expected in result.err) == (True, True), result
    assert "envmgr plugin add --project alpha SOURCE" in result.err
    assert "VERSIONS_URL" not in result.err
    assert machine.server.requests == []
    box.ok("plugin", "add", "--project", "alpha", str(box.home / "plugins/alpha.json"))
    check_out(box, machine).ok("install", "--locked")


def test_a_requested_tool_without_a_manifest_and_a_lock_is_not_suggested_for_itself(sandbox):
    sandbox.write("nonsense=1")
    result = sandbox.run("install", "nonsense")
    assert (result.code, "did you mean" in result.err, "VERSIONS_URL" in result.err) == (1, False, True), (
        result
    )


@pytest.mark.parametrize(
    "command", [["install", "--locked"], ["install"], ["use", BUILT_IN, "20.1.0"]], ids=" ".join
)
def test_a_lock_of_one_archive_made_with_another_manifest_is_refused(box, other_machine, command):
    box.write(f"{BUILT_IN}=20.1.0")
    box.ok("lock", env={"ENVMGR_LOCK_PLATFORMS": "linux-x64"})
    (artifact,) = box.lock["tools"][BUILT_IN]["20.1.0"]["artifacts"].values()
    machine = check_out(box, other_machine)
    result = machine.run(*command)
    assert result.code == 1
    assert f"with the manifest {digest_in(box, BUILT_IN, '20.1.0')}" in result.err
    assert f"run `envmgr install {BUILT_IN} 20.1.0 {artifact['url']}`" in result.err
    assert machine.server.requests == []


def test_an_archive_that_the_user_chose_is_installed_again_after_the_manifest_has_changed(box):
    box.write("alpha=1.0.0")
    (path,) = [path for path in box.server.pages if "1.0.0" in path and "alpha" in path][:1] or [""]
    box.server.pages["/chosen/alpha.tar.gz"] = box.server.pages[path]
    chosen = f"{box.server.url}/chosen/alpha.tar.gz"
    install = ["install", "alpha", "1.0.0", chosen]
    box.ok(*install)
    box.ok("uninstall", "alpha@1.0.0", "--yes")
    box.ok("install")
    box.ok("uninstall", "alpha@1.0.0", "--yes")
    box.add_manifest(changed_manifest(box, description="changed"))
    result = box.run("install")
    assert (result.code, f"run `envmgr {' '.join(install)}`" in result.err) == (1, True), result.err
    box.ok(*install)
    box.ok("uninstall", "alpha@1.0.0", "--yes")
    box.ok("install", "--locked")


def test_a_manifest_of_the_same_name_with_another_layout_is_refused(box, other_machine):
    box.write("alpha=1.0.0")
    box.ok("lock")
    machine = check_out(box, other_machine)
    path = machine.add_manifest(changed_manifest(box, bin=["elsewhere/alpha"]))
    result = machine.run("install", "--locked")
    assert (result.code, f"the user manifest {path}" in result.err) == (1, True), result
    assert machine.server.requests == []
    machine.add_manifest(box.manifest("alpha", ("alpha",)))
    machine.ok("install", "--locked")
    assert machine.command(["alpha"]).out == "alpha 1.0.0\n"


def test_a_changed_manifest_is_locked_again(box):
    box.write("alpha=1.0.0")
    box.ok("lock")
    box.add_manifest(changed_manifest(box, description="changed"))
    assert box.run("install", "--locked").code == 1
    box.ok("install")  # the manifest has the locked URLs
    box.ok("lock")
    box.ok("install", "--locked")


def test_a_built_in_manifest_of_another_version_is_accepted_for_its_urls(sandbox):
    base = "https://nodejs.org/dist/v20.1.0/node-v20.1.0"
    artifacts = {
        "linux-x64": {"url": f"{base}-linux-x64.tar.gz", "sha256": "0" * 64},
        "linux-arm64": {"url": f"{base}-linux-arm64.tar.gz", "sha256": "1" * 64},
    }
    locked = {"plugin": f"sha256:{'2' * 64}", "artifacts": artifacts}
    lock = {"lockfile": 1, "resolved": {"nodejs@20.1.0": "20.1.0"}, "tools": {"nodejs": {"20.1.0": locked}}}
    sandbox.write("nodejs=20.1.0")
    (sandbox.project / ".envmgr.lock").write_text(json.dumps(lock))
    result = sandbox.run("install", "--locked", "--dry-run")
    assert "with the manifest" not in result.err
    for artifact in artifacts.values():
        artifact["url"] = artifact["url"].replace("nodejs.org", "mirror.example")
    (sandbox.project / ".envmgr.lock").write_text(json.dumps(lock))
    assert "with the manifest" in sandbox.run("install", "--locked", "--dry-run").err


@pytest.mark.parametrize("command", [["lock"], ["use", "alpha", "1.0.0"], ["install"]], ids=" ".join)
def test_a_lock_made_with_the_users_own_manifest_warns(box, other_machine, command):
    box.write("alpha=1.0.0")
    user_manifest = box.home / "plugins/alpha.json"
    result = box.ok(*command)
    assert f"plugin add --project alpha '{user_manifest}'" in result.err.replace("'\"'\"'", "'")
    box.ok("plugin", "add", "--project", "alpha", str(user_manifest))
    assert "warning" not in box.ok("lock").err
    machine = check_out(box, other_machine)
    machine.ok("install", "--locked")
    assert machine.command(["alpha"]).out == "alpha 1.0.0\n"


def test_the_users_own_versions_need_no_shared_manifest(box):
    assert "warning" not in box.ok("use", "--global", "alpha", "1.0.0").err


def test_a_manifest_is_added_to_the_project_and_removed(box):
    box.write("alpha=1.0.0")
    nested = box.project / "web/deep"
    nested.mkdir(parents=True)
    source = str(box.home / "plugins/alpha.json")
    added = box.ok("plugin", "add", "--project", "alpha", source, "--json", cwd=nested).json
    path = box.project / ".envmgr.plugins/alpha.json"
    assert (added["origin"], path.is_file()) == (str(path), True)
    assert box.ok("plugin", "show", "alpha", "--json", cwd=nested).json["scope"] == "project"
    box.ok("plugin", "remove", "--project", "alpha", cwd=nested)
    assert not path.exists()
    assert box.ok("plugin", "show", "alpha", "--json").json["scope"] == "user"


def write_manifest(box, directory, name):
    document = {**box.manifest("alpha", ("alpha",)), "name": name}
    (directory / f"{name}.json").write_text(json.dumps(document))


def test_an_added_manifest_names_the_one_that_it_shadows(box, other_machine):
    for name, shadowed in (("jq", "jq"), ("node", "nodejs")):  # the second is an alias
        write_manifest(box, other_machine.project, name)
        result = other_machine.ok("plugin", "add", name, f"{name}.json")
        assert f"shadows the built-in manifest {shadowed}" in result.err
        assert f"`envmgr plugin remove {name}`" in result.err
    source = str(box.home / "plugins/alpha.json")
    added = box.ok("plugin", "add", "--project", "alpha", source, "--json").json
    assert (added["shadows"], added["shadowed_by"]) == (f"the user manifest {source}", None)


def test_an_added_manifest_that_is_not_used_here_names_the_one_that_is(box):
    source = str(box.home / "plugins/alpha.json")
    box.ok("plugin", "add", "--project", "alpha", source)
    result = box.ok("plugin", "add", "alpha", source)
    assert f"not used here: the project manifest {box.project / '.envmgr.plugins/alpha.json'}" in result.err
    assert "shadows" not in result.err


def test_the_option_is_in_help_and_completion(box):
    assert "--project" in box.ok("plugin", "add", "--help").out
    done = box.run("plugin", "add", env={"_ENVMGR_COMPLETE": "=--p"})
    assert "--project" in done.out.split()
