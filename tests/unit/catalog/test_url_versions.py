"""Versions in URLs of archives."""

from __future__ import annotations

import pytest

from envmgr.catalog import manifest_reader, url_versions
from envmgr.kit.platform import parse

TEMPLATE = {"versions_url": "https://x/index.json", "bin": ["x"]}
BASE = "https://x/v{version}/x-{version}-{os}-{arch}.{ext}"
GITHUB = {"source": {"kind": "github", "repo": "o/x"}}
NPM = {"source": {"kind": "npm", "package": "@s/x"}}
PYPI = {"source": {"kind": "pypi", "package": "x"}}


@pytest.mark.parametrize(
    ("fields", "url", "expected"),
    [
        ({**TEMPLATE, "download_url_template": BASE}, "https://x/v1.2/x-1.2-linux-x64.tar.gz", "1.2"),
        ({**TEMPLATE, "download_url_template": BASE}, "https://x/v1.2/x-1.3-linux-x64.tar.gz", None),
        ({**TEMPLATE, "download_url_template": BASE}, "https://x/v1.2/x-1.2-macos-x64.tar.gz", None),
        ({**TEMPLATE, "download_url_template": BASE}, "https://mine/v1.2/x-1.2-linux-x64.tar.gz", None),
        ({**TEMPLATE, "download_url_template": "https://x/{tag}/x.zip"}, "https://x/v2.0/x.zip", "2.0"),
        ({**TEMPLATE, "download_url_template": "https://x/{tag}/x.zip"}, "https://x/release-9/x.zip", None),
        ({**TEMPLATE, "download_url_template": "https://x/{major}/x.zip"}, "https://x/2/x.zip", None),
        (GITHUB, "https://github.com/o/x/releases/download/v2.0/x-linux", "2.0"),
        (GITHUB, "https://github.com/other/x/releases/download/v2.0/x-linux", None),
        (NPM, "npm:@s/x/2.0.0", "2.0.0"),
        (NPM, "npm:@s/x-linux-x64/2.0.0", None),
        (NPM, "https://x/2.0.0", None),
        (NPM, "pypi:@s/x/2.0.0", None),
        (NPM, "x:@s/x/2.0.0", None),
        (PYPI, "pypi:x/x-2.0-py3-none-manylinux_2_17_x86_64.whl", "2.0"),
        (PYPI, "pypi:x/x-2.0.tar.gz", None),
        (PYPI, "https://x/x-2.0-py3-none-manylinux_2_17_x86_64.whl", None),
        (PYPI, "npm:x/x-2.0-py3-none-manylinux_2_17_x86_64.whl", None),
    ],
)
def test_the_version_is_read_from_a_url_by_the_template(fields, url, expected):
    manifest = manifest_reader.build({"name": "x", **fields}, "x.json")
    assert url_versions.version_of_url(manifest, "1.0", parse("linux-x64"), url) == expected
