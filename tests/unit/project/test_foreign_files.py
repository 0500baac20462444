"""Files of other version managers are read as their own programs read them."""

from __future__ import annotations

import pytest

from envmgr.project.foreign.entry import ForeignRequest
from envmgr.project.foreign.files import FILES

MISE = """
[tools]
node = "22"
python = ["3.12", "prefix:3.11"]
"npm:prettier" = { version = "3.3.3", postinstall = "x" }
go = 1.20
zig = { os = ["linux"] }
[env]
A = "1"
"""
PACKAGE = """{
  "engines": {"node": ">=18 <21"},
  "volta": {"node": "20.1.0", "yarn": "1.22.0"},
  "devEngines": {"runtime": [{"name": "bun", "version": "1"}, {"name": "node", "version": "^22"}]},
  "packageManager": "pnpm@9.1.0"
}"""


def read(name, text):
    """Return the requests of a file as texts, and the names of what is skipped."""
    entries = list(FILES[name](text))
    requests = {item.tool: item.spec for item in entries if isinstance(item, ForeignRequest)}
    return requests, [item.name for item in entries if not isinstance(item, ForeignRequest)]


@pytest.mark.parametrize(
    ("name", "text", "requests", "skipped"),
    [
        (".tool-versions", "# a\nnodejs 20.1.0 v18.0 # b\n\nzig\n", {"nodejs": "20.1.0, 18.0"}, ["zig"]),
        (".nvmrc", "v20.1.0\n", {"nodejs": "20.1.0"}, []),
        (".nvmrc", "lts/*", {"nodejs": "lts"}, []),
        (".nvmrc", "lts/iron\r\n", {"nodejs": "lts/iron"}, []),
        (".nvmrc", "node", {"nodejs": "latest"}, []),
        (".nvmrc", "\n", {}, ["nodejs"]),
        (".python-version", "3.12\n3.11.4\n", {"python": "3.12, 3.11.4"}, []),
        (".java-version", "temurin-21", {"java": "temurin-21"}, []),
        ("go.mod", "module x\n\ngo 1.21\ntoolchain go1.22.3 // z\n", {"go": "1.22.3"}, []),
        ("go.mod", "module x\ngo 1.21\n", {}, ["go"]),
        (
            "rust-toolchain.toml",
            '[toolchain]\nchannel = "1.75.0"\ncomponents = ["clippy"]\n',
            {"rust": "1.75.0"},
            ["toolchain.components"],
        ),
        (
            "mise.toml",
            MISE,
            {"node": "22", "python": "3.12, 3.11", "npm:prettier": "3.3.3", "go": "1.20"},
            ["npm:prettier", "zig", "[env]"],
        ),
        ("package.json", PACKAGE, {"nodejs": "^22"}, ["volta.yarn", "packageManager"]),
        ("package.json", '{"engines": {"node": ">=18 <21"}}', {"nodejs": ">=18 <21"}, []),
        ("package.json", '{"name": "x", "volta": 1}', {}, []),
    ],
)
def test_requests_are_read_in_this_projects_notation(name, text, requests, skipped):
    assert read(name, text) == (requests, skipped)


def test_a_request_has_its_line():
    (request,) = FILES[".tool-versions"]("\n# a\nzig 0.12.0\n")
    assert request.line == 3


@pytest.mark.parametrize(("name", "text"), [("mise.toml", "[tools"), ("package.json", "{")])
def test_an_invalid_document_is_an_error(name, text):
    with pytest.raises(ValueError, match=r"line 1|end of document"):
        read(name, text)
