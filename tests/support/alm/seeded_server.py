"""A server with the apps of a team, and a machine whose user is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.alm.git_repository import QUIET, commit, repository
from support.machine.sandbox import Sandbox
from support.server.server_process import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from support.http.fault_server import Server

LOCK = '{{\n  "nodejs": "{nodejs}",\n  "python": "{python}"\n}}\n'
DOTFILE = "nodejs=^20\npython=^3\n"
OLD, NEW = {"nodejs": "20.9.0", "python": "3.11.9"}, {"nodejs": "20.11.1", "python": "3.11.7"}


class World:
    """Shop 1.3 is in prod, 1.4 in dev and staging, failed in prod; billing has no lock, idle no version."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = repository(root / "shop")
        self.commits = [commit(self.tree, "Sell"), commit(self.tree, "Sell more")]
        self.daemon = Daemon(root)
        self._admin = ""

    def start(self) -> World:
        self.daemon.start()
        self._admin = self.token()
        self._request("POST", "/apps", {"name": "shop", "description": "Sells"})
        self._request("POST", "/apps", {"name": "billing"})
        self._request("POST", "/apps", {"name": "idle"})
        old, new = (
            self._version("shop", tag, commit=revision, toolchain=toolchain(tools))
            for tag, revision, tools in (("1.3", self.commits[0], OLD), ("1.4", self.commits[1], NEW))
        )
        billing = self._version("billing", "2.0")
        for version, environment in ((old, "prod"), (new, "dev"), (new, "staging"), (billing, "prod")):
            self._deploy(version, environment, "successful")
        self._deploy(new, "prod", "failed", "health check")
        return self

    def machine(self, root: Path, server: Server) -> Sandbox:
        """Return a machine in the shop's repository, with the token of an administrator."""
        sandbox = Sandbox(root / "a machine's root $x", server)
        url = f"http://127.0.0.1:{self.daemon.port}"
        sandbox.variables |= {**QUIET, "ENVMGR_ALM_URL": url, "ENVMGR_ALM_TOKEN": self.token()}
        return sandbox

    def token(self) -> str:
        return self.daemon.login()["access_token"]

    def _version(self, app: str, tag: str, **fields: object) -> int:
        return self._request("PUT", f"/apps/{app}/versions/{tag}", fields)["id"]

    def _deploy(self, version: int, environment: str, status: str, reason: str = "") -> None:
        deployment = self._request(
            "POST", "/deployments", {"version_id": version, "environment": environment, "reason": reason}
        )
        for step in ("in_progress", status):
            self._request("POST", f"/deployments/{deployment['id']}/statuses", {"status": step})

    def _request(self, method: str, path: str, body: object) -> dict:
        with self.daemon.wire(self._admin) as wire:
            reply = wire.ask(method, path, body)
        assert reply.status in {200, 201}, reply.text
        return reply.json


def toolchain(tools: dict[str, str]) -> dict[str, str]:
    return {"lock": LOCK.format(**tools), "dotfile": DOTFILE}
