"""Integrity checks of installations."""

from __future__ import annotations

import hashlib
import os

from envmgr.install import file_list, receipt
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import storage_errors


@frozen
class TreeSummary:
    """Summary of a file list for the receipt: entries, bytes, and the digest of the list."""

    count: int
    bytes: int
    digest: str


def write_file_list(directory: str) -> TreeSummary:
    """Write the file list of a tree, line by line: it may be long."""
    count = size = 0
    digest = hashlib.sha256()
    path = os.path.join(directory, receipt.FILES)
    with storage_errors(directory), open(path, "wb") as file:
        for line in file_list.of_tree(directory):
            text = os.fsencode(f"{line}\n")
            digest.update(text)
            file.write(text)
            if not line.mode.startswith("04"):
                count += 1
                size += line.size
    return TreeSummary(count, size, f"sha256:{digest.hexdigest()}")


def verify_tree(directory: str) -> tuple[str, ...]:
    """Return a message for each difference between a tree and its receipt and file list."""
    recorded = receipt.read(directory)
    if recorded is None:
        return (f"{receipt.RECEIPT} is missing or unreadable",)
    content = _sidecar(directory)
    if content is None:
        return (f"{receipt.FILES} is missing or unreadable",)
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != recorded.files_digest:
        return (f"{receipt.FILES} was modified",)
    with storage_errors(directory):
        return file_list.differences(file_list.parse(os.fsdecode(content)), directory)


def _sidecar(directory: str) -> bytes | None:
    try:
        with open(os.path.join(directory, receipt.FILES), "rb") as file:
            return file.read()
    except OSError:
        return None
