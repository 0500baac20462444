"""Sign-ins, refreshes, changes and revocations in any order, against a model of valid credentials."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from envmgr.server.contracts.identity_requests import KeyCreate, Logout, UserPatch
from envmgr.server.contracts.problems import RefreshTokenReused
from envmgr.server.gateway.store import sessions, users
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Principal, RequestContext
from envmgr.server.kit.common.problems import Unauthenticated
from support.matrices import examples
from support.services.gateway_fixtures import HERE, gate_in, sqlite_with_admin

SYSTEM = RequestContext(principal=Principal(actor="user:admin", role="admin", scopes=SCOPES_BY_ROLE["admin"]))
PEOPLE = ("ada", "bob")
ROLES = st.sampled_from(["admin", "user", "viewer"])


@dataclass
class Sitting:
    """A session of the model."""

    person: str
    id: int
    ended: bool = False
    tokens: list[str] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)


@dataclass
class Key:
    """An API key of the model."""

    person: str
    id: int
    token: str
    scopes: frozenset[str]
    revoked: bool = False


class Credentials(RuleBasedStateMachine):
    sittings = Bundle("sittings")
    keys = Bundle("keys")

    @initialize()
    def open(self):
        self.loop = asyncio.new_event_loop()
        self.stack = contextlib.AsyncExitStack()
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name)
        (path / "gateway.db").write_bytes(sqlite_with_admin())
        self.gate = self.wait(self.stack.enter_async_context(gate_in(path)))
        self.roles, self.active = {}, {}
        self.all_sittings, self.all_keys = [], []
        self.ids = {}
        for name in PEOPLE:
            self.ids[name] = self.wait(
                self.gate.database.write(lambda t, n=name: users.add(t, n, "!", "user"))
            ).id
            self.roles[name], self.active[name] = "user", True

    def wait(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def teardown(self):
        if hasattr(self, "stack"):
            self.wait(self.stack.aclose())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            self.directory.cleanup()

    def end_all(self, name):
        for sitting in self.all_sittings:
            sitting.ended = sitting.ended or sitting.person == name

    @rule(target=sittings, name=st.sampled_from(PEOPLE))
    def sign_in(self, name):
        """Create a session without the password check, as hashing is slow."""
        service, client = self.gate.sessions, _client_info()

        def unit(transaction):
            session_id = sessions.create(transaction, self.ids[name], "192.0.2.1", 0)
            client.store(transaction, session_id)
            return sessions.find_active(transaction, session_id, transaction.now), session_id

        session, session_id = self.wait(self.gate.database.write(unit))
        assert (session is not None) == self.active[name]
        sitting = Sitting(name, session_id, ended=session is None)
        if session is not None:
            tokens = service._tokens(session, client.text)
            sitting.tokens.append(tokens.access_token)
            sitting.refresh.append(tokens.refresh_token)
            self.all_sittings.append(sitting)
        return sitting

    @rule(sitting=sittings)
    def refresh(self, sitting):
        if not sitting.refresh:
            return
        try:
            tokens = self.wait(self.gate.sessions.refresh(HERE, sitting.refresh[-1]))
        except Unauthenticated:
            assert sitting.ended
        else:
            assert not sitting.ended
            sitting.tokens.append(tokens.access_token)
            sitting.refresh.append(tokens.refresh_token)

    @rule(sitting=sittings)
    def steal(self, sitting):
        if len(sitting.refresh) < 2:
            return
        try:
            self.wait(self.gate.sessions.refresh(HERE, sitting.refresh[0]))
        except RefreshTokenReused:
            sitting.ended = True
        else:
            raise AssertionError("a used token was taken")

    @rule(sitting=sittings)
    def sign_out(self, sitting):
        if sitting.refresh:
            self.wait(self.gate.sessions.logout(None, Logout(refresh_token=sitting.refresh[-1])))
            sitting.ended = True

    @rule(name=st.sampled_from(PEOPLE), role=ROLES)
    def change_role(self, name, role):
        self.wait(self.gate.users.update(SYSTEM, name, UserPatch(role=role)))
        if role != self.roles[name]:
            self.end_all(name)
        self.roles[name] = role

    @rule(name=st.sampled_from(PEOPLE), active=st.booleans())
    def let_in_or_out(self, name, active):
        self.wait(self.gate.users.update(SYSTEM, name, UserPatch(active=active)))
        if active != self.active[name]:
            self.end_all(name)
        self.active[name] = active

    @rule(
        target=keys,
        sitting=sittings,
        scopes=st.sets(st.sampled_from(sorted(SCOPES_BY_ROLE["admin"])), min_size=1),
    )
    def make_key(self, sitting, scopes):
        is_signed_in = [self.wait(self.is_in(token)) for token in sitting.tokens[-1:]]
        principal = is_signed_in[0] if is_signed_in else None
        assert (principal is not None) == (not sitting.ended)
        if principal is None or not principal.scopes >= scopes:
            return None
        new_key = self.wait(
            self.gate.keys.create(
                RequestContext(principal=principal), KeyCreate(name="k", scopes=tuple(scopes))
            )
        ).value
        key = Key(sitting.person, new_key.id, new_key.key, frozenset(scopes))
        self.all_keys.append(key)
        return key

    @rule(key=consumes(keys))
    def revoke(self, key):
        if key is not None:
            self.wait(self.gate.keys.revoke(SYSTEM, key.id))
            key.revoked = True

    async def is_in(self, token):
        try:
            return await self.gate.principal_of(token)
        except Unauthenticated:
            return None

    @invariant()
    def those_are_in_who_should_be(self):
        for sitting in getattr(self, "all_sittings", ()):
            for token in sitting.tokens:
                result = self.wait(self.is_in(token))
                assert (result is None) == sitting.ended, sitting
                if result:
                    assert result.role == self.roles[sitting.person]
        for key in getattr(self, "all_keys", ()):
            result = self.wait(self.is_in(key.token))
            assert (result is None) == (key.revoked or not self.active[key.person]), key
            if result:
                assert result.scopes == key.scopes & SCOPES_BY_ROLE[self.roles[key.person]]


def _client_info():
    from envmgr.server.gateway.service.sessions import _NewRefreshToken

    return _NewRefreshToken()


TestCredentials = Credentials.TestCase
TestCredentials.settings = settings(max_examples=examples(20), stateful_step_count=30, deadline=None)
