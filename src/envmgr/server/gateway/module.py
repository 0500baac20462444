"""The gateway, put together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.gateway.api import routes
from envmgr.server.gateway.authenticator import Authenticator
from envmgr.server.gateway.bindings import BindingService
from envmgr.server.gateway.exchange import ExchangeService
from envmgr.server.gateway.gateway import Gateway
from envmgr.server.gateway.handlers import subscription
from envmgr.server.gateway.keys import KeyService
from envmgr.server.gateway.limits import Limits
from envmgr.server.gateway.security import SecurityLog
from envmgr.server.gateway.sessions import Parts, SessionService
from envmgr.server.gateway.store.tables import HEAD
from envmgr.server.gateway.users import UserService
from envmgr.server.gateway.vault import Vault
from envmgr.server.kit.allowance import Allowance
from envmgr.server.kit.dead_letters import DeadLetters
from envmgr.server.kit.issuers import Issuers
from envmgr.server.kit.module import Job, Module, housekeeping
from envmgr.server.kit.outbox import Outbox
from envmgr.server.kit.passwords import Passwords

if TYPE_CHECKING:
    from envmgr.server.kit.sql import Database
    from envmgr.server.kit.tokens import Keyring

NAME = "gateway"
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
USAGE_EVERY, SWEEP_EVERY = 60.0, 3600.0
__all__ = ["HEAD", "MIGRATIONS", "NAME", "make", "module"]


def make(database: Database, keyring: Keyring, issuers: Issuers | None = None) -> Gateway:
    """Make the services.

    The keys are those of `kit.tokens.keyring`; `issuers` finds those of the tokens that CI systems give to jobs.
    """
    authenticator, passwords = Authenticator(database, keyring), Passwords()
    vault = Vault(keyring.secret)
    heard = Allowance(burst=100, per_second=1 / 10)
    parts = Parts(database, authenticator, keyring, passwords, Limits(database), heard)
    return Gateway(
        database=database,
        keyring=keyring,
        passwords=passwords,
        authenticator=authenticator,
        refusals=SecurityLog(database),
        sessions=SessionService(parts),
        users=UserService(database, authenticator, passwords, vault),
        keys=KeyService(database, authenticator, vault),
        bindings=BindingService(database, authenticator),
        exchange=ExchangeService(database, keyring, issuers or Issuers(), heard),
    )


def module(database: Database, gateway: Gateway) -> Module:
    """Make what runs them."""
    dead_letters = DeadLetters(database, NAME)
    return Module(
        name=NAME,
        routes=routes(gateway),
        outbox=Outbox(database, NAME),
        dead_letters=dead_letters,
        subscriptions=[subscription(gateway.authenticator, dead_letters)],
        jobs=[
            housekeeping(NAME, database),
            Job(f"{NAME}-sweep", SWEEP_EVERY, gateway.sweep),
            Job(f"{NAME}-usage", USAGE_EVERY, gateway.authenticator.write_usage),
        ],
        stop=gateway.stop,
    )
