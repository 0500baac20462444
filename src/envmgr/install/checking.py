"""Whether an installation still is what was installed."""

from __future__ import annotations

import hashlib
import os

from envmgr.install import listing, receipt
from envmgr.kit.fs import make_dir, translating, write_atomic
from envmgr.kit.value import frozen


@frozen
class Sum:
    """A listing summed up for the receipt: files and links, their bytes, and the listing's own digest."""

    count: int
    bytes: int
    digest: str


def record(directory: str) -> Sum:
    """List a tree in its sidecar."""
    make_dir(directory)
    with translating(directory):
        lines = list(listing.of_tree(directory))
    content = os.fsencode("".join(f"{line}\n" for line in lines))
    write_atomic(os.path.join(directory, receipt.FILES), content)
    files = [line for line in lines if not line.mode.startswith("04")]
    return Sum(len(files), sum(line.size for line in files), f"sha256:{hashlib.sha256(content).hexdigest()}")


def check(directory: str) -> tuple[str, ...]:
    """Compare a tree with its receipt and sidecar: one message for each difference."""
    found = receipt.read(directory)
    if found is None:
        return (f"{receipt.RECEIPT} is missing or cannot be read",)
    content = _sidecar(directory)
    if content is None:
        return (f"{receipt.FILES} is missing or cannot be read",)
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != found.files_digest:
        return (f"{receipt.FILES} is not the one that was written",)
    with translating(directory):
        return listing.differences(listing.parse(os.fsdecode(content)), directory)


def _sidecar(directory: str) -> bytes | None:
    try:
        with open(os.path.join(directory, receipt.FILES), "rb") as file:
            return file.read()
    except OSError:
        return None
