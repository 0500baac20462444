"""Name of envmgr's distribution, and the requirement that reinstalls it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRIBUTION = "envmgr-toolchain"
"""The project's name in `pyproject.toml`; the command and the package are `envmgr`."""


def requirement(*extras: str) -> str:
    """Return a requirement (PEP 508) for this distribution with extras, from where it was installed."""
    name = f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION
    url = _direct_url()
    return f"{name} @ {url}" if url else name


def _direct_url() -> str:
    """Return the URL envmgr was installed from; empty for an index or a source tree."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    return _url(json.loads(text)) if text else ""


def _url(origin: Mapping[str, object]) -> str:
    """Return the URL of a recorded origin (PEP 610), in requirement syntax."""
    url, vcs = str(origin["url"]), origin.get("vcs_info")
    return f"{vcs['vcs']}+{url}" if isinstance(vcs, dict) else url
