"""Name of envmgr's distribution, and what installs it again."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRIBUTION = "envmgr-toolchain"
"""The name of the project in `pyproject.toml`, a test compares them; the command and the package are `envmgr`."""


def requirement(*extras: str) -> str:
    """Return a requirement (PEP 508) for this distribution with extras, from where it was installed."""
    name = f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION
    url = _direct_url()
    return f"{name} @ {url}" if url else name


def _direct_url() -> str:
    """Return where this was installed from; nothing for an index, or where it runs without being installed."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    return _url(json.loads(text)) if text else ""


def _url(origin: Mapping[str, object]) -> str:
    """Return the URL of a recorded origin (PEP 610), as a requirement spells it."""
    url, vcs = str(origin["url"]), origin.get("vcs_info")
    return f"{vcs['vcs']}+{url}" if isinstance(vcs, dict) else url
