"""Service module of the gateway."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.server.gateway.api import POLICY, routes
from envmgr.server.gateway.auth.authenticator import Authenticator
from envmgr.server.gateway.auth.login_throttle import LoginThrottle
from envmgr.server.gateway.auth.request_quota import EXCHANGE_INTERVAL_SECONDS, RequestQuota
from envmgr.server.gateway.auth.response_encryption import ResponseEncryption
from envmgr.server.gateway.service.api_keys import KeyService
from envmgr.server.gateway.service.app_names import AppNames
from envmgr.server.gateway.service.facade import Gateway
from envmgr.server.gateway.service.oidc_bindings import BindingService
from envmgr.server.gateway.service.security_events import SecurityEventLog
from envmgr.server.gateway.service.sessions import SessionDependencies, SessionService
from envmgr.server.gateway.service.token_exchange import ExchangeService
from envmgr.server.gateway.service.users import UserService
from envmgr.server.gateway.store.tables import HEAD
from envmgr.server.kit.http.rate_limit import RateLimiter
from envmgr.server.kit.messaging.dead_letters import DeadLetters
from envmgr.server.kit.messaging.outbox import Outbox
from envmgr.server.kit.runtime.periodic_task import PeriodicTask
from envmgr.server.kit.runtime.service_module import ScheduledJob, ServiceModule, cleanup_job
from envmgr.server.kit.security.jwks_cache import JwksCache
from envmgr.server.kit.security.passwords import Argon2PasswordHasher

if TYPE_CHECKING:
    from envmgr.server.contracts.ports.apps import Apps
    from envmgr.server.kit.db.sql import Database
    from envmgr.server.kit.security.tokens import Keyring

NAME = "gateway"
MIGRATIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")
OWN_TABLE = "user"
"""A table that only this service's database has, in each revision."""
FLUSH_INTERVAL_SECONDS, CLEANUP_INTERVAL_SECONDS = 60.0, 3600.0
__all__ = ["HEAD", "MIGRATIONS", "NAME", "OWN_TABLE", "POLICY", "make", "make_quota", "module"]


def make(database: Database, keyring: Keyring, apps: Apps, issuers: JwksCache | None = None) -> Gateway:
    """Create the services.

    `keyring` signs and verifies tokens of this server; `apps` resolves names of apps;
    `issuers` provides the keys of OIDC issuers.
    """
    authenticator, passwords = Authenticator(database, keyring), Argon2PasswordHasher()
    app_names = AppNames(apps)
    encryption = ResponseEncryption(keyring.secret)
    denial_limiter = RateLimiter(burst=100, per_second=1 / 10)
    dependencies = SessionDependencies(
        database, authenticator, keyring, passwords, LoginThrottle(database), denial_limiter, app_names
    )
    return Gateway(
        database=database,
        keyring=keyring,
        passwords=passwords,
        authenticator=authenticator,
        denials=SecurityEventLog(database),
        sessions=SessionService(dependencies),
        users=UserService(database, authenticator, passwords, encryption),
        keys=KeyService(database, authenticator, encryption, app_names),
        bindings=BindingService(database, authenticator, app_names),
        exchange=ExchangeService(database, keyring, issuers or JwksCache(), denial_limiter),
    )


def make_quota(database: Database, requests_per_minute: int) -> RequestQuota | None:
    """Create the limit on requests of each principal; 0 is none."""
    return RequestQuota(database, requests_per_minute) if requests_per_minute else None


def module(database: Database, gateway: Gateway, shared_quota: RequestQuota | None = None) -> ServiceModule:
    """Create the service module; it exchanges the counts of a quota that several processes share."""
    quota_tasks = (
        [PeriodicTask(f"{NAME}-quota", EXCHANGE_INTERVAL_SECONDS, shared_quota.exchange)]
        if shared_quota
        else []
    )
    return ServiceModule(
        name=NAME,
        routes=routes(gateway),
        database=database,
        outbox=Outbox(database, NAME),
        dead_letters=DeadLetters(database, NAME),
        jobs=[
            cleanup_job(NAME, database),
            ScheduledJob(f"{NAME}-sweep", CLEANUP_INTERVAL_SECONDS, gateway.cleanup),
        ],
        tasks=[
            PeriodicTask(f"{NAME}-usage", FLUSH_INTERVAL_SECONDS, gateway.authenticator.flush_last_used),
            *quota_tasks,
        ],
        close=gateway.close,
    )
