"""A package index on a local server (PEP 503), where every pinned project has a newer release."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import os
import re
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from support.http.fault_server import File

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from support.http.fault_server import Server

NEWER = "9999.0"


def project_name(wheel: Path) -> str:
    """Return the normalized project name of a wheel."""
    return canonicalize_name(wheel.name.partition("-")[0])


def newer_release(wheel: Path, folder: Path) -> Path:
    """Create a newer release of a wheel's project: the same metadata, no content, for every platform."""
    stem = f"{wheel.name.partition('-')[0]}-{NEWER}"
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [
            name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)
        ]
        text = re.sub(r"(?m)^Version: .*$", f"Version: {NEWER}", archive.read(metadata).decode(), count=1)
    files = {
        f"{stem}.dist-info/METADATA": text,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, f"{stem}.dist-info/RECORD": _record(files, stem)}.items():
            archive.writestr(name, content)
    return path


def _record(files: dict[str, str], stem: str) -> str:
    rows = io.StringIO()
    csv.writer(rows).writerows([*([name, "", ""] for name in files), [f"{stem}.dist-info/RECORD", "", ""]])
    return rows.getvalue()


def serve_index(server: Server, wheels: Iterable[Path]) -> str:
    """Serve a page for each project with its wheels; return the index's URL."""
    pages: dict[str, list[str]] = {}
    for wheel in wheels:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        server.add(f"/files/{wheel.name}", File(wheel))
        link = f'<a href="/files/{html.escape(wheel.name)}#sha256={digest}">{html.escape(wheel.name)}</a>'
        pages.setdefault(project_name(wheel), []).append(link)
    for project, links in pages.items():
        server.add(f"/simple/{project}/", "\n".join(links), {"Content-Type": "text/html"})
    return f"{server.url}/simple/"


def settings_of_pip(index: str) -> dict[str, str]:
    """Return the environment for a pip that is configured for one index only."""
    others = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("PIP_", "MAKE"))
    }
    return {
        **others,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index,
        "PIP_COMPILE": "0",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NO_PROXY": "127.0.0.1",
    }
