"""The packages that the documentation uses, on a local server."""

from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256, sha512
from typing import TYPE_CHECKING

from support.archives import archive_builder
from support.registries.package_registries import packument, simple_json

if TYPE_CHECKING:
    from support.http.fault_server import Server

WHEEL_PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_10_12_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
    "win_arm64",
)


def publish_ruff(server: Server, *versions: str) -> dict[str, str]:
    """Serve wheels of every platform; return the variables that let pip's index be this one."""
    files = []
    for version in versions:
        script = f"#!/bin/sh\necho ruff {version}\n".encode()
        content = archive_builder.zipped({f"ruff-{version}.data/scripts/ruff": script})
        for platform in WHEEL_PLATFORMS:
            name = f"ruff-{version}-py3-none-{platform}.whl"
            url = server.add(f"/files/{name}", content)
            files.append({"filename": name, "url": url, "hashes": {"sha256": sha256(content).hexdigest()}})
    index = simple_json(server, "ruff", files)
    return {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index}


def publish_prettier(server: Server, version: str) -> dict[str, str]:
    """Serve a package with a script for node; return the variables that let npm's registry be this one."""
    content = archive_builder.tar({"package/prettier.cjs": b"#!/usr/bin/env node\n"})
    integrity = f"sha512-{b64encode(sha512(content).digest()).decode()}"
    dist = {"tarball": server.add("/prettier.tgz", content), "integrity": integrity}
    fields = {"version": version, "bin": {"prettier": "prettier.cjs"}, "dist": dist}
    return {"NPM_CONFIG_REGISTRY": packument(server, "prettier", fields)}
