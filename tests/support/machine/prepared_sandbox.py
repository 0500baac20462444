"""A machine with one tool installed and locked, and a request for another that fails to install."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from support.machine.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from support.http.fault_server import Server
    from support.machine.sandbox import Result

INDEX = "/alpha/index.json"
SUMS = "/alpha/1.0.0/SHA256SUMS"
DOTFILE = "beta=1.2.0\nalpha=^1.0\n"


class PreparedSandbox:
    """A sandbox in which beta 1.2.0 runs; `again` undoes everything about alpha."""

    def __init__(self, root: Path, server: Server) -> None:
        self.sandbox = Sandbox(root, server, {"ENVMGR_HTTP_RETRIES": "0", "ENVMGR_HTTP_TIMEOUT": "60"})
        self.sandbox.publish("beta", ("1.2.0",))
        self.sandbox.write("beta=1.2.0")
        self.sandbox.ok("install")
        self._lock = (self.sandbox.project / ".envmgr.lock").read_bytes()

    def again(self, **publishing: object) -> None:
        """Remove alpha except for the project's request, and publish it again."""
        for directory in ("installs/alpha", "cache", "logs", "staging"):
            shutil.rmtree(self.sandbox.home / directory, ignore_errors=True)
        (self.sandbox.project / ".envmgr").write_text(DOTFILE)
        (self.sandbox.project / ".envmgr.lock").write_bytes(self._lock)
        self.sandbox.publish("alpha", ("1.0.0",), **publishing)
        self.sandbox.server.requests.clear()

    @property
    def archive(self) -> str:
        """The URL of this machine's archive of alpha."""
        from envmgr.kit.platform import current

        key = current().key
        return f"/alpha/1.0.0/alpha-1.0.0-{key}.tar.gz"

    def fails(self, *arguments: str, code: int = 1, **options: object) -> Result:
        """Run envmgr, which must report an error and lose nothing."""
        result = self.sandbox.run(*(arguments or ("install",)), **options)
        assert result.code == code, result
        assert "Traceback" not in result.out + result.err, result
        self.check_nothing_lost()
        return result

    def check_nothing_lost(self) -> None:
        """Check that the installed tool still runs, and that nothing is incomplete."""
        machine = self.sandbox
        installs = machine.home / "installs"
        assert [str(path.relative_to(installs)) for path in sorted(installs.glob("*/*"))] == ["beta/1.2.0"]
        assert machine.incomplete() == []
        assert machine.staged() == []
        assert (machine.project / ".envmgr").read_text() == DOTFILE
        assert (machine.project / ".envmgr.lock").read_bytes() == self._lock
        assert machine.command(["beta"]).out == "beta 1.2.0\n"

    def recovers(self) -> None:
        """Run envmgr again, which must succeed."""
        self.sandbox.ok("install")
        assert self.sandbox.command(["alpha"]).out == "alpha 1.0.0\n"
        assert self.sandbox.lock["resolved"] == {"alpha@^1.0": "1.0.0", "beta@1.2.0": "1.2.0"}
        assert self.sandbox.incomplete() == []
        assert self.sandbox.staged() == []
