"""Proxy selection from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, like curl and Go."""

from __future__ import annotations

from envmgr.kit.errors import ConfigError
from envmgr.kit.http import urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.kit.environment import Environment


def proxy_for(url: str, environment: Environment) -> str | None:
    """Return the proxy's URL, or None for a direct connection; loopback is always direct."""
    parts = urls.split(url)
    name, proxy = _find_configured(parts.scheme, environment)
    if not proxy or urls.is_loopback(url) or _is_exempt(parts.hostname or "", parts.port, environment):
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    if address.partition("://")[0].lower() not in {"http", "https"}:
        raise ConfigError(f"invalid proxy URL in {name}: {urls.redact(address)}", "use http://HOST:PORT")
    return address


def _find_configured(scheme: str, environment: Environment) -> tuple[str, str]:
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            if environment.get(variable):
                return variable, environment.get(variable).strip()
    return "", ""


def _is_exempt(host: str, port: int | None, environment: Environment) -> bool:
    entries = (environment.get("no_proxy") or environment.get("NO_PROXY")).replace(",", " ").split()
    return any(_is_covered(entry.lower(), host, port) for entry in entries)


def _is_covered(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if _address(host) is not None:
        return _is_address_covered(entry, host, port)
    name, _, expected_port = entry.partition(":")
    domain = name.removeprefix("*").removeprefix(".")
    same_port = not expected_port or expected_port == str(port)
    return bool(domain) and same_port and (host == domain or host.endswith(f".{domain}"))


def _is_address_covered(entry: str, host: str, port: int | None) -> bool:
    """Return whether an entry (address, address with port, or network) matches."""
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return entry in {f"{host}:{port}", f"[{host}]:{port}"}


def _address(host: str) -> object | None:
    import ipaddress

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
