"""Installations without the installer, so that nothing is downloaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install import receipt
from envmgr.install.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping


def create_installation(directory: str, tool: str, version: str, env: Mapping[str, str]) -> str:
    """Create an installation of a tool; return its directory of programs."""
    bin_dir = os.path.join(directory, "bin")
    os.makedirs(bin_dir)
    new_receipt = Receipt(
        tool=tool,
        version=version,
        url="https://example.invalid/",
        sha256="0" * 64,
        size=1,
        plugin="sha256:" + "0" * 64,
        platform="linux-x64",
        installed_at="2026-01-01T00:00:00Z",
        bin_dirs=("bin",),
        home="",
        env=dict(env),
        files=1,
        bytes=1,
        files_digest="",
    )
    receipt.write(directory, new_receipt)
    return bin_dir
