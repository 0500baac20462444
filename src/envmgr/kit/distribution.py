"""Name of envmgr's distribution, and requirements that install it again."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import Distribution

DISTRIBUTION = "envmgr-toolchain"
"""The project's name in `pyproject.toml`; the command and the package are `envmgr`."""


def requirement(*extras: str) -> str:
    """Return a requirement (PEP 508) for this distribution with extras, from where it was installed."""
    name = f"{DISTRIBUTION}[{','.join(extras)}]" if extras else DISTRIBUTION
    return f"{name} @ {_direct_url() or _checkout_url() or _wheel_url()}"


def _direct_url() -> str:
    """Return the URL that the installer recorded, or an empty string."""
    import json

    distribution = installed_distribution()
    text = distribution.read_text("direct_url.json") if distribution else None
    return _url(json.loads(text)) if text else ""


def installed_distribution() -> Distribution | None:
    """Return the metadata of this distribution, or None if it was not installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def _url(origin: Mapping[str, object]) -> str:
    """Return the URL of a recorded origin (PEP 610), in requirement syntax."""
    url, vcs = str(origin["url"]), origin.get("vcs_info")
    return f"{vcs['vcs']}+{url}" if isinstance(vcs, dict) else url


def _checkout_url() -> str:
    """Return the URL of the checkout that this package runs from, or an empty string."""
    from pathlib import Path

    directory = checkout_directory()
    return Path(directory).as_uri() if directory else ""


def checkout_directory() -> str:
    """Return the directory of the checkout that this package runs from, or an empty string."""
    from pathlib import Path

    root = Path(__file__).resolve().parents[3]
    try:
        is_checkout = f'name = "{DISTRIBUTION}"' in (root / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return ""
    return str(root) if is_checkout else ""


def _wheel_url() -> str:
    """Return the URL of the wheel as `make dist` names it, with a placeholder for its directory."""
    from envmgr import __version__

    # The index has no release: a bare name could install another project's package.
    return f"file:///DIRECTORY/{DISTRIBUTION.replace('-', '_')}-{__version__}-py3-none-any.whl"
