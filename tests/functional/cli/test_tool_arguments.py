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


def test_the_help_of_uninstall_says_when_it_asks(sandbox):
    assert "--yes" in sandbox.ok("uninstall", "--help").out
