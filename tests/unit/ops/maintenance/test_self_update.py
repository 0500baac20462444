"""The commands that update envmgr, by what installed it and from where."""

from __future__ import annotations

import json
import shlex

import pytest

from envmgr.kit.distribution import DISTRIBUTION
from envmgr.kit.frozen import replace
from envmgr.ops.maintenance.self_update import Installation, Origin, advise, advise_for, parse_origin

WHEEL = Origin("file:///tmp/a.whl")
VCS = Origin("https://git.example/envmgr", vcs="git")
STABLE = {"url": VCS.url, "vcs_info": {"vcs": "git", "commit_id": "1", "requested_revision": "stable"}}
DIRECTORY = Origin("file:///home/you/my%20envmgr", is_directory=True)
PIP = Installation("/v/bin/python", "/v", True, frozenset({"bin", "pyvenv.cfg"}), "pip", Origin())
PIPX = replace(PIP, files=frozenset({"pipx_metadata.json", "bin"}))
UV_TOOL = replace(PIP, files=frozenset({"uv-receipt.toml", "bin"}), installer="uv")
SYSTEM = replace(PIP, prefix="/usr", is_virtual=False, files=frozenset())
PULL = "git -C '/home/you/my envmgr' pull --ff-only"


@pytest.mark.parametrize(
    ("installation", "commands"),
    [
        (PIP, ["/v/bin/python -m pip install --upgrade DIST"]),
        (replace(PIP, origin=WHEEL), ["/v/bin/python -m pip install --upgrade NEW_WHEEL"]),
        (
            replace(PIP, origin=VCS),
            ["/v/bin/python -m pip install --upgrade 'DIST @ git+https://git.example/envmgr'"],
        ),
        (
            replace(PIP, origin=parse_origin(json.dumps(STABLE))),
            ["/v/bin/python -m pip install --upgrade 'DIST @ git+https://git.example/envmgr@stable'"],
        ),
        (
            replace(PIP, origin=DIRECTORY),
            [PULL, "/v/bin/python -m pip install --upgrade '/home/you/my envmgr'"],
        ),
        (replace(PIP, installer="uv"), ["uv pip install --python /v/bin/python --upgrade DIST"]),
        (PIPX, ["pipx upgrade DIST"]),
        (replace(PIPX, origin=VCS), ["pipx upgrade DIST"]),
        (replace(PIPX, origin=WHEEL), ["pipx install --force NEW_WHEEL"]),
        (replace(PIPX, origin=DIRECTORY), [PULL, "pipx upgrade DIST"]),
        (UV_TOOL, ["uv tool upgrade DIST"]),
        (replace(UV_TOOL, origin=WHEEL), ["uv tool install --force NEW_WHEEL"]),
        (replace(UV_TOOL, origin=DIRECTORY), [PULL, "uv tool upgrade --reinstall DIST"]),
        (replace(PIP, files=frozenset({"conda-meta"}), installer="conda"), ["conda update DIST"]),
        (replace(SYSTEM, installer="debian"), ["sudo apt install --only-upgrade DIST"]),
        (replace(SYSTEM, installer="rpm"), ["sudo dnf upgrade DIST"]),
        (replace(SYSTEM, prefix="/opt/homebrew/Cellar/envmgr/1/libexec"), ["brew upgrade DIST"]),
        (SYSTEM, ["/v/bin/python -m pip install --upgrade DIST"]),
        (
            replace(PIPX, checkout="/src/envmgr"),
            ["git -C /src/envmgr pull --ff-only", "/v/bin/python -m pip install --editable /src/envmgr"],
        ),
    ],
)
def test_the_installer_and_the_origin_decide(installation, commands):
    advice = advise_for(installation)
    expected = [line.replace("DIST", DISTRIBUTION) for line in commands]
    assert [shlex.join(command) for command in advice.commands] == expected


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"url": "file:///a.whl", "archive_info": {}}, "archive"),
        ({"url": "https://a.example/r", "vcs_info": {"vcs": "git", "commit_id": "1"}}, "vcs"),
        ({"url": "file:///src", "dir_info": {}}, "directory"),
        ({"url": "file:///src", "dir_info": {"editable": True}}, "editable"),
        (None, "index"),
    ],
)
def test_the_recorded_url_names_the_origin(document, kind):
    assert parse_origin(json.dumps(document) if document else None).kind == kind


def test_this_checkout_is_updated_with_git():
    advice = advise()
    assert (advice.installer, advice.origin) == ("git", "checkout")
    assert advice.commands[0][:2] == ("git", "-C")
