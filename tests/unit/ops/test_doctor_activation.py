"""Findings of `doctor` about PATH and start files where shells are activated."""

from __future__ import annotations

import sys

import pytest

from envmgr.ops import doctor
from support.machine.installed_tools import Toolbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")


@pytest.fixture
def box(tmp_path):
    """Return an installed tool with a shim."""
    box = Toolbox(tmp_path)
    box.install("nodejs", "20.1.0", ["node"])
    box.reshim()
    return box


def findings(box, check, **variables):
    """Return the state and message of each finding of a check."""
    return [(item.state, item.message) for item in doctor.CHECKS[check](box.context(**variables))]


def bin_dir(box):
    return f"{box.paths.install('nodejs', '20.1.0')}/bin"


def test_directories_of_an_activated_shell_hide_no_shims(box):
    path = f"{bin_dir(box)}:{box.paths.shims}:/usr/bin"
    assert findings(box, "path", PATH=path)[0][0] == doctor.WARNING
    assert findings(box, "path", PATH=path, __ENVMGR_FRONT=bin_dir(box)) == [
        (doctor.OK, "shims are first on PATH")
    ]


def test_an_activated_shell_needs_no_shims_on_path(box):
    assert findings(box, "path", PATH="/usr/bin")[0][0] == doctor.WARNING
    assert findings(box, "path", PATH="/usr/bin", __ENVMGR_FRONT=bin_dir(box))[0][0] == doctor.OK
    (box.directory / ".zshrc").write_text('eval "$(envmgr activate zsh)"\n')
    assert findings(box, "path", PATH="/usr/bin", SHELL="/bin/zsh")[0][0] == doctor.OK
    assert findings(box, "path", PATH="/usr/bin", SHELL="/bin/bash")[0][0] == doctor.WARNING


def test_start_files_that_activate_a_shell_are_named(box):
    assert findings(box, "activation") == [(doctor.OK, "not set up (optional: `envmgr setup SHELL`)")]
    assert findings(box, "activation", __ENVMGR_FRONT="/x/bin") == [(doctor.OK, "this shell is activated")]
    (box.directory / ".zshrc").write_text('eval "$(envmgr activate zsh)"\n')
    assert findings(box, "activation") == [(doctor.OK, f"set up: zsh ({box.directory}/.zshrc)")]
