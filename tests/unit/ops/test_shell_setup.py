"""Shells that find the programs of installed tools."""

from __future__ import annotations

import sys

import pytest

from envmgr.ops import shell_setup
from support.machine.installed_tools import Toolbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PATH": "/usr/bin"}, False),
        ({"PATH": "/usr/bin:{shims}"}, True),
        ({"PATH": "/usr/bin", "__ENVMGR_FRONT": "/tools/bin"}, True),
        ({"PATH": "/usr/bin", "SHELL": "/bin/zsh"}, True),
        ({"PATH": "/usr/bin", "SHELL": "/bin/bash"}, False),
    ],
)
def test_programs_are_found_through_the_shims_or_as_the_shell_is_activated(tmp_path, variables, expected):
    box = Toolbox(tmp_path)
    (box.directory / ".zshrc").write_text('eval "$(envmgr activate zsh)"\n')
    variables = {name: value.format(shims=box.paths.shims) for name, value in variables.items()}
    assert shell_setup.can_find_programs(box.context(**variables)) is expected
