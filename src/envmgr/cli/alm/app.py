"""Every command of `envmgr alm`: each file named here declares some, and calls the module that does the work."""

from __future__ import annotations

from envmgr.cli.alm import access, delivery, questions, records
from envmgr.cli.alm.group import alm_app

FILES = (delivery, questions, records, access)

__all__ = ["FILES", "alm_app"]
