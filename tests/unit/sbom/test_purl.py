"""Package URLs name the registry that a tool comes from, in the registry's own spelling."""

from __future__ import annotations

import pytest
from packageurl import PackageURL

from envmgr.sbom.purl import purl_of

GITHUB = {"kind": "github", "repo": "Owner/Repo.js"}
RELEASE = "https://github.com/Owner/Repo.js/releases/download/tool%2Fv1.2.0/tool.tar.gz"


@pytest.mark.parametrize(
    ("tool", "version", "source", "urls", "expected"),
    [
        ("pypi:Ruff", "0.1", {"kind": "pypi", "package": "My_Ruff.x"}, [], "pkg:pypi/my-ruff-x@0.1"),
        ("npm:a", "1", {"kind": "npm", "package": "@Scope/Name"}, [], "pkg:npm/%40scope/name@1"),
        ("gh", "1.2.0", GITHUB, [RELEASE], "pkg:github/owner/repo.js@tool%2Fv1.2.0"),
        ("gh", "1.2.0", GITHUB, ["https://example.org/x"], "pkg:generic/gh@1.2.0"),
        ("java", "temurin-21.0.1+12", {"kind": "index"}, [], "pkg:generic/java@temurin-21.0.1%2B12"),
        ("github:a/b", "1", {}, [], "pkg:generic/github/a/b@1"),
    ],
)
def test_a_purl_names_the_registry_of_a_tool(tool, version, source, urls, expected):
    purl = purl_of(tool, version, source, urls)
    assert purl == expected
    assert PackageURL.from_string(purl) == PackageURL.from_string(unquote_version(purl))


def unquote_version(purl):
    """Return a package URL as the reference implementation writes it, which leaves `/` in versions."""
    name, _, version = purl.rpartition("@")
    return f"{name}@{version.replace('%2F', '/')}"
