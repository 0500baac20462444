"""`envmgr plugin test`: a tool installed into a scratch directory, and its check command."""

from __future__ import annotations

import pytest

from support.http.fault_server import Server
from support.machine.sandbox import Sandbox


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """Yield a machine with a tool that requires another one."""
    with Server() as server:
        box = Sandbox(tmp_path_factory.mktemp("plugin-test") / "root", server)
        box.publish("alpha", commands=("helper", "alpha"))
        box.publish("beta", ("0.9.0",))
        box.variables["TMPDIR"] = str(box.root / "tmp")
        (box.root / "tmp").mkdir()
        yield box


@pytest.mark.parametrize(
    ("spec", "expect", "code", "text"),
    [
        ("", "alpha {version}", 0, "alpha 2.0.0 works"),
        (
            "@1",
            "alpha 2",
            1,
            "`alpha --version` exited with 0 (expected 'alpha 2' in its output)\n  alpha 1.1.0",
        ),
    ],
)
def test_the_output_of_the_check_must_have_what_is_expected(box, spec, expect, code, text):
    manifest = box.manifest("alpha", ("helper", "alpha"))
    box.add_manifest({**manifest, "requires": ["beta"], "check": {"args": ["--version"], "expect": expect}})
    result = box.run("plugin", "test", f"alpha{spec}")
    assert result.code == code
    assert text in result.out + result.err
    assert not (box.home / "installs").exists()
    assert list((box.root / "tmp").iterdir()) == []
