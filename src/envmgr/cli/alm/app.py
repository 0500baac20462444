"""Every command of `envmgr alm`: each file named here declares some, and calls the module that does the work."""

from __future__ import annotations

from envmgr.cli.alm.declarations import auth_push, deploy_query, keys, resources
from envmgr.cli.alm.group import alm_app

FILES = (auth_push, deploy_query, resources, keys)

__all__ = ["FILES", "alm_app"]
