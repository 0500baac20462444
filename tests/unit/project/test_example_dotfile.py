"""The example that ships with envmgr."""

from __future__ import annotations

from pathlib import Path

from envmgr.project.dotfile import decode, parse

EXAMPLE = Path(__file__).parents[3] / ".envmgr.example"


def test_the_example_has_the_documented_requests():
    file = parse(decode(EXAMPLE.read_bytes(), str(EXAMPLE)), str(EXAMPLE))
    assert {entry.tool: entry.specs for entry in file.entries} == {
        "nodejs": ("20.1.0",),
        "python": ("^3.12.0",),
        "zig": ("0.12",),
        "go": (">=1.22, <1.24",),
        "java": ("temurin-21",),
        "ruby": ("3.3", "3.2"),
        "pypi:ruff": ("~0.15",),
        "npm:@biomejs/biome": ("latest",),
        "github:cli/cli": ("2",),
        "jq": ("system",),
        "uv": ("path:../tools/uv",),
    }
