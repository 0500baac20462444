"""Fixtures of every test: a clean environment, no network but loopback, and local servers."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support.http.fault_server import Authority, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.module_scheduling import ModuleScheduling


# Collection creates millions of objects that stay: looking through them for garbage takes a third of its time, and most
# of that of a small test later. `pytest_collection` turns it on again.
gc.disable()

# gRPC restarts its threads in a process that is forked to run a program, where they abort it now and then.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
_TOKENS = {"GITHUB_TOKEN", "GH_TOKEN", "CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "NETRC"}
_CLIENTS = ("SSL_CERT_", "REQUESTS_CA_", "PIP_", "NPM_CONFIG_", "NODE_")

# The time that an example takes depends more on the load of the machine than on the code.
settings.register_profile(
    "envmgr", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("quick", settings.get_profile("envmgr"), max_examples=25)
settings.load_profile("envmgr")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ModuleScheduling | None:
    """Return the distribution of tests to workers, unless another one is chosen."""
    from support.module_scheduling import ModuleScheduling

    return ModuleScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run first what takes longest: it would be waited for if it began last."""
    from support.module_scheduling import module_of, rank

    items.sort(key=lambda item: rank(module_of(item.nodeid)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Leave what the collection created out of the search for garbage."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def clean_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Isolate tests from the user's home and settings, but for package clients under `registries`."""
    keeps_clients = request.node.get_closest_marker("registries") is not None
    if keeps_clients:
        _point_clients_at_real_home(monkeypatch)
    for name in list(os.environ):
        if _is_cleared(name.upper(), keeps_clients):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name, folder in _PLACES.items():
        monkeypatch.setenv(name, str(home / folder))


_PLACES = {
    "ENVMGR_HOME": "envmgr",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
    "XDG_RUNTIME_DIR": ".run",
    "APPDATA": "AppData/Roaming",
    "LOCALAPPDATA": "AppData/Local",
}


def _is_cleared(name: str, keeps_clients: bool) -> bool:
    if name.startswith("ENVMGR_") or name in _TOKENS:
        return True
    return not keeps_clients and (name in _PROXIES or name.startswith(_CLIENTS))


def _point_clients_at_real_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the configuration files of pip and npm to those below HOME, before HOME changes."""
    files = {
        "NPM_CONFIG_USERCONFIG": ("~/.npmrc",),
        "PIP_CONFIG_FILE": ("~/.config/pip/pip.conf", "~/.pip/pip.conf"),
    }
    for name, paths in files.items():
        matches = [path for path in map(os.path.expanduser, paths) if os.path.isfile(path)]
        if matches and name not in os.environ:
            monkeypatch.setenv(name, matches[0])


_network = {"closed": False}


def _refuse_network(event: str, arguments: tuple[object, ...], network: dict[str, bool] = _network) -> None:
    """Raise an error when this process connects to another machine.

    An audit hook cannot be removed, and runs even when the interpreter has cleared the names of this module.
    """
    if not network["closed"] or event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    address = arguments[1] if event == "socket.connect" else arguments
    host = address[0] if isinstance(address, tuple) else None
    if isinstance(host, bytes):
        host = host.decode()
    if isinstance(host, str) and not (host in {"localhost", "::1", ""} or host.startswith("127.")):
        raise RuntimeError(f"a test reached for the network: {host}")


sys.addaudithook(_refuse_network)


def _reset_signals() -> None:
    """Restore signals that a background shell or `nohup` ignored, as child processes inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.SIG_DFL)


_reset_signals()


@pytest.fixture(autouse=True)
def closed_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Restrict tests to the loopback network, unless they are marked `registries`."""
    _network["closed"] = request.node.get_closest_marker("registries") is None
    yield
    _network["closed"] = False


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a local HTTP server."""
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return a certificate authority that no other trust store contains."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Server]:
    """Yield a local HTTPS server with a certificate from `authority`."""
    with Server(authority) as running:
        yield running
