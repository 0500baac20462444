"""Arguments that are no tools are answered with the form to write, by every command that takes tools."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "words",
    [
        ["install"],
        ["use"],
        ["where"],
        ["why"],
        ["current"],
        ["list"],
        ["list", "--remote"],
        ["uninstall"],
        ["exec"],
    ],
    ids=" ".join,
)
def test_a_version_in_place_of_a_tool(sandbox, words):
    for text, hint in (
        ("latest:20", "write TOOL@latest:20"),
        ("file:/x", "write TOOL@VERSION, or a package"),
    ):
        more = ["--", "true"] if words == ["exec"] else []
        result = sandbox.run(*words, text, *more)
        assert (result.code, hint in result.err) == (2, True), result
    assert sandbox.server.requests == []


@pytest.mark.parametrize("spec", ["latest:1", "prefix:1", "1", "^1", ">=1 <2"])
@pytest.mark.parametrize("command", ["use", "install"])
def test_a_spec_of_every_form_is_an_argument_of_its_own(sandbox, command, spec):
    sandbox.publish("alpha", ("1.0.0", "1.1.0", "2.0.0"))
    assert "1.1.0" in sandbox.ok(command, "alpha", spec).err
    assert "1.1.0" in sandbox.ok("list", "alpha").out


def test_a_directory_is_an_argument_of_its_own(sandbox):
    sandbox.publish("alpha", ("1.0.0",))
    bin_directory = sandbox.root / "mine" / "bin"
    bin_directory.mkdir(parents=True)
    sandbox.ok("use", "alpha", f"path:{sandbox.root}/mine")
    assert (sandbox.project / ".envmgr").read_text() == f"alpha=path:{sandbox.root}/mine\n"


@pytest.mark.parametrize("version", ["latest", "1", "^1.0.0"])
def test_a_url_needs_a_full_version(sandbox, version):
    sandbox.publish("alpha", ("1.0.0",))
    result = sandbox.run("install", "alpha", version, "https://example.org/alpha-1.0.0.tar.gz")
    assert result.code == 2
    assert f"error: '{version}' is not a full version" in result.err
    assert "hint: use `envmgr install alpha 1.2.3 https://example.org/" in result.err
