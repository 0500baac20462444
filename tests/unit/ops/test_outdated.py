"""The newest versions that a request, and that any request, allows, and the plan of an upgrade."""

from __future__ import annotations

import json

import pytest

from envmgr.kit import platform
from envmgr.kit.errors import ProjectError
from envmgr.ops.maintenance import upgrade
from envmgr.ops.maintenance.outdated import check_versions
from support.client_fakes import RecordingProgress
from support.machine.installed_tools import Toolbox

VERSIONS = ("1.0.0", "1.1.0", "2.0.0", "2.3.1", "3.0.0-rc.1")


def manifest(name, versions):
    """Return a manifest whose releases need no server."""
    releases = [
        {
            "version": version,
            "artifacts": {
                platform.current().key: {
                    "url": f"https://{name}.example/{version}.tar.gz",
                    "sha256": "0" * 64,
                }
            },
        }
        for version in versions
    ]
    return {
        "name": name,
        "source": {"kind": "static", "versions": releases},
        "format": "tar.gz",
        "bin": [f"bin/{name}"],
    }


@pytest.fixture
def box(tmp_path):
    """Return a machine with alpha 1.0.0 installed, of which there are newer versions, and the newest beta."""
    toolbox = Toolbox(tmp_path)
    (toolbox.root / "plugins").mkdir(parents=True)
    for name, versions in {"alpha": VERSIONS, "beta": ("0.9.0",)}.items():
        path = toolbox.root / "plugins" / f"{name}.json"
        path.write_text(json.dumps(manifest(name, versions)))
    toolbox.install("alpha", "1.0.0", ["alpha"])
    toolbox.install("beta", "0.9.0", ["beta"])
    return toolbox


def statuses(box, *tools):
    return {item.tool: item for item in check_versions(box.context(), tools)}


def specs_of(box, **options):
    progress = RecordingProgress()
    context = box.context()
    context._progress = progress
    return [(item.spec, item.pin.version) for item in upgrade.plan(context, **options)], progress.notes


def test_the_newest_version_of_the_request_and_of_all(box):
    box.request("alpha=^1.0\nbeta=latest\n")
    result = statuses(box)
    alpha, beta = result["alpha"], result["beta"]
    assert (alpha.version, alpha.allowed, alpha.newest) == ("1.0.0", "1.1.0", "2.3.1")
    assert (alpha.has_upgrade, alpha.has_newer) == (True, True)
    assert (beta.version, beta.allowed, beta.newest) == ("0.9.0", "0.9.0", "0.9.0")
    assert (beta.has_upgrade, beta.has_newer) == (False, False)


def test_an_exact_request_allows_no_newer_version(box):
    box.request("alpha=1.0.0\n")
    (alpha,) = statuses(box).values()
    assert (alpha.has_upgrade, alpha.has_newer, alpha.newest) == (False, True, "2.3.1")


def test_the_locked_version_comes_before_the_installed_one(box):
    box.request("alpha=^1.0\n")
    locked = {"1.1.0": {"plugin": f"sha256:{'0' * 64}", "artifacts": {}}}
    lock = {"lockfile": 1, "resolved": {"alpha@^1.0": "1.1.0"}, "tools": {"alpha": locked}}
    (box.project / ".envmgr.lock").write_text(json.dumps(lock))
    (alpha,) = statuses(box).values()
    assert (alpha.version, alpha.installed, alpha.has_upgrade) == ("1.1.0", False, False)


def test_a_version_that_is_missing_or_gone_from_upstream(box):
    box.request("alpha=9\nbeta=0.9\n")
    box.uninstall("beta", "0.9.0")
    result = statuses(box)
    assert (result["alpha"].version, result["alpha"].allowed, result["alpha"].newest) == (None, None, "2.3.1")
    assert (result["beta"].version, result["beta"].has_upgrade) == (None, True)


def test_requests_from_elsewhere_are_left_out_and_each_of_several_is_shown(box):
    box.request("alpha=1.0, 2\nbeta=system\nzig=path:x\n")
    assert [(item.tool, item.spec) for item in check_versions(box.context())] == [
        ("alpha", "1.0"),
        ("alpha", "2"),
    ]


def test_only_named_tools_are_checked(box):
    box.request("alpha=^1.0\nbeta=latest\n")
    assert list(statuses(box, "beta")) == ["beta"]
    with pytest.raises(ProjectError, match=r"zig is not requested here: requested are alpha, beta"):
        check_versions(box.context(), ["zig"])


@pytest.mark.parametrize(
    ("spec", "latest", "expected"),
    [
        ("^1.0", False, ("^1.0", "1.1.0")),
        ("^1.0", True, ("^2.3", "2.3.1")),
        ("1", True, ("2", "2.3.1")),
        ("1.0.0", False, ("1.0.0", "1.0.0")),
        ("1.0.0", True, ("2.3.1", "2.3.1")),
        ("~1.0", True, ("~2.3", "2.3.1")),
        (">=1", True, (">=1", "2.3.1")),
        ("3.0.0-rc.1", True, ("3.0.0-rc.1", "3.0.0-rc.1")),
    ],
)
def test_a_plan_takes_the_newest_version_and_never_an_older_one(box, spec, latest, expected):
    box.request(f"alpha={spec}\n")
    if "rc" in spec:
        box.install("alpha", spec, ["alpha"])
    assert specs_of(box, latest=latest) == ([expected], [])


@pytest.mark.parametrize("spec", [">=1 <2", "1.0 || 1.1", "1.0.0, 1.1.0"])
def test_a_request_that_cannot_be_raised_stays_and_is_named(box, spec):
    box.request(f"alpha={spec}\n")
    result, notes = specs_of(box, latest=True)
    assert [item for item, _ in result] == spec.split(", ")
    assert notes[0].startswith("alpha=")
    assert "excludes 2.3.1 and stays as it is" in notes[0]


def test_without_a_request_there_is_nothing_to_upgrade(box):
    with pytest.raises(ProjectError, match=r"nothing to upgrade: no \.envmgr with tools found"):
        upgrade.plan(box.context(), latest=True)
    assert check_versions(box.context()) == ()


def test_a_variable_is_not_changed(box):
    box.request("alpha=^1.0\n")
    context = box.context(ENVMGR_ALPHA_VERSION="1.0")
    assert [item.spec for item in upgrade.plan(context, latest=True)] == ["1.0"]
