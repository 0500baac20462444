"""Tools that require others are installed after them, and run on them."""

from __future__ import annotations

import json
import os
import sys
from base64 import b64encode
from hashlib import sha512

import pytest

from support.archives import archive_builder
from support.machine.installed_tools import SHELLS, Toolbox, program
from support.machine.sandbox import ENVMGR
from support.registries.package_registries import packument

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX shells")

NODE = '#!/bin/sh\necho "node {version} ${NODE_HOME-} ${1##*/}"\n'
SCRIPT = "#!/usr/bin/env node\n"


@pytest.fixture
def dependent_tools(sandbox):
    """Return a sandbox where beta requires alpha, by an alias."""
    sandbox.publish("alpha")
    sandbox.publish("beta")
    sandbox.add_manifest({**sandbox.manifest("alpha", ("alpha",)), "aliases": ["al"]})
    sandbox.add_manifest({**sandbox.manifest("beta", ("beta",)), "requires": ["al"]})
    return sandbox


def test_a_missing_required_tool_is_an_error_before_any_download(dependent_tools):
    dependent_tools.write("beta=1.0.0")
    result = dependent_tools.run("install")
    assert result.code == 1
    assert "beta 1.0.0 needs alpha, which is not installed" in result.err
    assert "`envmgr use alpha latest`" in result.err
    assert downloaded(dependent_tools) == []


def downloaded(box):
    return [path.split("/")[1] for path in box.server.paths if path.endswith(".tar.gz")]


def test_a_required_tool_of_the_project_is_installed_first(dependent_tools):
    dependent_tools.write("beta=1.0.0", "alpha=1.0.0")
    dependent_tools.ok("install")
    assert downloaded(dependent_tools) == ["alpha", "beta"]


@pytest.mark.parametrize("line", ["alpha=system", "alpha=path:/usr", "alpha=2.0.0"])
def test_any_version_and_origin_of_a_required_tool_is_accepted(dependent_tools, line):
    if "2.0.0" in line:
        dependent_tools.ok("install", "alpha@1.0.0")
    dependent_tools.write("beta=1.0.0", line)
    dependent_tools.ok("install", "beta")
    assert dependent_tools.command(["beta"]).out == "beta 1.0.0\n"


def test_a_requested_required_tool_is_named_with_its_install_command(dependent_tools):
    dependent_tools.write("beta=1.0.0", "alpha=2.0.0")
    assert "`envmgr install alpha`" in dependent_tools.run("install", "beta").err


def test_lint_warns_of_unknown_required_tools(dependent_tools):
    path = dependent_tools.add_manifest(
        {**dependent_tools.manifest("x", ("x",)), "requires": ["al", "nonsense"]}
    )
    result = dependent_tools.ok("plugin", "lint", str(path))
    assert "$.requires[1]: unknown tool 'nonsense'" in result.out + result.err
    assert "$.requires[0]" not in result.out + result.err


@pytest.fixture
def registry(sandbox):
    """Return a sandbox whose npm registry has a script, and a program with a package per platform."""
    platform = {"optionalDependencies": {"@native/linux-x64": "1.0.0", "@native/linux-arm64": "1.0.0"}}
    packages = {
        "script": {"bin": {"script": "cli.js"}},
        "native": {"bin": {"native": "run.js"}, **platform},
        "@native/linux-x64": {"os": ["linux"], "cpu": ["x64"]},
        "@native/linux-arm64": {"os": ["linux"], "cpu": ["arm64"]},
    }
    content = archive_builder.tar(
        {"package/cli.js": SCRIPT.encode(), "package/bin/native": b"#!/bin/sh\necho native\n"}
    )
    integrity = f"sha512-{b64encode(sha512(content).digest()).decode()}"
    for package, fields in packages.items():
        url = sandbox.server.add(f"/{package}.tgz", content)
        dist = {"tarball": url, "integrity": integrity}
        registry_url = packument(sandbox.server, package, {"version": "1.0.0", "dist": dist, **fields})
        sandbox.variables["NPM_CONFIG_REGISTRY"] = registry_url
    return sandbox


def without_node(box):
    return {"PATH": os.pathsep.join([str(box.shims), os.path.dirname(ENVMGR)])}


def test_a_package_that_may_need_nodejs_reports_it_with_a_hint(registry):
    registry.write("npm:script=1.0.0")
    result = registry.ok("install", env=without_node(registry))
    assert "npm:script needs nodejs: run `envmgr use nodejs latest`" in result.err
    outcome = registry.command([str(registry.shims / "script")], env=without_node(registry))
    assert (outcome.code, "npm:script requires nodejs, but node is not on PATH" in outcome.err) == (127, True)
    again = registry.ok("install", env=without_node(registry))
    assert ("already installed" in again.out, "needs nodejs" in again.err) == (True, False)


def test_a_package_with_commands_of_another_tool_is_noted(registry):
    registry.publish("other", commands=("native", "other"))
    registry.ok("install", "other@1.0.0")
    result = registry.ok("install", "npm:native@1.0.0")
    assert "npm:native provides native, as other does; the first in .envmgr is run\n" in result.err
    assert "provides" not in registry.ok("install", "npm:native@1.0.0").err


def test_the_short_name_of_a_requested_package_is_not_a_tool_of_that_name(registry):
    registry.publish("script")
    registry.write("npm:script=1.0.0")
    result = registry.ok("use", "script", "1")
    assert (registry.project / ".envmgr").read_text() == "npm:script=1\n"
    path = registry.project / ".envmgr"
    assert (
        f"not the tool script; for that, remove npm:script from {path}, and run `envmgr use script`"
        in result.err
    )
    assert registry.ok("install", "script", "--json").json["already_installed"][0]["tool"] == "npm:script"
    assert registry.ok("list", "--remote", "script", "--json").json["tool"] == "npm:script"
    registry.write("")
    registry.ok("use", "script", "1.0.0")
    assert path.read_text().strip() == "script=1.0.0"


def test_the_short_name_of_an_installed_package_is_known_without_a_manifest(registry):
    registry.ok("install", "npm:native@1.0.0")
    registry.ok("use", "native", "1")
    assert (registry.project / ".envmgr").read_text() == "npm:native=1\n"


def test_a_package_with_the_name_of_a_tool_is_noted(registry):
    registry.publish("native")
    result = registry.ok("use", "npm:native", "1.0.0")
    assert (
        "npm:native is the package native, not the tool native; for that, run `envmgr use native`"
        in result.err
    )
    assert "not the tool" not in registry.ok("use", "npm:script", "1.0.0").err
    assert "not the tool" not in registry.ok("install").err


def test_a_package_with_node_on_path_reports_nothing(registry, tmp_path):
    node = tmp_path / "bin/node"
    node.parent.mkdir()
    program(node, "#!/bin/sh\necho of the system\n")
    path = {"PATH": f"{without_node(registry)['PATH']}:{node.parent}:/usr/bin:/bin"}
    registry.write("npm:script=1.0.0")
    assert "needs" not in registry.ok("install", env=path).err
    assert registry.command(["script"], env=path).out == "of the system\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages are for Linux")
def test_a_package_with_its_own_program_requires_nothing(registry):
    registry.write("npm:native=1.0.0")
    assert "needs" not in registry.ok("install", env=without_node(registry)).err
    (receipt,) = (registry.home / "installs/npm%3Anative").glob("*/.envmgr-receipt.json")
    assert json.loads(receipt.read_text())["requires"] == []


@pytest.fixture
def box(tmp_path):
    toolbox = Toolbox(tmp_path)
    for version in ("9.0.0", "20.1.0"):
        toolbox.install("nodejs", version, {"node": NODE}, env={"NODE_HOME": "{home}"})
    toolbox.install("npm:prettier", "3.0.0", {"prettier": SCRIPT}, requires=["nodejs"])
    toolbox.request("npm:prettier=3.0.0\n")
    toolbox.reshim()
    return toolbox


def runs_on(box, version):
    return f"node {version} {box.paths.install('nodejs', version)} prettier"


def test_a_tool_runs_on_the_newest_installed_version_of_what_it_requires(box):
    assert box.output("prettier") == runs_on(box, "20.1.0")
    assert box.is_fast("prettier")
    assert box.output("prettier") == runs_on(box, "20.1.0")


@pytest.mark.parametrize("shell", SHELLS)
def test_plans_add_the_required_tool_to_path_with_each_sh(box, shell):
    box.output("prettier")
    result = box.run(*SHELLS[shell], box.shim("prettier"))
    assert (result.stdout.strip(), box.slow_runs()) == (runs_on(box, "20.1.0"), 1)


def test_path_is_the_same_with_and_without_a_plan(box):
    home = box.install("show", "1", {"show": '#!/bin/sh\necho "$PATH"\n'}, requires=["nodejs"])
    box.request("show=1\n")
    box.reshim()
    slow = box.output("show")
    node = os.path.join(box.paths.install("nodejs", "20.1.0"), "bin")
    assert slow == f"{node}:{box.variables['PATH']}"
    assert box.is_fast("show")
    assert box.output("show") == slow
    assert box.output("show", PATH=slow) == slow
    assert home.exists()


def test_the_version_of_the_project_precedes_others(box):
    box.request("npm:prettier=3.0.0\nnodejs=9.0.0\n")
    for _ in range(2):
        assert box.output("prettier") == runs_on(box, "9.0.0")
    assert box.output("prettier", ENVMGR_NODEJS_VERSION="20.1.0") == runs_on(box, "20.1.0")


def test_an_override_decides_without_a_request_of_the_project(box):
    box.output("prettier")
    assert box.output("prettier", ENVMGR_NODEJS_VERSION="9.0.0") == runs_on(box, "9.0.0")


def test_removal_of_the_required_tool_is_detected(box):
    box.output("prettier")
    box.uninstall("nodejs", "20.1.0")
    assert box.output("prettier") == runs_on(box, "9.0.0")


def test_exec_adds_the_required_tool_to_path_after_the_projects_tools(box):
    result = box.run(ENVMGR, "exec", "--", "prettier", PATH="/usr/bin:/bin", ENVMGR_HOME=str(box.root))
    assert result.stdout.strip() == runs_on(box, "20.1.0"), result.stderr


def test_without_the_required_tool_the_error_names_it(box, tmp_path):
    for version in ("9.0.0", "20.1.0"):
        box.uninstall("nodejs", version)
    box.reshim()
    result = box.run(box.shim("prettier"), PATH=str(tmp_path))
    assert result.returncode == 127
    assert "npm:prettier requires nodejs, but node is not on PATH" in result.stderr
    assert "`envmgr use nodejs latest`" in result.stderr


def test_the_program_of_the_system_is_used_without_an_installed_tool(box, tmp_path):
    for version in ("9.0.0", "20.1.0"):
        box.uninstall("nodejs", version)
    box.reshim()
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin/node", "#!/bin/sh\necho of the system\n")
    path = f"{tmp_path}/bin:/usr/bin:/bin"
    assert [box.output("prettier", PATH=path) for _ in range(2)] == ["of the system"] * 2
