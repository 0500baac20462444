"""Run the server's commands: `python -m envmgr.server`."""

from __future__ import annotations

from envmgr.server.main import main

raise SystemExit(main())
